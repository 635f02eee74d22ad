"A training step as a file, for whoever has no PyTorch."
from .step import TracedStep, export_step, trace_step

__all__ = ["TracedStep", "export_step", "trace_step"]
