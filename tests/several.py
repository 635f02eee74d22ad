"This process as one of several, for whatever only asks who it is."
from contextlib import contextmanager
from functools import partial

import pytest
import torch


@contextmanager
def as_process(rank, world):
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("is_initialized", True), ("get_rank", rank), ("get_world_size", world)):
            patch.setattr(torch.distributed, name, partial(lambda value, group=None: value, value))
        yield
