"DDA loss: against a plain-Python reference, and as a module in a training loop."
import copy
import math
from functools import partial

import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import nn
from torch.nn import functional as F
from torch.testing import assert_close

from fer_nb.centers import center_delta, center_loss
from fer_nb.dda import DDALoss, dda_delta, dda_loss
from reference import Largest, close, tensor

close = partial(close, least=1e-300)
CASES = ["random", "tied", "empty", "zero", "on_center", "single", "one_class", "many_classes", "huge", "huge_tied", "far", "far_tied", "tiny", "converged"]


def make(case="random", m=11, d=3, K=5, seed=0):
    "A batch in float64 of the named kind."
    g = torch.Generator().manual_seed(seed)
    m, K = {"single": (1, K), "one_class": (m, 1), "many_classes": (m, 40)}.get(case, (m, K))
    x, c = torch.randn(m, d, generator=g, dtype=torch.float64), torch.randn(K, d, generator=g, dtype=torch.float64)
    y = torch.randint(K, (m,), generator=g)
    if "huge" in case: x, c = x * 1e5, c * 1e5
    if "tied" in case:
        c[1:3] = c[0]
        x[:6] = c[0] + torch.randn(6, d, generator=g, dtype=torch.float64)
    if case == "empty": y = y.clamp(max=1)
    if case == "zero": x, c = x * 0, c * 0
    if case == "on_center": x = c[y].clone()
    if "far" in case: x, c = x + 1e5, c + 1e5
    if case == "converged":                                       # probabilities of other classes about 1e-8
        c = c / 10 + 2.5 * torch.arange(K)[:, None]
        x = c[y] + x / 20
    if case == "tiny": x, c = x * 1e-160, c * 1e-160
    return x, y, c


def reference(x, y, c):
    "Loss, gradient for x, gradient for c: loops over Python floats, summed without rounding."
    x, y, c = x.tolist(), y.tolist(), c.tolist()
    m, K, d = len(x), len(c), len(c[0])
    losses, weight = [], []
    for i in range(m):
        far = [math.fsum((a - b) ** 2 for a, b in zip(x[i], c[k])) for k in range(K)]
        e = [math.exp(min(far) - f) for f in far]
        p = [v / math.fsum(e) for v in e]
        losses.append((far[y[i]] - min(far) + math.log(math.fsum(e))) / (2 * m))
        rest = math.fsum(p[k] for k in range(K) if k != y[i])
        weight.append([rest if k == y[i] else -p[k] for k in range(K)])
    for_x = [[math.fsum(weight[i][k] * (x[i][j] - c[k][j]) for k in range(K)) / m for j in range(d)] for i in range(m)]
    for_c = [[math.fsum(weight[i][k] * (c[k][j] - x[i][j]) for i in range(m)) / m for j in range(d)] for k in range(K)]
    return math.fsum(losses), tensor(for_x), tensor(for_c)


@pytest.mark.parametrize("case", CASES)
def test_loss_and_gradients_equal_the_reference(case):
    x, y, c = make(case)
    loss, for_x, for_c = reference(x, y, c)
    x.requires_grad_(), c.requires_grad_()
    value = dda_loss(x, y, c)
    assert_close(value.item(), loss, rtol=1e-10, atol=1e-15)      # log(1 + 1e-8) has only eight digits, here and there
    ours = torch.autograd.grad(value, (x, c))
    for a, b in zip(ours, (for_x, for_c)): close(a, b)


@pytest.mark.parametrize("case", CASES)
def test_rule_is_the_damped_mean_plus_the_gradient(case):
    x, y, c = make(case)
    n = torch.bincount(y, minlength=len(c))[:, None]
    mean = torch.zeros_like(c).index_add(0, y, c[y] - x) / (1 + n)
    close(dda_delta(x, y, c), mean + reference(x, y, c)[2])


@pytest.mark.parametrize("norm", [1e2, 1e3, 1e4, 1e5])
@pytest.mark.parametrize("d", [2, 64])
def test_float32_keeps_its_digits_far_from_the_origin(norm, d):
    g = torch.Generator().manual_seed(0)
    base = torch.randn(1, d, generator=g)
    c = base * norm / base.norm() + torch.randn(20, d, generator=g) / d ** .5
    c = torch.cat([c, -c])                                        # two far groups: centring alone does not help
    y = torch.randint(40, (64,), generator=g)
    x = c[y] + torch.randn(64, d, generator=g) / d ** .5
    grads = []
    for dtype in (torch.float32, torch.float64):
        leaves = [t.to(dtype).requires_grad_() for t in (x, c)]
        grads.append(torch.autograd.grad(dda_loss(leaves[0], y, leaves[1]), leaves))
    for low, high in zip(*grads):
        assert (low.double() - high).norm() < 2e-5 * high.norm()


def test_it_is_half_a_softmax_on_a_tied_classifier():
    x, y, c = make()
    assert_close(dda_loss(x, y, c), F.cross_entropy(F.linear(x, 2 * c, -c.square().sum(1)), y) / 2)


def test_gradcheck_and_second_derivatives():
    x, y, c = make(m=5)
    x.requires_grad_(), c.requires_grad_()
    for K in (5, 3):                                              # both more and fewer samples than classes
        labels = y % K
        assert torch.autograd.gradcheck(lambda x, c: dda_loss(x, labels[:4], c[:K]), (x[:4], c))
        assert torch.autograd.gradgradcheck(lambda x, c: dda_loss(x, labels[:4], c[:K]), (x[:4], c))


def test_gradcheck_of_the_module_in_evaluation():
    x, y, _ = make(m=5)
    criterion = DDALoss(5, 3).double().eval()
    assert torch.autograd.gradcheck(lambda x: criterion(x, y), x.requires_grad_())


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), shift=st.floats(-100, 100), m=st.integers(1, 20), K=st.integers(1, 8), d=st.integers(1, 6))
def test_invariant_under_translation_rotation_and_numbering(seed, shift, m, K, d):
    x, y, c = make(m=m, K=K, d=d, seed=seed)
    value = dda_loss(x, y, c)
    assert value >= 0
    assert_close(dda_loss(x + shift, y, c + shift), value)
    turn, _ = torch.linalg.qr(torch.randn(d, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64))
    assert_close(dda_loss(x @ turn, y, c @ turn), value)
    order = torch.randperm(K, generator=torch.Generator().manual_seed(seed))
    assert_close(dda_loss(x, order.argsort()[y], c[order]), value)
    assert_close(dda_delta(x, order.argsort()[y], c[order]), dda_delta(x, y, c)[order])


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), scale=st.floats(1e-3, 1e3))
def test_force_is_never_longer_than_the_widest_pair_of_centres(seed, scale):
    x, y, c = make(seed=seed)
    x = (x * scale).requires_grad_()
    grad, = torch.autograd.grad(dda_loss(x, y, c * scale), x)
    assert (len(x) * grad).norm(dim=1).max() <= torch.cdist(c * scale, c * scale).max() * (1 + 1e-9)


@settings(max_examples=20, deadline=None)
@given(m=st.integers(1, 30), K=st.integers(1, 8))
def test_collapsed_centres_give_no_force(m, K):
    x, y, c = make(m=m, K=K)
    x.requires_grad_()
    value = dda_loss(x, y, c[:1].expand(K, 3))
    close(value, math.log(K) / 2)
    assert torch.autograd.grad(value, x)[0].abs().max() < 1e-12


def test_scaling():
    x, y, c = make()
    assert_close(dda_loss(x, y, c, "code") * len(x), dda_loss(x, y, c, "paper"))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("centers", ["rule", "autograd"])
def test_low_precision_inputs_count_in_float32(dtype, centers):
    x, y, _ = make(m=500)
    x = x.to(dtype).requires_grad_()
    wide = x.detach().float().requires_grad_()
    criterion = DDALoss(5, 3, centers=centers)
    twin = copy.deepcopy(criterion)
    for context in (torch.autocast("cpu", dtype=torch.bfloat16), torch.autocast("cpu", enabled=False)):
        with context: loss = criterion(x, y)
        expected = twin(wide, y)
        assert loss.dtype == torch.float32
        assert_close(loss, expected, rtol=0, atol=0)
        assert torch.equal(criterion.centers, twin.centers)
        low, high = torch.autograd.grad(loss, x)[0], torch.autograd.grad(expected, wide)[0]
        assert low.dtype == dtype and torch.equal(low, high.to(dtype))


def test_a_module_in_bfloat16_stays_finite():
    x, y, _ = make()
    criterion = DDALoss(5, 3).bfloat16()
    before = criterion.centers.clone()
    loss = criterion(x.bfloat16().requires_grad_(), y)
    loss.backward()
    assert loss.isfinite() and criterion.centers.dtype == torch.bfloat16 and not torch.equal(before, criterion.centers)


def test_forward_uses_the_old_centres_then_moves():
    x, y, _ = make()
    criterion = DDALoss(5, 3, lam=.2, gamma=3., alpha=.3).double()
    before = criterion.centers.clone()
    assert_close(criterion(x, y), .2 * center_loss(x, y, before) + 3 * dda_loss(x, y, before))
    assert_close(criterion.centers, before - .3 * dda_delta(x, y, before))
    criterion.gamma, criterion.lam = 0., 1.                       # sliders move them while it runs
    before = criterion.centers.clone()
    assert_close(criterion(x, y), center_loss(x, y, before))


def test_weights_scaling_and_loss_scale_do_not_reach_the_rule():
    x, y, _ = make()
    x.requires_grad_()
    plain = DDALoss(5, 3).double()
    others = [DDALoss(5, 3, **kw).double() for kw in ({"lam": 7.}, {"gamma": 0.}, {"scaling": "code"}, {})]
    for other in others: other.load_state_dict(plain.state_dict())
    plain(x, y)
    for other in others[:-1]: other(x, y)
    (others[-1](x, y) * 65536).backward()
    for other in others: assert torch.equal(other.centers, plain.centers)


def test_eval_freezes_and_state_dict_carries():
    x, y, _ = make()
    criterion, other = DDALoss(5, 3), DDALoss(5, 3)
    criterion(x.float(), y)
    assert list(criterion.state_dict()) == ["centers"] and not list(criterion.parameters())
    other.load_state_dict(criterion.state_dict())
    criterion.eval(), other.eval()
    before = criterion.centers.clone()
    assert_close(criterion(x.float(), y), other(x.float(), y), rtol=0, atol=0)
    assert torch.equal(criterion.centers, before)


def test_gradient_accumulation_across_moves():
    x, y, _ = make()
    x.requires_grad_()
    criterion = DDALoss(5, 3).double()
    starts, total = [], 0.
    for shift in (0., 1., 2.):
        starts.append(criterion.centers.clone())
        total = total + criterion(x + shift, y)
    total.backward()
    leaf = x.detach().clone().requires_grad_()
    sum(.01 * center_loss(leaf + s, y, c) + 5 * dda_loss(leaf + s, y, c) for s, c in zip((0., 1., 2.), starts)).backward()
    assert_close(x.grad, leaf.grad)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_a_bad_batch_moves_nothing(bad):
    x, y, _ = make()
    x[3, 1] = bad
    criterion = DDALoss(5, 3).double()
    before = criterion.centers.clone()
    criterion(x, y)
    assert torch.equal(criterion.centers, before)


def test_autograd_centres_learn_by_the_optimizer_only():
    x, y, _ = make()
    criterion = DDALoss(5, 3, centers="autograd").double()
    before = criterion.centers.detach().clone()
    criterion(x, y).backward()
    assert torch.equal(criterion.centers, before)
    n = torch.bincount(y, minlength=5)[:, None]
    close(criterion.centers.grad, .01 * center_delta(x, y, before) * (1 + n) / len(x) + 5 * reference(x, y, before)[2])


def test_compiled_equals_eager():
    x, y, _ = make()
    x = x.requires_grad_()
    eager = DDALoss(5, 3, lam=1.).double()
    compiled = torch.compile(copy.deepcopy(eager), fullgraph=True)     # inductor: the back end people use
    for step in range(2):
        a, b = eager(x, y), compiled(x, y)
        assert_close(a, b)
        assert_close(*(torch.autograd.grad(l, x)[0] for l in (a, b)))
        assert_close(eager.centers, compiled.centers)


def test_the_compiled_function_equals_eager():
    x, y, c = make()
    x.requires_grad_(), c.requires_grad_()
    compiled = torch.compile(dda_loss, fullgraph=True, backend="aot_eager")
    for a, b in zip(*(torch.autograd.grad(f(x, y, c), (x, c)) for f in (dda_loss, compiled))): assert_close(a, b)


def test_functional_transforms():
    x, y, c = make()
    x.requires_grad_()
    per_sample = torch.func.vmap(torch.func.grad(lambda x, y: dda_loss(x[None], y[None], c)))(x.detach(), y)
    assert_close(per_sample / len(x), torch.autograd.grad(dda_loss(x, y, c), x)[0])
    ensemble = torch.func.vmap(dda_loss, in_dims=(None, None, 0))(x, y, torch.stack([c, c + 1]))
    assert_close(ensemble, torch.stack([dda_loss(x, y, c), dda_loss(x, y, c + 1)]))


def test_repeatable_on_the_cpu():
    x, y, c = make(m=300)
    assert all(torch.equal(dda_delta(x, y, c), dda_delta(x, y, c)) for _ in range(5))


def test_nothing_of_size_batch_times_classes_times_dim():
    "The largest tensor that the forward and backward pass ever make."
    for B, K, d in ((64, 50, 40), (10, 200, 40)):
        x, y, criterion = torch.randn(B, d, requires_grad=True), torch.randint(K, (B,)), DDALoss(K, d)
        with Largest() as seen: criterion(x, y).backward()
        assert 0 < seen.size <= 2 * max(B * K, K * d, B * d)


def test_a_plain_loop_lowers_the_loss():
    torch.manual_seed(0)
    x, y = torch.randn(60, 4), torch.arange(3).repeat(20)
    x[:, 0] += 3 * y
    network, head, criterion = nn.Linear(4, 2), nn.Linear(2, 3), DDALoss(3, 2, gamma=1.)
    optimizer, losses = torch.optim.SGD([*network.parameters(), *head.parameters()], lr=.1), []
    for _ in range(100):
        z = network(x)
        loss = F.cross_entropy(head(z), y) + criterion(z, y)
        optimizer.zero_grad(); loss.backward(); optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < .6 * losses[0]


X, Y, C = torch.zeros(4, 3), torch.zeros(4, dtype=torch.int64), torch.zeros(5, 3)
BAD = [
    (lambda: dda_loss(X[0], Y, C), ValueError, r"x: expected non-empty embeddings \(B, d\), got shape \(3,\)"),
    (lambda: dda_loss(X[:0], Y[:0], C), ValueError, r"x: .*got shape \(0, 3\)"),
    (lambda: dda_loss(X.long(), Y, C), ValueError, "x: expected a floating-point dtype, got torch.int64"),
    (lambda: dda_loss(X.numpy(), Y, C), TypeError, "x: expected a tensor, got ndarray"),
    (lambda: dda_loss(X, Y, C[:0]), ValueError, r"c: expected non-empty centres \(K, d\), got shape \(0, 3\)"),
    (lambda: dda_loss(X, Y, C[:, :2]), ValueError, "x: expected embeddings of the centres' dimension 2, got 3"),
    (lambda: dda_loss(X, Y.float(), C), ValueError, "y: expected class numbers of dtype torch.int64, got torch.float32"),
    (lambda: dda_loss(X, F.one_hot(Y, 5), C), ValueError, r"y: expected one label per embedding, shape \(4,\), got \(4, 5\)"),
    (lambda: dda_loss(X, Y[:2], C), ValueError, r"y: .*got \(2,\)"),
    (lambda: dda_loss(X, Y + 5, C), ValueError, "y: expected labels from 0 to 4, got 5 to 5"),
    (lambda: dda_loss(X, Y - 100, C), ValueError, "y: expected labels from 0 to 4, got -100 to -100"),
    (lambda: dda_delta(X, Y + 5, C), ValueError, "y: expected labels from 0 to 4, got 5 to 5"),
    (lambda: dda_loss(X, Y, C, scaling="mean"), ValueError, "scaling: expected 'paper' or 'code', got 'mean'"),
    (lambda: DDALoss(5, 3)(X, Y + 5), ValueError, "y: expected labels from 0 to 4, got 5 to 5"),
    (lambda: DDALoss(5, 2)(X, Y), ValueError, "x: expected embeddings of the centres' dimension 2, got 3"),
    (lambda: DDALoss(5.0, 3), ValueError, "num_classes: expected a whole number of at least 1, got 5.0"),
    (lambda: DDALoss(5, -1), ValueError, "feat_dim: expected a whole number of at least 1, got -1"),
    (lambda: DDALoss(5, 3, alpha=1.1), ValueError, r"alpha: expected a number in \(0, 1\], got 1.1"),
    (lambda: DDALoss(5, 3, lam=-.1), ValueError, "lam: expected a finite number of at least 0, got -0.1"),
    (lambda: DDALoss(5, 3, gamma=float("nan")), ValueError, "gamma: expected a finite number of at least 0, got nan"),
    (lambda: DDALoss(5, 3, scaling="Paper"), ValueError, "scaling: expected 'paper' or 'code', got 'Paper'"),
    (lambda: DDALoss(5, 3, centers="buffer"), ValueError, "centers: expected 'rule' or 'autograd', got 'buffer'"),
]


@pytest.mark.parametrize("number", range(len(BAD)))
def test_bad_input_is_named(number):
    call, error, message = BAD[number]
    with pytest.raises(error, match=message): call()
