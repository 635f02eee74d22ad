"What the tests of the faces share: one face, some scenes, some numbers."
import importlib.util

import torch

from fer_nb.faces import AU_NAMES, DOMAINS

HAVE_NUMBA = importlib.util.find_spec("numba") is not None


def au_of(**intensity):
    "One face; a number for both sides or a pair (left, right)."
    au = torch.zeros(1, 2, 18)
    for name, value in intensity.items(): au[0, :, AU_NAMES.index(name)] = torch.tensor(value if isinstance(value, tuple) else (value, value))
    return au


def scene_of(n=1, domain="lab_color", first=0): return DOMAINS[domain].sample(range(first, first + n))


def numbers(*shape, seed=0): return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def only(*names, sides=(1.0, 1.0)):
    "One face with the named actions, as strong as `sides` says on the person's left and right."
    return au_of(**dict.fromkeys(names, tuple(sides)))
