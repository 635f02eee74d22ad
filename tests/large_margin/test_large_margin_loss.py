"Large margin loss: against plain-Python references, in training loops and in two processes."
import copy
import math

import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import nn
from torch.nn import functional as F
from torch.testing import assert_close

from fer_nb.large_margin import LargeMarginLoss, class_centroids, large_margin_loss
from reference import Largest, close, dot, tensor, unit

NAN = float("nan")
CASES = ["random", "tied", "empty", "zero", "zero_sample", "zero_centroid", "on_centroid", "opposite", "single", "one_class", "many_classes", "huge", "tiny", "far"]


def make(case="random", m=11, d=3, K=5, seed=0):
    "A batch in float64 of the named kind."
    g = torch.Generator().manual_seed(seed)
    m, K = {"single": (1, K), "one_class": (m, 1), "many_classes": (m, 40)}.get(case, (m, K))
    x, c = torch.randn(m, d, generator=g, dtype=torch.float64), torch.randn(K, d, generator=g, dtype=torch.float64)
    y = torch.randint(K, (m,), generator=g)
    if case == "tied": c[1:3] = c[0]
    if case == "empty": y = y.clamp(max=1)
    if case == "zero": x, c = x * 0, c * 0
    if case == "zero_sample": x[2] = 0
    if case == "zero_centroid": c[1] = 0
    if case == "on_centroid": x = 2 * c[y]
    if case == "opposite": x = -2 * c[y]
    if case == "huge": x, c = x * 1e200, c * 1e200
    if case == "tiny": x, c = x * 1e-200, c * 1e-200
    if case == "far": x, c = x + 1e5, c + 1e5
    return x, y, c


def reference(x, y, c):
    "Eq. 3 by distances, as printed, for classes that have a centroid; gradients of the mean for x and c. Loops over Python floats."
    x, y, c = x.tolist(), y.tolist(), c.tolist()
    m, K, d = len(x), len(c), len(c[0])
    u, v = [unit(a) for a in x], [unit(a) for a in c]
    there = [any(a) for a in c]
    losses, for_u, for_v = [], [], [[0.] * d for _ in c]
    for (direction, _), k in zip(u, y):
        others = [j for j in range(K) if j != k and there[j]]
        near = lambda j: math.fsum((p - q) ** 2 for p, q in zip(direction, v[j][0]))
        own = near(k) if there[k] and any(direction) else 2.                  # cosine 0
        rest = math.fsum(near(j) if any(direction) else 2. for j in others) / len(others) if others else 2.
        losses.append(own - rest)
        share = {k: -2., **{j: 2 / len(others) for j in others}}
        for_u.append([math.fsum(w * v[j][0][q] for j, w in share.items()) / m for q in range(d)])
        for j, w in share.items():
            for q in range(d): for_v[j][q] += w * direction[q] / m
    def through(g, pair):
        direction, length = pair
        return [(p - dot(g, direction) * q) / length for p, q in zip(g, direction)]
    return tensor(losses), tensor([through(g, p) for g, p in zip(for_u, u)]), tensor([through(g, p) for g, p in zip(for_v, v)])


# ---- the loss

@pytest.mark.parametrize("case", CASES)
def test_values_and_gradients_equal_the_reference(case):
    x, y, c = make(case)
    losses, for_x, for_c = reference(x, y, c)
    scale_x, scale_c = (1 / t.abs().max().clamp(min=1e-300).item() if t.any() else 0. for t in (x, c))     # forces are 1 / length
    x.requires_grad_(), c.requires_grad_()
    ours = large_margin_loss(x, y, c, "none")
    assert_close(ours, losses, rtol=1e-10, atol=1e-14)
    assert_close(large_margin_loss(x, y, c), losses.mean(), rtol=1e-10, atol=1e-14)
    assert_close(large_margin_loss(x, y, c, "sum"), losses.sum(), rtol=1e-10, atol=1e-13)
    grads = torch.autograd.grad(ours.mean(), (x, c))
    close(grads[0], for_x, floor=1e-3 * scale_x)
    close(grads[1], for_c, floor=1e-3 * scale_c)


def test_by_hand():
    c = torch.tensor([[2., 0.], [0., 1.], [-7., 0.]])
    x, y = torch.tensor([[3., 0.], [0., -5.]]), torch.tensor([0, 1])
    assert large_margin_loss(x, y, c, "none").tolist() == [-3, 2]
    c[2] = 0
    assert large_margin_loss(x, y, c, "none").tolist() == [-2, 2]


def test_limits():
    one = torch.tensor([[1., 0.]])
    assert large_margin_loss(one, torch.tensor([0]), torch.tensor([[1., 0.], [-1., 0.], [-2., 0.]])) == -4 == LargeMarginLoss.floor     # as small as it gets
    assert large_margin_loss(-one, torch.tensor([0]), torch.tensor([[1., 0.], [-1., 0.]])) == 4
    x, y, c = make("one_class")
    assert_close(large_margin_loss(x, y, c, "none"), -2 * F.cosine_similarity(x, c))
    simplex = torch.eye(6, dtype=torch.float64) - 1 / 6
    assert_close(large_margin_loss(simplex, torch.arange(6), simplex).item(), -2 * 6 / 5)
    assert large_margin_loss(torch.randn(7, 2), torch.randint(3, (7,)), torch.zeros(3, 2)) == 0                                          # nobody has a centroid


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), m=st.integers(1, 20), K=st.integers(1, 8), d=st.integers(1, 6))
def test_only_directions_count_and_the_loss_is_bounded(seed, m, K, d):
    x, y, c = make(m=m, K=K, d=d, seed=seed)
    g = torch.Generator().manual_seed(seed)
    losses = large_margin_loss(x, y, c, "none")
    assert (losses.abs() < 4 + 1e-12).all()
    stretch = [torch.rand(n, 1, generator=g, dtype=torch.float64) + .1 for n in (m, K)]
    assert_close(large_margin_loss(x * stretch[0], y, c * stretch[1], "none"), losses)
    spin, _ = torch.linalg.qr(torch.randn(d, d, generator=g, dtype=torch.float64))
    assert_close(large_margin_loss(x @ spin, y, c @ spin, "none"), losses)
    order = torch.randperm(K, generator=g)
    assert_close(large_margin_loss(x, order.argsort()[y], c[order], "none"), losses)
    padded = torch.cat([c, torch.zeros(3, d, dtype=torch.float64)])                                           # absent classes change nothing
    assert_close(large_margin_loss(x, y, padded, "none"), losses)


def test_gradcheck_and_second_derivatives():
    x, y, c = make(m=5)
    x.requires_grad_(), c.requires_grad_()
    for reduction in ("mean", "none"): assert torch.autograd.gradcheck(lambda x, c: large_margin_loss(x, y, c, reduction), (x, c))
    assert torch.autograd.gradgradcheck(lambda x, c: large_margin_loss(x, y, c), (x, c))
    assert torch.autograd.gradcheck(lambda x: class_centroids(x, y, 5)[0], x)
    criterion = LargeMarginLoss(5, 3).double()
    criterion(x, y), criterion.eval()
    assert torch.autograd.gradcheck(lambda x: criterion(x, y), x)


@pytest.mark.parametrize("case", [c for c in CASES if c != "one_class"])
def test_centroids_are_mean_directions(case):
    x, y, _ = make(case)
    K = 40 if case == "many_classes" else 5
    centroids, present = class_centroids(x, y, K)
    for k in range(K):
        mine = [unit(a)[0] for a, label in zip(x.tolist(), y.tolist()) if label == k]
        assert present[k].item() == bool(mine)
        mean = [math.fsum(column) / len(mine) for column in zip(*mine)] if mine else [0.] * 3
        assert_close(centroids[k], tensor(mean), rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("norm", [1e-25, 1e-3, 1e3, 1e30])
def test_float32_at_any_length(norm):
    x, y, c = make(m=40, d=64)
    leaves = [[(norm * t).float().requires_grad_() for t in (x, c)], [t.clone().requires_grad_() for t in (x, c)]]
    low, high = ([large_margin_loss(x, y, c), *torch.autograd.grad(large_margin_loss(x, y, c), (x, c))] for x, c in leaves)
    assert_close(low[0].double(), high[0], rtol=1e-6, atol=1e-6)
    for a, b in zip(low[1:], high[1:]): close(a.double() * norm, b, rtol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("centers", ["running", "batch"])
def test_low_precision_inputs_count_in_float32(dtype, centers):
    x, y, _ = make(m=2000)
    x = x.to(dtype)
    criterion = LargeMarginLoss(5, 3, centers=centers)
    twin = copy.deepcopy(criterion)
    for context in (torch.autocast("cpu", dtype=torch.bfloat16), torch.autocast("cpu", enabled=False)):
        with context: loss = criterion(x, y)
        assert loss.dtype == torch.float32
        assert_close(loss, twin(x.float(), y), rtol=0, atol=0)
        assert torch.equal(criterion.centers, twin.centers)
    assert large_margin_loss(x.double(), y, criterion.centers).dtype == torch.float64
    assert class_centroids(x, y, 5)[0].dtype == torch.float32


# ---- the module

def test_running_centroids_move_after_the_loss():
    x, y, c = make("empty")
    criterion = LargeMarginLoss(5, 3, alpha=.3).double()
    assert not criterion.centers.any() and criterion(x, y) == 0
    mean, present = class_centroids(x, y, 5)
    assert_close(criterion.centers, .3 * mean)
    criterion.centers.copy_(c)
    assert_close(criterion(x, y), reference(x, y, c)[0].mean(), rtol=1e-10, atol=1e-14)
    expected = [[p - .3 * (p - q) if there else p for p, q in zip(a, b)] for a, b, there in zip(c.tolist(), mean.tolist(), present.tolist())]
    assert_close(criterion.centers, tensor(expected), rtol=1e-10, atol=1e-14)
    assert torch.equal(criterion.centers[2:], c[2:])                          # classes that are not in the batch


def test_batch_centroids_in_training_remembered_ones_in_evaluation():
    x, y, c = make("empty")
    x.requires_grad_()
    criterion = LargeMarginLoss(5, 3, centers="batch").double()
    criterion.centers.copy_(c)
    loss, mean = criterion(x, y), class_centroids(x.detach(), y, 5)[0]
    assert_close(loss, large_margin_loss(x, y, mean))
    assert_close(torch.autograd.grad(loss, x)[0], reference(x.detach(), y, mean)[1], rtol=1e-10, atol=1e-14)     # the centroids are given
    assert_close(criterion.centers[:2], (c - .5 * (c - mean))[:2])
    now = criterion.centers.clone()
    assert_close(criterion.eval()(x, y), large_margin_loss(x, y, now))
    assert torch.equal(criterion.centers, now)


@pytest.mark.parametrize("centers", ["running", "batch"])
@pytest.mark.parametrize("case", CASES)
def test_everything_stays_finite(case, centers):
    x, y, c = make(case)
    for dtype in (torch.float32, torch.float64):
        scaled = x if dtype == torch.float64 else (x / x.abs().max().clamp(min=1e-300)) * (1e30 if case == "huge" else 1.)
        leaf = scaled.to(dtype).requires_grad_()
        criterion = LargeMarginLoss(len(c), 3, centers=centers).to(dtype)
        for _ in range(3):
            loss = criterion(leaf, y)
            grad, = torch.autograd.grad(loss, leaf)
            assert loss.isfinite() and grad.isfinite().all() and criterion.centers.isfinite().all()


@pytest.mark.parametrize("bad", [NAN, math.inf, -math.inf])
@pytest.mark.parametrize("centers", ["running", "batch"])
def test_a_bad_batch_moves_nothing(bad, centers):
    x, y, c = make()
    x[3, 1] = bad
    criterion = LargeMarginLoss(5, 3, centers=centers).double()
    criterion.centers.copy_(c)
    criterion(x, y)
    assert torch.equal(criterion.centers, c)


def test_state_dict_and_loss_scale():
    x, y, _ = make()
    x.requires_grad_()
    one, other = LargeMarginLoss(5, 3).double(), LargeMarginLoss(5, 3).double()
    scaled = copy.deepcopy(one)
    for _ in range(2): one(x, y).backward(); (scaled(x, y) * 65536).backward()
    assert torch.equal(one.centers, scaled.centers) and list(one.state_dict()) == ["centers"] and not list(one.parameters())
    other.load_state_dict(one.state_dict())
    assert_close(one.eval()(x, y), other.eval()(x, y), rtol=0, atol=0)


def test_gradient_accumulation_across_moves():
    x, y, c = make()
    x.requires_grad_()
    criterion = LargeMarginLoss(5, 3).double()
    criterion.centers.copy_(c)
    starts, total = [], 0.
    for shift in (0., 1., 2.):
        starts.append(criterion.centers.clone())
        total = total + criterion(x + shift, y)
    total.backward()
    leaf = x.detach().clone().requires_grad_()
    sum(large_margin_loss(leaf + s, y, c) for s, c in zip((0., 1., 2.), starts)).backward()
    assert_close(x.grad, leaf.grad)


@pytest.mark.parametrize("centers", ["running", "batch"])
def test_compiled_equals_eager(centers):
    x, y, c = make()
    x = x.requires_grad_()
    eager = LargeMarginLoss(5, 3, centers=centers).double()
    eager.centers.copy_(c)
    compiled = torch.compile(copy.deepcopy(eager), fullgraph=True)     # inductor: the back end people use
    for step in range(2):
        a, b = eager(x, y), compiled(x, y)
        assert_close(a, b)
        assert_close(*(torch.autograd.grad(l, x)[0] for l in (a, b)))
        assert_close(eager.centers, compiled.centers)


def test_functional_transforms():
    x, y, c = make()
    leaf = x.clone().requires_grad_()
    per_sample = torch.func.vmap(torch.func.grad(lambda x, y: large_margin_loss(x[None], y[None], c)))(x, y)
    assert_close(per_sample / len(x), torch.autograd.grad(large_margin_loss(leaf, y, c), leaf)[0])


def test_nothing_of_size_batch_times_classes_times_dim():
    "The largest tensor that the forward and backward pass ever make."
    for centers in ("running", "batch"):
        for B, K, d in ((64, 50, 40), (10, 200, 40)):
            x, y, criterion = torch.randn(B, d, requires_grad=True), torch.randint(K, (B,)), LargeMarginLoss(K, d, centers=centers)
            with Largest() as seen: criterion(x, y).backward()
            assert 0 < seen.size <= 2 * max(K * d, B * d)


# ---- two processes

def shares(centers, share, wrap):
    "Three steps of SGD on this process's share; the centroids and the network's weights."
    torch.manual_seed(0)
    network, criterion = wrap(nn.Linear(4, 3).double()), LargeMarginLoss(5, 3, centers=centers).double()
    optimizer = torch.optim.SGD(network.parameters(), lr=.1)
    for step in range(3):
        g = torch.Generator().manual_seed(step)
        x, y = torch.randn(8, 4, generator=g, dtype=torch.float64), torch.randint(5, (8,), generator=g)
        loss = criterion(network(x[share]), y[share])
        optimizer.zero_grad(); loss.backward(); optimizer.step()
    return criterion.centers.clone(), next(network.parameters()).detach().clone()


def in_each(rank):
    "What each of the two processes does."
    half = slice(rank * 4, rank * 4 + 4)
    out = {kind: shares(kind, half, nn.parallel.DistributedDataParallel) for kind in ("running", "batch")}
    x, y, c = make(m=8)
    for kind in ("running", "batch"):
        uneven = LargeMarginLoss(5, 3, centers=kind).double()
        uneven.centers.copy_(c)
        out["uneven", kind] = uneven(x[:2] if rank == 0 else x[2:], y[:2] if rank == 0 else y[2:]), uneven.centers
    different = LargeMarginLoss(5, 3).double()          # processes that started from different centroids
    different.centers.copy_(c + rank)
    different(x, y)
    out["different"] = different.centers
    bad = LargeMarginLoss(5, 3).double()
    bad.centers.copy_(c)
    bad(x * (NAN if rank else 1.), y)                    # a bad number in one process: nobody moves
    out["bad"] = bad.centers
    if rank == 0: bad.eval()(x, y)                      # evaluation needs no partner
    return out


def test_two_processes_equal_one(ddp):
    first, second = ddp(in_each)
    x, y, c = make(m=8)
    for kind in ("running", "batch"):
        for ours, theirs, alone in zip(first[kind], second[kind], shares(kind, slice(None), lambda m: m)):
            assert torch.equal(ours, theirs), kind
            assert_close(ours, alone, rtol=1e-10, atol=1e-12, msg=lambda m: f"{kind}: {m}")
        one = LargeMarginLoss(5, 3, centers=kind).double()
        one.centers.copy_(c)
        loss = one(x, y)
        assert_close((2 * first["uneven", kind][0] + 6 * second["uneven", kind][0]) / 8, loss, rtol=1e-10, atol=1e-12)
        assert_close(first["uneven", kind][1], one.centers, rtol=1e-10, atol=1e-12)
    assert torch.equal(first["different"], second["different"])
    assert torch.equal(first["bad"], c) and torch.equal(second["bad"], c)


# ---- bad input

X, Y, C = torch.zeros(4, 3), torch.zeros(4, dtype=torch.int64), torch.zeros(5, 3)
BAD = [
    (lambda: large_margin_loss(X[0], Y, C), r"x: expected non-empty embeddings \(B, d\), got shape \(3,\)"),
    (lambda: large_margin_loss(X[:0], Y[:0], C), r"x: .*got shape \(0, 3\)"),
    (lambda: large_margin_loss(X.long(), Y, C), "x: expected a floating-point dtype, got torch.int64"),
    (lambda: large_margin_loss(X.numpy(), Y, C), "x: expected a tensor, got ndarray"),
    (lambda: large_margin_loss(X, Y, C[:, :2]), "x: expected embeddings of the centres' dimension 2, got 3"),
    (lambda: large_margin_loss(X, Y.float(), C), "y: expected class numbers of dtype torch.int64, got torch.float32"),
    (lambda: large_margin_loss(X, Y + 5, C), "y: expected labels from 0 to 4, got 5 to 5"),
    (lambda: large_margin_loss(X, Y - 1, C), "y: expected labels from 0 to 4, got -1 to -1"),
    (lambda: large_margin_loss(X, Y, C, "max"), "reduction: expected one of mean, sum, none, got 'max'"),
    (lambda: class_centroids(X, Y, 0), "num_classes: expected a whole number of at least 1, got 0"),
    (lambda: class_centroids(X, Y, True), "num_classes: expected a whole number of at least 1, got True"),
    (lambda: class_centroids(X, Y + 2, 2), "y: expected labels from 0 to 1, got 2 to 2"),
    (lambda: class_centroids(X[0], Y, 2), r"x: expected non-empty embeddings \(B, d\), got shape \(3,\)"),
    (lambda: class_centroids([1.], Y, 2), "x: expected a tensor, got list"),
    (lambda: LargeMarginLoss(0, 2), "num_classes: expected a whole number of at least 1, got 0"),
    (lambda: LargeMarginLoss(5, 2.5), "feat_dim: expected a whole number of at least 1, got 2.5"),
    (lambda: LargeMarginLoss(5, 2, alpha=1.5), r"alpha: expected a number in \(0, 1\], got 1.5"),
    (lambda: LargeMarginLoss(5, 2, centers="all"), "centers: expected one of running, batch, got 'all'"),
    (lambda: LargeMarginLoss(5, 2)(X, Y), "x: expected embeddings of the centres' dimension 2, got 3"),
]


@pytest.mark.parametrize("number", range(len(BAD)))
def test_bad_input_is_named(number):
    call, message = BAD[number]
    with pytest.raises(ValueError, match=message): call()
