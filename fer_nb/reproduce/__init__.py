"""Every table of the five papers: printed numbers as data, and one command that trains them."""
from ..runtime import first_process
from .costs import Sizing, sizing
from .experiments import EXPERIMENTS, PROGRAMS, Cell, Experiment, find
from .fitting import build, load_vggface, measure, objective, train
from .report import collect, decimals, figures, markdown, show
from .runner import run
from .seeds import beside, told_apart
from .sets import check_data, needs, parts
from .trainings import EMBEDDED, LOSSES, NETWORKS, SCALES, TRAININGS, Training, at_scale

__all__ = [
    "Cell", "EMBEDDED", "EXPERIMENTS", "Experiment", "LOSSES", "NETWORKS", "PROGRAMS", "SCALES",
    "Sizing", "TRAININGS", "Training", "at_scale", "beside", "build", "check_data", "collect",
    "decimals", "figures", "find", "first_process", "load_vggface", "markdown", "measure", "needs",
    "objective", "parts", "run", "show", "sizing", "told_apart", "train"]
