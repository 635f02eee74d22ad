"""The losses without centers in one table, each with a reference in plain Python: tests/arena holds every one of them to the same contract.

A new loss is one line of PLAIN: how to make it, the function behind it, and loops over floats that say what it should give for each sample.
"""
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import nn

from fer_nb import arena as A
from reference import dot, unit

K, D = 5, 3
COUNTS = [300, 40, 7, 90, 1]
DIRECTIONS = A.even_directions(K, 8)[:, :D] + torch.tensor([[.3, -.2, .1]])  # no simplex: what is given is used
PROTOTYPES = torch.tensor([[1., .2, 0], [-.5, 1, .3], [0, -1, 2], [.7, .7, -.7], [-1, -1, -1]])
CASES = ["random", "zero", "zero_sample", "equal", "sure", "wrong", "single", "one_class", "huge", "tiny"]


def make(case="random", columns=K, m=11, seed=0, huge=1e3):
    "A batch of the named kind in float64: logits or embeddings, labels."
    g = torch.Generator().manual_seed(seed)
    m = 1 if case == "single" else m
    x, y = torch.randn(m, columns, generator=g, dtype=torch.float64), torch.randint(K, (m,), generator=g)
    if case == "zero": x = x * 0
    if case == "zero_sample": x[2] = 0
    if case == "equal": x[1:] = x[0]
    if case in ("sure", "wrong") and columns == K: x[torch.arange(m), y] += 40. if case == "sure" else -40.
    if case == "one_class": y = y * 0 + 2
    if case == "huge": x = x * huge
    if case == "tiny": x = x * 1e-160
    return x, y


# ---- references: the value of each sample, None for one that says nothing. Loops over Python floats.

def entropy(z, label):
    top = max(z)
    return top - z[label] + math.log(math.fsum(math.exp(v - top) for v in z))


def shares(z):
    e = [math.exp(v - max(z)) for v in z]
    return [v / math.fsum(e) for v in e]


def ref_adjusted(x, y, tau): return [entropy([v + tau * math.log(n / sum(COUNTS)) for v, n in zip(z, COUNTS)], label) for z, label in zip(x, y)]


def ref_focal(x, y, gamma):
    rest = [math.fsum(p for k, p in enumerate(shares(z)) if k != label) for z, label in zip(x, y)]
    return [q ** gamma * entropy(z, label) for q, z, label in zip(rest, x, y)]


def ref_margin(x, y, margins): return [entropy([v - margins[label] * (k == label) for k, v in enumerate(z)], label) for z, label in zip(x, y)]


def ref_contrastive(x, y, tau, c=None):
    c = [] if c is None else c
    u, whose, values = [unit(a)[0] for a in (*x, *c)], [*y, *range(len(c))], []
    for i in range(len(x)):
        alike = {a: dot(u[i], u[a]) / tau for a in range(len(u)) if a != i}
        partners = [v for a, v in alike.items() if whose[a] == y[i]]
        if not partners: values.append(None); continue
        top, of = max(alike.values()), {}
        for a, v in alike.items(): of.setdefault(whose[a], []).append(math.exp(v - top))
        crowd = math.fsum(math.fsum(e) / (len(e) if c else 1) for e in of.values())
        values.append(top + math.log(crowd) - math.fsum(partners) / len(partners))
    return values


def ref_dot(x, y): return [(dot(unit(a)[0], unit(DIRECTIONS[label].tolist())[0]) - 1) ** 2 / 2 for a, label in zip(x, y)]


def ref_ring(x, y, radius): return [(math.hypot(*a) - radius) ** 2 / 2 for a in x]


# ---- the table

@dataclass(frozen=True)
class Plain:
    "A loss, the function behind it and what each sample should give."
    module: Callable[..., nn.Module]  # (**options)
    value: Callable  # (x, y, **words) -> scalar
    reference: Callable  # (rows, labels) -> the value of each sample
    columns: int = K  # D for embeddings
    soft: bool = True  # whether it takes soft labels
    alone: bool = True  # whether a sample's loss is its own affair
    rough: tuple[str, ...] = ()  # cases in which plain differences have no slope

    def batch(self, case="random", **sizes): return make(case, self.columns, **sizes)


class Fixed(A.DotRegressionLoss):
    "Dot regression on given directions."
    def __init__(self, **options):
        super().__init__(K, 8, **options)
        self.directions = DIRECTIONS.clone()


def bcl(**options):
    made = A.BalancedContrastiveLoss(K, D, .5, **options)
    made.prototypes.data = PROTOTYPES.clone()
    return made


embedded = partial(Plain, columns=D, rough=("zero", "zero_sample", "tiny"))
crowd = partial(embedded, soft=False, alone=False)
LDAM = [.5 * (1 / n) ** .25 for n in COUNTS]

PLAIN = {
    "adjusted": Plain(partial(A.LogitAdjustedLoss, COUNTS), lambda x, y, **w: A.logit_adjusted_loss(x, y, COUNTS, **w), partial(ref_adjusted, tau=1.)),
    "adjusted, half": Plain(partial(A.LogitAdjustedLoss, COUNTS, .5), lambda x, y, **w: A.logit_adjusted_loss(x, y, COUNTS, .5, **w), partial(ref_adjusted, tau=.5)),
    "focal": Plain(partial(A.FocalLoss, K), A.focal_loss, partial(ref_focal, gamma=2.)),
    "focal, below 1": Plain(partial(A.FocalLoss, K, .5), lambda x, y, **w: A.focal_loss(x, y, .5, **w), partial(ref_focal, gamma=.5)),
    "ldam": Plain(partial(A.LDAMLoss, COUNTS, .5, 8.), lambda x, y, **w: A.margin_loss(x, y, 8 * A.ldam_margins(COUNTS).double(), **w),
                  partial(ref_margin, margins=[8 * v for v in LDAM]), soft=False),
    "cosface": Plain(partial(A.CosFaceLoss, K, 8., .3), lambda x, y, **w: A.margin_loss(x, y, torch.full((K,), 2.4, dtype=torch.float64), **w),
                     partial(ref_margin, margins=[2.4] * K), soft=False),
    "supcon": crowd(partial(A.SupConLoss, K, .5), lambda x, y, **w: A.supcon_loss(x, y, K, .5, **w), partial(ref_contrastive, tau=.5)),
    "bcl": crowd(bcl, lambda x, y, **w: A.balanced_contrastive_loss(x, y, PROTOTYPES, .5, **w), partial(ref_contrastive, tau=.5, c=PROTOTYPES.tolist())),
    "etf": embedded(Fixed, lambda x, y, **w: A.dot_regression_loss(x, y, DIRECTIONS, **w), ref_dot),
    "ring": embedded(partial(A.RingLoss, K, 2.), lambda x, y, **w: A.ring_loss(x, y, K, 2., **w), partial(ref_ring, radius=2.)),
}
