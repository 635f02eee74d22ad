"A training step as a file, for whoever has no PyTorch."
from .knobs import trace_knobs
from .step import TracedStep, export_step, trace_look, trace_step

__all__ = ["TracedStep", "export_step", "trace_knobs", "trace_look", "trace_step"]
