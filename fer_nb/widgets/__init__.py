"Watch a training while it runs: settings, what travels, the training thread, the theatre."
from .controls import Choice, Slider, Surprise
from .stage import Theatre, race, theatre
from .trainer import Pulse, Trainer
from .wire import Wire, frame_block, run_blocks

__all__ = ["Choice", "Pulse", "Slider", "Surprise", "Theatre", "Trainer", "Wire", "frame_block",
           "race", "run_blocks", "theatre"]
