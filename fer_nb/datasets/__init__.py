"The sets the papers used, from their owners or from the copies people have, all into one form."
from ..batches import BalancedBatches, BalancedSampler, balance_figure
from ..faces import AU_NAMES, COMPOUND_EMOTIONS, EMOTIONS
from ..pictures import PICTURES, open_picture
from .fer_sets import fer2013, ferplus
from .folder import FaceFolder, Report
from .lab_sets import ckplus, jaffe, kdef, mmi, open_frame, tfeid
from .leaks import find_duplicates, fingerprint
from .recognition import DATASETS, recognize
from .splits import split_by_subject
from .summary import Summary, sample_figure
from .tree import EXPECTED, LAYOUTS
from .wild_sets import affectnet, emotionet, rafdb, rafdb_compound, unlabeled

__all__ = ["AU_NAMES", "COMPOUND_EMOTIONS", "DATASETS", "EMOTIONS", "EXPECTED", "LAYOUTS",
           "PICTURES", "BalancedBatches", "BalancedSampler", "FaceFolder", "Report", "Summary",
           "affectnet", "balance_figure", "ckplus", "emotionet", "fer2013", "ferplus",
           "find_duplicates", "fingerprint", "jaffe", "kdef", "mmi", "open_frame", "open_picture",
           "rafdb", "rafdb_compound", "recognize", "sample_figure", "split_by_subject", "tfeid",
           "unlabeled"]
