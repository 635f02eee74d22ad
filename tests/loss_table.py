"""All losses in one table, each with a reference in plain Python: tests/losses holds every one of them to the same contract.

A new loss is one line of LOSSES: how to make it, the function behind it, and loops over floats that say what it should give.
"""
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import nn
from torch.nn import functional as F

from fer_nb.angular_softmax import AngularSoftmax, angular_logits
from fer_nb.centers import CenterLoss, IslandLoss, center_delta, center_loss, island_delta, island_loss
from fer_nb.dda import DDALoss, dda_delta, dda_loss
from fer_nb.large_margin import LargeMarginLoss, large_margin_loss
from fer_nb.separate_loss import SeparateLoss, separate_delta, separate_loss
from reference import dot, tensor, unit

CASES = ["random", "tied", "empty", "zero", "zero_sample", "zero_center", "on_center", "opposite", "single", "one_class", "many_classes",
         "huge", "huge_tied", "far", "far_tied", "tiny", "converged"]


def make(case="random", m=11, d=3, K=5, seed=0, huge=1e5, tiny=1e-160):
    "A batch of the named kind in float64: embeddings, labels, centers."
    g = torch.Generator().manual_seed(seed)
    m, K = {"single": (1, K), "one_class": (m, 1), "many_classes": (m, 40)}.get(case, (m, K))
    x, c = torch.randn(m, d, generator=g, dtype=torch.float64), torch.randn(K, d, generator=g, dtype=torch.float64)
    y = torch.randint(K, (m,), generator=g)
    if "huge" in case: x, c = x * huge, c * huge
    if "tied" in case:                                            # three centers in one place, samples near it
        c[1:3] = c[0]
        x[:6] = c[0] + torch.randn(6, d, generator=g, dtype=torch.float64)
    if case == "empty": y = y.clamp(max=1)
    if case == "zero": x, c = x * 0, c * 0
    if case == "zero_sample": x[2] = 0
    if case == "zero_center": c[1] = 0
    if case == "on_center": x = c[y].clone()
    if case == "opposite": x = -2 * c[y]
    if "far" in case: x, c = x + 1e5, c + 1e5
    if case == "converged":                                       # probabilities of other classes about 1e-8
        c = c / 10 + 2.5 * torch.arange(K)[:, None]
        x = c[y] + x / 20
    if case == "tiny": x, c = x * tiny, c * tiny
    return x, y, c


# ---- references: value, gradient for x, gradient for c; and the step of a rule. Loops over Python floats.

def ref_center(x, y, c):
    x, y, c = x.tolist(), y.tolist(), c.tolist()
    m, K, d = len(x), len(c), len(c[0])
    value = math.fsum((x[i][j] - c[y[i]][j]) ** 2 for i in range(m) for j in range(d)) / (2 * m)
    for_x = [[(x[i][j] - c[y[i]][j]) / m for j in range(d)] for i in range(m)]
    for_c = [[math.fsum(c[k][j] - x[i][j] for i in range(m) if y[i] == k) / m for j in range(d)] for k in range(K)]
    return value, tensor(for_x), tensor(for_c)


def rule_center(x, y, c):
    x, y, c = x.tolist(), y.tolist(), c.tolist()
    mine = [[a for a, label in zip(x, y) if label == k] for k in range(len(c))]
    return tensor([[math.fsum(at - a[j] for a in mine[k]) / (1 + len(mine[k])) for j, at in enumerate(c[k])] for k in range(len(c))])


def island_part(c, lam1):
    "The term between centers and the part of the rule that comes from it."
    u, K = [unit(a) for a in c.tolist()], len(c)
    value, rule = 0., [[0.] * c.shape[1] for _ in range(K)]
    for j in range(K):
        for k in range(K):
            if j == k: continue
            cos = dot(u[j][0], u[k][0])
            value += lam1 * (cos + 1)
            for t in range(c.shape[1]): rule[j][t] += lam1 / (K - 1) * (u[k][0][t] - cos * u[j][0][t]) / u[j][1]
    return value, tensor(rule)


def ref_island(x, y, c, lam1=10.):
    value, for_x, for_c = ref_center(x, y, c)
    between, apart = island_part(c, lam1)
    return value + between, for_x, for_c + 2 * (len(c) - 1) * apart    # the double sum holds each pair twice, the rule averages over K - 1


def rule_island(x, y, c, lam1=10.): return rule_center(x, y, c) + island_part(c, lam1)[1]


def ref_dda(x, y, c):
    x, y, c = x.tolist(), y.tolist(), c.tolist()
    m, K, d = len(x), len(c), len(c[0])
    values, weight = [], []
    for i in range(m):
        far = [math.fsum((a - b) ** 2 for a, b in zip(x[i], c[k])) for k in range(K)]
        e = [math.exp(min(far) - f) for f in far]
        p = [v / math.fsum(e) for v in e]
        values.append((far[y[i]] - min(far) + math.log(math.fsum(e))) / (2 * m))
        rest = math.fsum(p[k] for k in range(K) if k != y[i])
        weight.append([rest if k == y[i] else -p[k] for k in range(K)])
    for_x = [[math.fsum(weight[i][k] * (x[i][j] - c[k][j]) for k in range(K)) / m for j in range(d)] for i in range(m)]
    for_c = [[math.fsum(weight[i][k] * (c[k][j] - x[i][j]) for i in range(m)) / m for j in range(d)] for k in range(K)]
    return math.fsum(values), tensor(for_x), tensor(for_c)


def rule_dda(x, y, c): return rule_center(x, y, c) + ref_dda(x, y, c)[2]


def mix_dda(x, y, c, one=ref_center, other=ref_dda):
    "lam = 0.01, gamma = 5, and the authors' program's further division by the batch's size."
    return tuple(.01 * a + 5 / len(x) * b for a, b in zip(one(x, y, c), other(x, y, c)))


def turn(a, b):
    "Derivative of the cosine between a and b with respect to b."
    u, (v, length) = unit(a)[0], unit(b)
    return [(p - dot(u, v) * q) / length for p, q in zip(u, v)]


def separate_parts(x, y, c):
    "Both terms, their gradients (x; c of intra; c of inter) and the part of the rule that comes from intra."
    x, y, c = x.tolist(), y.tolist(), c.tolist()
    m, K, d = len(x), len(c), len(c[0])
    u, v = [unit(a)[0] for a in x], [unit(a)[0] for a in c]
    intra = 1 - math.fsum(dot(u[i], v[y[i]]) + 1 for i in range(m)) / (2 * m)
    pairs = [(j, k) for j in range(K) for k in range(K) if j != k]
    inter = math.fsum(dot(v[j], v[k]) + 1 for j, k in pairs) / (2 * len(pairs)) if pairs else 0.
    for_x = [[-t / (2 * m) for t in turn(c[y[i]], x[i])] for i in range(m)]
    mine = [[turn(x[i], c[j]) for i in range(m) if y[i] == j] for j in range(K)]
    intra_c = [[-math.fsum(t[a] for t in mine[j]) / (2 * m) for a in range(d)] for j in range(K)]
    inter_c = [[math.fsum(turn(c[k], c[j])[a] for k in range(K) if k != j) / max(len(pairs), 1) for a in range(d)] for j in range(K)]
    rule_intra = [[t / (1 + len(mine[j])) for t in row] for j, row in enumerate(intra_c)]
    return intra, inter, *map(tensor, (for_x, intra_c, inter_c, rule_intra))


def ref_separate(x, y, c):
    intra, inter, for_x, intra_c, inter_c, _ = separate_parts(x, y, c)
    return intra + inter, for_x, intra_c + inter_c


def rule_separate(x, y, c):
    *_, inter_c, rule_intra = separate_parts(x, y, c)
    return rule_intra + inter_c


def margin_parts(x, y, c):
    "Eq. 3 by distances, as printed, for classes that have a centroid, per sample; gradients of the mean for x and c."
    x, y, c = x.tolist(), y.tolist(), c.tolist()
    m, K, d = len(x), len(c), len(c[0])
    u, v = [unit(a) for a in x], [unit(a) for a in c]
    there = [any(a) for a in c]
    losses, for_u, for_v = [], [], [[0.] * d for _ in c]
    for (direction, _), k in zip(u, y):
        others = [j for j in range(K) if j != k and there[j]]
        near = [math.fsum((p - q) ** 2 for p, q in zip(direction, v[j][0])) if any(direction) else 2. for j in range(K)]   # cosine 0
        own = near[k] if there[k] else 2.
        losses.append(own - (math.fsum(near[j] for j in others) / len(others) if others else 2.))
        share = {k: -2., **{j: 2 / len(others) for j in others}}
        for_u.append([math.fsum(w * v[j][0][q] for j, w in share.items()) / m for q in range(d)])
        for j, w in share.items():
            for q in range(d): for_v[j][q] += w * direction[q] / m
    def through(g, pair):
        direction, length = pair
        return [(p - dot(g, direction) * q) / length for p, q in zip(g, direction)]
    return tensor(losses), tensor([through(g, p) for g, p in zip(for_u, u)]), tensor([through(g, p) for g, p in zip(for_v, v)])


def ref_margin(x, y, c):
    losses, for_x, for_c = margin_parts(x, y, c)
    return losses.mean().item(), for_x, for_c


def mean_directions(x, y, K):
    "Mean direction of each class's embeddings; None for an absent class."
    mine = [[unit(a)[0] for a, label in zip(x.tolist(), y.tolist()) if label == k] for k in range(K)]
    return [[math.fsum(column) / len(of) for column in zip(*of)] if of else None for of in mine]


def rule_margin(x, y, c):
    means = mean_directions(x, y, len(c))
    return tensor([[p - q for p, q in zip(at, mean)] if mean else [0.] * len(at) for at, mean in zip(c.tolist(), means)])


def batch_centroids(x, y, c): return tensor([mean or [0.] * x.shape[1] for mean in mean_directions(x, y, len(c))])


def ref_angular(x, y, w, s=8., m=.5, monotone=False):
    "Mean cross-entropy of the logits with an exact angle; `logits_angular` gives them."
    return logits_angular(x, y, w, s, m, monotone)[1:]


def logits_angular(x, y, w, s, m, monotone=False):
    "Logits, mean cross-entropy, its gradients for x and w."
    x, y, w = x.tolist(), y.tolist(), w.tolist()
    B, K, d = len(x), len(w), len(x[0])
    u, v = [unit(a) for a in x], [unit(a) for a in w]
    logits, losses, for_x, for_w = [], [], [[0.] * d for _ in x], [[0.] * d for _ in w]
    for i in range(B):
        angle, cos = [], []
        for k in range(K):
            apart = math.sqrt(math.fsum((a - b) ** 2 for a, b in zip(u[i][0], v[k][0])))
            along = math.sqrt(math.fsum((a + b) ** 2 for a, b in zip(u[i][0], v[k][0])))
            angle.append(2 * math.atan2(apart, along)), cos.append(math.cos(angle[k]))          # keeps its digits at 0 and π
        value, slope = [s * c for c in cos], [-s * math.sin(a) for a in angle]                  # and its derivative by the angle
        if monotone and m and angle[y[i]] > math.pi - m: value[y[i]] = s * (cos[y[i]] - m * math.sin(m))
        else: value[y[i]], slope[y[i]] = s * math.cos(angle[y[i]] + m), -s * math.sin(angle[y[i]] + m)
        e = [math.exp(t - max(value)) for t in value]
        p = [t / math.fsum(e) for t in e]
        logits.append(value)
        losses.append(max(value) - value[y[i]] + math.log(math.fsum(e)))
        for k in range(K):
            error = -math.fsum(p[j] for j in range(K) if j != y[i]) if k == y[i] else p[k]
            sine = math.sin(angle[k])
            for t in range(d):
                side_x, side_w = (v[k][0][t] - cos[k] * u[i][0][t]) / sine, (u[i][0][t] - cos[k] * v[k][0][t]) / sine
                for_x[i][t] -= error * slope[k] * side_x / u[i][1] / B
                for_w[k][t] -= error * slope[k] * side_w / v[k][1] / B
    return tensor(logits), math.fsum(losses) / B, tensor(for_x), tensor(for_w)


# ---- the table

class Angular(nn.Module):
    "The head on angles as a loss: its class vectors are its centers."
    def __init__(self, num_classes, feat_dim, centers="autograd", **settings):
        super().__init__()
        self.head = AngularSoftmax(feat_dim, num_classes, **{"s": 8., **settings})

    @property
    def centers(self): return self.head.weight

    def forward(self, x, y): return F.cross_entropy(self.head(x, y), y.long())


def angular_loss(x, y, w, monotone=False): return F.cross_entropy(angular_logits(x, w, y, 8., .5, monotone), y)


@dataclass(frozen=True)
class Loss:
    "A loss, the function behind it and what they should give."
    module: Callable[..., nn.Module]  # (K, d, alpha=, centers=): forward(x, y) is a scalar, `centers` (K, d)
    value: Callable  # (x, y, c) -> the same scalar
    reference: Callable  # (x, y, c) -> value, gradient for x, gradient for c
    step: Callable | None = None  # (x, y, c) -> what alpha times is taken from the centers; None where the room has no such function
    rule: Callable | None = None  # the same in plain Python; None: the centers are parameters
    modes: tuple[str, ...] = ("rule", "autograd")  # what the argument `centers` knows
    used: Callable = lambda x, y, c: c  # noqa: E731  centers that a training forward pass uses
    huge: float = 1e5  # how long "huge" vectors are: where squared distances still have digits
    tiny: float = 1e-160
    least: float = 1e-300  # how far from the reference values and gradients may be beside 1e-10 of themselves
    shortest: float = 1e-30  # length of vectors in float32 that it still tells from zero
    turns: bool = False  # whether only directions count: gradients then go with 1 / length
    without: tuple[str, ...] = ()  # cases of which the reference knows nothing
    table: bool = False  # whether it may make a tensor (B, K)
    compiler: str = "aot_eager"  # or "inductor", the back end people use: the same graph, and its C++, in ten times the time
    mean: bool = True  # whether it is a mean over samples, so that the losses of a batch's parts add up
    weight: float = 1.  # beside a softmax loss

    def batch(self, case="random", **sizes): return make(case, huge=self.huge, tiny=self.tiny, **sizes)


turns = partial(Loss, huge=1e200, tiny=1e-200, least=1e-14, turns=True)
angular = partial(turns, modes=("autograd",), table=True, without=("tied", "huge_tied", "far_tied", "zero", "zero_sample", "zero_center", "on_center", "opposite", "far", "converged"))
margin = partial(turns, value=large_margin_loss, reference=ref_margin, rule=rule_margin, shortest=1e-25)

LOSSES = {
    "center": Loss(CenterLoss, center_loss, ref_center, center_delta, rule_center, weight=.1),
    "island": Loss(IslandLoss, island_loss, ref_island, island_delta, rule_island, without=("one_class",), weight=.01),
    "dda": Loss(partial(DDALoss, lam=0., gamma=1., scaling="paper"), dda_loss, ref_dda, dda_delta, rule_dda, least=1e-15, table=True, compiler="inductor"),
    "dda-code": Loss(DDALoss, lambda x, y, c: .01 * center_loss(x, y, c) + 5 * dda_loss(x, y, c, "code"), mix_dda, dda_delta, rule_dda, least=1e-15, table=True, mean=False),
    "separate": turns(SeparateLoss, lambda x, y, c: sum(separate_loss(x, y, c)), ref_separate, separate_delta, rule_separate, weight=.9),
    "margin": margin(LargeMarginLoss, modes=("running",)),
    "margin-batch": margin(partial(LargeMarginLoss, centers="batch"), used=batch_centroids, modes=("batch",)),
    "angular": angular(Angular, angular_loss, ref_angular),
    "angular-monotone": angular(partial(Angular, monotone=True), partial(angular_loss, monotone=True), partial(ref_angular, monotone=True), compiler="inductor"),
}
