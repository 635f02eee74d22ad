"The sets the papers used, read the way their owners ship them, all into one form."
from ..batches import BalancedBatches, BalancedSampler, balance_figure
from ..faces import AU_NAMES, COMPOUND_EMOTIONS, EMOTIONS
from ..pictures import PICTURES, open_picture
from .folder import FaceFolder, Report, Summary, sample_figure
from .lab_sets import ckplus, jaffe, kdef, mmi, open_frame, tfeid
from .splits import split_by_subject
from .tree import EXPECTED, LAYOUTS
from .wild_sets import (DATASETS, affectnet, emotionet, fer2013, rafdb, rafdb_compound,
                        unlabeled)

__all__ = ["AU_NAMES", "COMPOUND_EMOTIONS", "DATASETS", "EMOTIONS", "EXPECTED", "LAYOUTS",
           "PICTURES", "BalancedBatches", "BalancedSampler", "FaceFolder", "Report", "Summary",
           "affectnet", "balance_figure", "ckplus", "emotionet", "fer2013", "jaffe", "kdef", "mmi",
           "open_frame", "open_picture", "rafdb", "rafdb_compound", "sample_figure",
           "split_by_subject", "tfeid", "unlabeled"]
