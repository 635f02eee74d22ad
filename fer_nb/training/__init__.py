"Training as an iterator: ask for the next step, look at it, stop whenever you like."
from ..batches import Batches, Source
from ..batches import as_source as _source  # noqa: F401
from .loop import fit, progress
from .objective import Objective, Step, cosine, schedule_figure, staircase
from .scores import Score, confusion_figure, evaluate, readout, score
from .watch import NonFiniteLoss, curves_figure

__all__ = ["Batches", "NonFiniteLoss", "Objective", "Score", "Source", "Step",
           "confusion_figure", "cosine", "curves_figure", "evaluate", "fit", "progress", "readout",
           "schedule_figure", "score", "staircase"]
