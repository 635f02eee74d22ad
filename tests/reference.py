"For tests that compare with plain Python: vectors as lists of floats, closeness of tensors, the largest tensor that is ever made."
import math

import torch
from torch.testing import assert_close
from torch.utils._python_dispatch import TorchDispatchMode


def tensor(rows): return torch.tensor(rows, dtype=torch.float64)


def dot(a, b): return math.fsum(p * q for p, q in zip(a, b))


def unit(a):
    "Direction and length; a zero vector keeps no direction."
    largest = max(map(abs, a)) or 1.
    scaled = [v / largest for v in a]
    length = math.sqrt(dot(scaled, scaled))
    return ([v / length for v in scaled], length * largest) if length else (scaled, math.inf)


def close(a, b, rtol=1e-10, floor=0., least=0.):
    "Equal to rtol, relative to the largest entry (at least to `floor`), and `least` on top."
    b = torch.as_tensor(b, dtype=torch.float64)
    assert a.isfinite().all()
    assert_close(a.double(), b, rtol=rtol, atol=rtol * max(b.abs().max().item(), floor) + least)


class Largest(TorchDispatchMode):
    "The size of the largest tensor that is made while it is entered."
    size = 0
    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for t in out if isinstance(out, (tuple, list)) else [out]:
            if isinstance(t, torch.Tensor): self.size = max(self.size, t.untyped_storage().nbytes() // t.element_size())
        return out
