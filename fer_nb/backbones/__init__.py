"The networks that turn an image into an embedding, and the embedding into class scores."
from .faces import (
    AlexNet,
    Backbone,
    LabCNN,
    ResNet18,
    VGG16FC,
    VGG19Taps,
    from_torchvision,
    receptive_field,
)
from .lenets import (
    Layer,
    LeNetsPP,
    Output,
    conv_stage,
    initialise,
    layer_table,
    memory_layout,
    signal_spread,
)

__all__ = ["AlexNet", "Backbone", "LabCNN", "Layer", "LeNetsPP", "Output", "ResNet18", "VGG16FC",
           "VGG19Taps", "conv_stage", "from_torchvision", "initialise", "layer_table",
           "memory_layout", "receptive_field", "signal_spread"]
