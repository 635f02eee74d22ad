"Centres, centre loss, island loss: against plain-Python references, and as modules in a training loop."
import copy
import math

import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import nn
from torch.testing import assert_close

from fer_nb.centers import (CenterLoss, IslandLoss, center_delta, center_loss, check_batch, class_sums, force_field,
                            forces, island_delta, island_loss)
from reference import close, dot, tensor

CASES = ["random", "tied", "empty", "zero", "on_center", "single", "huge", "far", "tiny"]


def make(case="random", m=11, d=3, K=5, seed=0):
    "A batch in float64 of the named kind."
    g = torch.Generator().manual_seed(seed)
    m = 1 if case == "single" else m
    x, c = torch.randn(m, d, generator=g, dtype=torch.float64), torch.randn(K, d, generator=g, dtype=torch.float64)
    y = torch.randint(K, (m,), generator=g)
    if case == "tied": c[1:3] = c[0]
    if case == "empty": y = y.clamp(max=1)
    if case == "zero": x, c = x * 0, c * 0
    if case == "on_center": x = c[y].clone()
    if case == "huge": x, c = x * 1e5, c * 1e5
    if case == "far": x, c = x + 1e5, c + 1e5
    if case == "tiny": x, c = x * 1e-160, c * 1e-160
    return x, y, c


def ref_center(x, y, c):
    "Loss, gradient for x, gradient for c, rule: loops over Python floats."
    x, y, c = x.tolist(), y.tolist(), c.tolist()
    m, K, d = len(x), len(c), len(c[0])
    loss = math.fsum((x[i][j] - c[y[i]][j]) ** 2 for i in range(m) for j in range(d)) / (2 * m)
    for_x = [[(x[i][j] - c[y[i]][j]) / m for j in range(d)] for i in range(m)]
    pull = [[math.fsum(c[k][j] - x[i][j] for i in range(m) if y[i] == k) for j in range(d)] for k in range(K)]
    n = [y.count(k) for k in range(K)]
    return (loss, tensor(for_x), tensor([[p / m for p in row] for row in pull]),
            tensor([[p / (1 + n[k]) for p in row] for k, row in enumerate(pull)]))


def ref_island(c, lam1):
    "The term between centres and the part of the rule that comes from it."
    c = c.tolist()
    K, d = len(c), len(c[0])
    largest = [max(map(abs, row)) or 1. for row in c]
    unit = [[v / s for v in row] for row, s in zip(c, largest)]
    length = [math.sqrt(dot(u, u)) for u in unit]
    unit = [[v / l if l else 0. for v in u] for u, l in zip(unit, length)]
    value, rule = 0., [[0.] * d for _ in c]
    for j in range(K):
        for k in range(K):
            if j == k: continue
            cos = dot(unit[j], unit[k])
            value += lam1 * (cos + 1)
            for t in range(d if length[j] else 0):
                rule[j][t] += lam1 / (K - 1) * (unit[k][t] - cos * unit[j][t]) / (length[j] * largest[j])
    return value, tensor(rule)


@pytest.mark.parametrize("case", CASES)
def test_center_loss_gradients_and_rule_equal_the_reference(case):
    x, y, c = make(case)
    loss, for_x, for_c, rule = ref_center(x, y, c)
    x.requires_grad_(), c.requires_grad_()
    value = center_loss(x, y, c)
    close(value, loss)
    for ours, theirs in zip(torch.autograd.grad(value, (x, c)), (for_x, for_c)): close(ours, theirs)
    close(center_delta(x, y, c), rule)


@pytest.mark.parametrize("case", CASES)
def test_island_loss_gradients_and_rule_equal_the_reference(case):
    x, y, c = make(case)
    between, apart = ref_island(c, 10.)
    loss, for_x, for_c, rule = ref_center(x, y, c)
    x.requires_grad_(), c.requires_grad_()
    value = island_loss(x, y, c)
    close(value, loss + between)
    close(torch.autograd.grad(value, x, retain_graph=True)[0], for_x)
    # the double sum holds each pair twice, the rule averages over K - 1
    close(torch.autograd.grad(value, c)[0], for_c + 2 * (len(c) - 1) * apart)
    close(island_delta(x, y, c), rule + apart)


@pytest.mark.parametrize("loss", [center_loss, island_loss])
def test_gradcheck_and_second_derivatives(loss):
    x, y, c = make(m=5)
    x.requires_grad_(), c.requires_grad_()
    assert torch.autograd.gradcheck(lambda x, c: loss(x, y, c), (x, c))
    assert torch.autograd.gradgradcheck(lambda x, c: loss(x, y, c), (x, c))


@pytest.mark.parametrize("module", [CenterLoss, IslandLoss])
def test_gradcheck_of_the_module_in_evaluation(module):
    x, y, _ = make(m=5)
    criterion = module(5, 3).double().eval()
    assert torch.autograd.gradcheck(lambda x: criterion(x, y), x.requires_grad_())


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), shift=st.floats(-100, 100), m=st.integers(1, 20), K=st.integers(1, 8))
def test_center_loss_ignores_translation_and_numbering(seed, shift, m, K):
    x, y, c = make(m=m, K=K, seed=seed)
    assert_close(center_loss(x + shift, y, c + shift), center_loss(x, y, c))
    order = torch.randperm(K, generator=torch.Generator().manual_seed(seed))
    assert_close(center_loss(x, order.argsort()[y], c[order]), center_loss(x, y, c))
    assert_close(center_delta(x, order.argsort()[y], c[order]), center_delta(x, y, c)[order])


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), scale=st.floats(1e-3, 1e3), K=st.integers(2, 8))
def test_island_term_sees_directions_only(seed, scale, K):
    x, y, c = make(K=K, seed=seed)
    term = lambda c: island_loss(c[y], y, c, lam1=1.)
    assert_close(term(c * scale), term(c))
    assert -1e-9 <= term(c) - (K * (K - 1) - K) and term(c) <= 2 * K * (K - 1) + 1e-9


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), alpha=st.floats(.01, 1))
def test_a_step_never_leaves_the_span_of_centre_and_samples(seed, alpha):
    x, y, c = make(seed=seed, d=1)
    new = c - alpha * center_delta(x, y, c)
    for k in range(len(c)):
        there = torch.cat([x[y == k], c[k:k + 1]])
        assert there.min() - 1e-12 <= new[k] <= there.max() + 1e-12


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("module", [CenterLoss, IslandLoss])
def test_low_precision_inputs_count_in_float32(module, dtype):
    x, y, _ = make(m=2000)
    x = x.to(dtype)
    criterion = module(5, 3)
    twin = copy.deepcopy(criterion)
    for context in (torch.autocast("cpu", dtype=torch.bfloat16), torch.autocast("cpu", enabled=False)):
        with context: loss = criterion(x, y)
        assert loss.dtype == torch.float32
        assert_close(loss, twin(x.float(), y), rtol=0, atol=0)
        assert torch.equal(criterion.centers, twin.centers)


def test_dtypes_widen_to_the_larger():
    x, y, c = make()
    assert center_loss(x, y, c.float()).dtype == torch.float64
    assert [t.dtype for t in check_batch(x.half(), y, c.bfloat16())] == [torch.float32] * 2


def test_forward_uses_the_old_centres_then_moves():
    x, y, _ = make()
    criterion = CenterLoss(5, 3, alpha=.3).double()
    before = criterion.centers.clone()
    assert_close(criterion(x, y), center_loss(x, y, before), rtol=0, atol=0)
    assert_close(criterion.centers, before - .3 * center_delta(x, y, before))
    criterion.alpha = 1.
    before = criterion.centers.clone()
    criterion(x, y)
    assert_close(criterion.centers, before - center_delta(x, y, before))


def test_island_module_moves_by_its_own_rule():
    x, y, _ = make()
    criterion = IslandLoss(5, 3, lam1=2., alpha=.1).double()
    before = criterion.centers.clone()
    assert_close(criterion(x, y), island_loss(x, y, before, 2.), rtol=0, atol=0)
    assert_close(criterion.centers, before - .1 * island_delta(x, y, before, 2.))


@pytest.mark.parametrize("module", [CenterLoss, IslandLoss])
def test_eval_freezes_and_state_dict_carries(module):
    x, y, _ = make()
    criterion, other = module(5, 3), module(5, 3)
    criterion(x.float(), y)
    assert list(criterion.state_dict()) == ["centers"] and not list(criterion.parameters())
    other.load_state_dict(criterion.state_dict())
    criterion.eval(), other.eval()
    before = criterion.centers.clone()
    assert_close(criterion(x.float(), y), other(x.float(), y), rtol=0, atol=0)
    assert torch.equal(criterion.centers, before)
    criterion.train()
    with torch.no_grad(): criterion(x.float(), y)
    assert not torch.equal(criterion.centers, before)   # training mode moves, as batch normalisation does


@pytest.mark.parametrize("module", [CenterLoss, IslandLoss])
def test_backward_after_further_moves(module):
    x, y, _ = make()
    x.requires_grad_()
    criterion = module(5, 3).double()
    start = criterion.centers.clone()
    first = criterion(x, y)
    second = criterion(x + 1, y)
    criterion.eval(); third = criterion(x, y); criterion.train(); criterion(x, y)
    (first + second).backward()
    moved = start - .5 * (center_delta if module is CenterLoss else island_delta)(x, y, start)
    assert_close(x.grad, (x - start[y]) / len(x) + (x + 1 - moved[y]) / len(x))
    third.backward()


def test_loss_scale_does_not_reach_the_rule():
    x, y, _ = make()
    x.requires_grad_()
    one, scaled = CenterLoss(5, 3).double(), CenterLoss(5, 3).double()
    scaled.load_state_dict(one.state_dict())
    one(x, y).backward(); (scaled(x, y) * 65536).backward()
    assert torch.equal(one.centers, scaled.centers)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("module", [CenterLoss, IslandLoss])
def test_a_bad_batch_moves_nothing(module, bad):
    x, y, _ = make()
    x[3, 1] = bad
    criterion = module(5, 3).double()
    before = criterion.centers.clone()
    criterion(x, y)
    assert torch.equal(criterion.centers, before)


def test_a_batch_whose_loss_overflows_moves_nothing():
    criterion = CenterLoss(2, 2)
    before = criterion.centers.clone()
    assert criterion(torch.full((2, 2), 1e30), torch.tensor([0, 1])).isinf()
    assert torch.equal(criterion.centers, before)


def test_autograd_centres_are_a_parameter():
    x, y, _ = make()
    criterion = CenterLoss(5, 3, centers="autograd").double()
    before = criterion.centers.detach().clone()
    criterion(x, y).backward()
    assert torch.equal(criterion.centers, before)
    close(criterion.centers.grad, ref_center(x, y, before)[2])
    CenterLoss(5, 3).load_state_dict(criterion.state_dict())   # the same name in both


def test_he_initialisation():
    torch.manual_seed(0)
    centers = CenterLoss(400, 200).centers
    assert abs(centers.std().item() - math.sqrt(2 / 200)) < 2e-3 and abs(centers.mean().item()) < 2e-3


@pytest.mark.parametrize("module", [CenterLoss, IslandLoss])
def test_compiled_equals_eager(module):
    x, y, _ = make()
    x = x.requires_grad_()
    eager = module(5, 3).double()
    compiled = torch.compile(copy.deepcopy(eager), fullgraph=True, backend="aot_eager")
    for step in range(2):
        a, b = eager(x, y), compiled(x, y)
        assert_close(a, b)
        assert_close(*(torch.autograd.grad(l, x)[0] for l in (a, b)))
        assert_close(eager.centers, compiled.centers)


def test_functional_transforms():
    x, y, c = make()
    per_sample = torch.func.vmap(torch.func.grad(lambda x, y: center_loss(x[None], y[None], c)))(x, y)
    assert_close(per_sample, x - c[y])


def test_the_union_of_two_batches():
    x, y, c = make()
    assert_close(class_sums(x, y, 5), class_sums(x[:4], y[:4], 5) + class_sums(x[4:], y[4:], 5))


def test_a_plain_loop_lowers_the_loss():
    torch.manual_seed(0)
    x, y = torch.randn(60, 4), torch.arange(3).repeat(20)
    x[:, 0] += 2 * y
    network, head, criterion = nn.Linear(4, 2), nn.Linear(2, 3), CenterLoss(3, 2)
    optimizer, losses = torch.optim.SGD([*network.parameters(), *head.parameters()], lr=.1), []
    for _ in range(100):
        z = network(x)
        loss = nn.functional.cross_entropy(head(z), y) + .1 * criterion(z, y)
        optimizer.zero_grad(); loss.backward(); optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < .7 * losses[0]


X, Y, C = torch.zeros(4, 3), torch.zeros(4, dtype=torch.int64), torch.zeros(5, 3)
BAD = [
    (lambda: center_loss(X[0], Y, C), ValueError, r"x: expected non-empty embeddings \(B, d\), got shape \(3,\)"),
    (lambda: center_loss(X[:0], Y[:0], C), ValueError, r"x: .*got shape \(0, 3\)"),
    (lambda: center_loss(X[None], Y, C), ValueError, r"x: .*got shape \(1, 4, 3\)"),
    (lambda: center_loss(X.long(), Y, C), ValueError, "x: expected a floating-point dtype, got torch.int64"),
    (lambda: center_loss(X.tolist(), Y, C), TypeError, "x: expected a tensor, got list"),
    (lambda: center_loss(X, Y, C[0]), ValueError, r"c: expected non-empty centres \(K, d\), got shape \(3,\)"),
    (lambda: center_loss(X, Y, C.int()), ValueError, "c: expected a floating-point dtype, got torch.int32"),
    (lambda: center_loss(X, Y, C[:, :2]), ValueError, "x: expected embeddings of the centres' dimension 2, got 3"),
    (lambda: center_loss(X, Y.float(), C), ValueError, "y: expected class numbers of dtype torch.int64, got torch.float32"),
    (lambda: center_loss(X, Y.int(), C), ValueError, "y: .*torch.int64, got torch.int32"),
    (lambda: center_loss(X, Y[:2], C), ValueError, r"y: expected one label per embedding, shape \(4,\), got \(2,\)"),
    (lambda: center_loss(X, Y[:, None], C), ValueError, r"y: .*got \(4, 1\)"),
    (lambda: center_loss(X, Y + 5, C), ValueError, "y: expected labels from 0 to 4, got 5 to 5"),
    (lambda: center_delta(X, Y - 1, C), ValueError, "y: expected labels from 0 to 4, got -1 to -1"),
    (lambda: island_loss(X, Y, C[:1]), ValueError, "c: expected at least 2 centres to keep apart, got 1"),
    (lambda: island_delta(X, Y, C[:1]), ValueError, "c: expected at least 2 centres to keep apart, got 1"),
    (lambda: island_loss(X, Y, C, lam1=-1), ValueError, "lam1: expected a finite number of at least 0, got -1"),
    (lambda: CenterLoss(5, 3)(X, Y + 9), ValueError, "y: expected labels from 0 to 4, got 9 to 9"),
    (lambda: CenterLoss(5, 2)(X, Y), ValueError, "x: expected embeddings of the centres' dimension 2, got 3"),
    (lambda: CenterLoss(0, 2), ValueError, "num_classes: expected a whole number of at least 1, got 0"),
    (lambda: CenterLoss(5, 2.5), ValueError, "feat_dim: expected a whole number of at least 1, got 2.5"),
    (lambda: CenterLoss(5, 2, alpha=0), ValueError, r"alpha: expected a number in \(0, 1\], got 0"),
    (lambda: CenterLoss(5, 2, alpha=float("nan")), ValueError, r"alpha: .*got nan"),
    (lambda: CenterLoss(5, 2, centers="sgd"), ValueError, "centers: expected 'rule' or 'autograd', got 'sgd'"),
    (lambda: IslandLoss(1, 2), ValueError, "num_classes: expected at least 2 centres to keep apart, got 1"),
    (lambda: IslandLoss(3, 2, lam1=float("inf")), ValueError, "lam1: .*got inf"),
    (lambda: force_field({"c": center_loss}, C, 0), ValueError, r"c: expected centres \(K, 2\) in the plane"),
    (lambda: force_field({"c": center_loss}, C[:, :2], 5), ValueError, "y: expected a class from 0 to 4, got 5"),
    (lambda: force_field({"c": center_loss}, C[:, :2], 0, X[:, :2]), ValueError, "labels: expected together with x"),
]


@pytest.mark.parametrize("number", range(len(BAD)))
def test_bad_input_is_named(number):
    call, error, message = BAD[number]
    with pytest.raises(error, match=message): call()


def test_forces_are_minus_the_gradient_per_point():
    x, y, c = make(d=2)
    assert_close(forces(center_loss, x, y, c), c[y] - x)
    assert forces(lambda x, y, c: c.sum(), x, y, c).eq(0).all()
    with torch.no_grad(): assert forces(center_loss, x, y, c).abs().sum() > 0
    assert not x.requires_grad


def test_force_field_draws_what_forces_says():
    x, y, c = make(d=2)
    figure = force_field({"centre": center_loss, "island": lambda x, y, c: island_loss(x, y, c) - center_loss(x, y, c)},
                         c, 2, x, y, grid=5)
    assert [ax.get_title() for ax in figure.axes[:3]] == ["centre", "island", "total"]
    quiver, on_points = [q for q in figure.axes[0].collections if hasattr(q, "U")]
    at = torch.tensor(quiver.get_offsets().tolist(), dtype=torch.float64)
    force = forces(center_loss, at, torch.full((len(at),), 2), c)
    drawn = torch.tensor([quiver.U.tolist(), quiver.V.tolist()], dtype=torch.float64).T
    assert_close(nn.functional.cosine_similarity(drawn, force), torch.ones(len(at), dtype=torch.float64))
    assert_close(torch.tensor(quiver.get_array().tolist(), dtype=torch.float64), force.norm(dim=1))
    assert len(on_points.U) == len(x)
    empty = [q for q in figure.axes[1].collections if hasattr(q, "U")]
    assert all(len(q.U) == 0 for q in empty)    # the island term acts on centres, not on samples


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_centers_too_small_for_a_finite_gradient_count_as_zero(dtype):
    info = torch.finfo(dtype)
    edge = info.tiny / info.eps
    start = torch.tensor([[1., 0.], [3., 4.], [0., -2.]], dtype=dtype)
    x, y = torch.zeros(2, 2, dtype=dtype), torch.tensor([0, 2])
    for size in (info.tiny * info.eps, info.tiny / 100, info.tiny, edge / 8, edge / 3, edge, 10 * edge):   # the first three are subnormal or nearly
        c = start.clone()
        c[1] = torch.tensor([3 * size, 4 * size], dtype=dtype)
        c.requires_grad_()
        loss = island_loss(x, y, c, 1e3)
        loss.backward()
        delta = island_delta(x, y, c.detach(), 1e3)
        assert c.grad.isfinite().all() and delta.isfinite().all(), size
        alive = 4 * size >= edge
        assert c.grad[1].any() == delta[1].any() == alive, size
        assert_close(loss.item(), 1 / 4 + 4 / 4 + 1e3 * (6 + (2 * (.6 - .8) if alive else 0)), rtol=1e-5, atol=0)
