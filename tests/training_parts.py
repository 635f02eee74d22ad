"What the tests of training share: small data, small networks, and comparing what was trained."
import torch
from torch import nn

from fer_nb.backbones import LeNetsPP


def data(n=40, classes=10, size=12, seed=0):
    g = torch.Generator().manual_seed(seed)
    return torch.randn(n, 1, size, size, generator=g), torch.randint(classes, (n,), generator=g)


X, Y = data()


def net(seed=0, **kwargs):
    torch.manual_seed(seed)
    return LeNetsPP(**{"width": .05, "in_size": 12, **kwargs})


def state(*modules): return [t.clone() for m in modules for t in m.state_dict().values()]


def same(a, b): return len(a) == len(b) and all(torch.equal(s, t) for s, t in zip(a, b))


class Constant(nn.Module):
    "A term that gives what it is told to: one value per training-mode call, then 0."
    def __init__(self, *values):
        super().__init__()
        self.values = list(values)

    def forward(self, x, y): return x.sum() * 0 + (self.values.pop(0) if self.training and self.values else 0.)
