"What a training draws its batches from: tensors in memory, loaders, balanced domains."
from .balanced import BalancedBatches, BalancedSampler, balance_figure
from .loaders import ListBatches, LoaderBatches, as_source
from .memory import Batches, Source

__all__ = ["BalancedBatches", "BalancedSampler", "Batches", "ListBatches", "LoaderBatches",
           "Source", "as_source", "balance_figure"]
