"DDA loss: what is special about it; tests/losses holds it to the contract of all losses."
import math

import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch.nn import functional as F
from torch.testing import assert_close

from fer_nb.centers import center_delta, center_loss
from fer_nb.dda import DDALoss, _centered, _scores, dda_delta, dda_loss
from loss_table import make
from reference import close


@pytest.mark.parametrize("norm", [1e2, 1e3, 1e4, 1e5])
@pytest.mark.parametrize("d", [2, 64])
def test_float32_keeps_its_digits_far_from_the_origin(norm, d):
    g = torch.Generator().manual_seed(0)
    base = torch.randn(1, d, generator=g)
    c = base * norm / base.norm() + torch.randn(20, d, generator=g) / d ** .5
    c = torch.cat([c, -c])                                        # two far groups: centering alone does not help
    y = torch.randint(40, (64,), generator=g)
    x = c[y] + torch.randn(64, d, generator=g) / d ** .5
    grads = []
    for dtype in (torch.float32, torch.float64):
        leaves = [t.to(dtype).requires_grad_() for t in (x, c)]
        grads.append(torch.autograd.grad(dda_loss(leaves[0], y, leaves[1]), leaves))
    for low, high in zip(*grads):
        assert (low.double() - high).norm() < 2e-5 * high.norm()


@pytest.mark.parametrize("length, near", [(1., True), (3., True), (5., False)])
def test_float32_is_taken_where_it_is_enough(length, near):
    g = torch.Generator().manual_seed(0)
    c = 1e3 + length * F.normalize(torch.randn(40, 64, generator=g))       # around a far middle
    c[1] = c[0]
    y = torch.arange(64) % 40
    x = c[y] + length / 8 * torch.randn(64, 64, generator=g)
    dtype = _centered(x, c)[0].dtype
    assert dtype == (torch.float32 if near else torch.float64) and _centered(x[:0], c)[0].shape == (0, 64)
    def gradient(dtype):
        leaf = x.to(dtype).requires_grad_()
        return torch.autograd.grad(dda_loss(leaf, y, c.to(dtype)), leaf)[0].double()
    low, high = gradient(torch.float32), gradient(torch.float64)
    assert (low - high).norm() < 2e-5 * high.norm()
    scores, *_ = _scores(x, y, c)
    assert_close(scores[:, 0], scores[:, 1], rtol=0, atol=2e-5)            # centers in one place: a tie
    assert not scores[torch.arange(64), y].any()


def test_it_is_half_a_softmax_on_a_tied_classifier():
    x, y, c = make()
    assert_close(dda_loss(x, y, c), F.cross_entropy(F.linear(x, 2 * c, -c.square().sum(1)), y) / 2)


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
def test_force_is_never_longer_than_the_widest_pair_of_centers(seed, scale):
    x, y, c = make(seed=seed)
    x = (x * scale).requires_grad_()
    grad, = torch.autograd.grad(dda_loss(x, y, c * scale), x)
    assert (len(x) * grad).norm(dim=1).max() <= torch.cdist(c * scale, c * scale).max() * (1 + 1e-9)


@settings(max_examples=20, deadline=None)
@given(m=st.integers(1, 30), K=st.integers(1, 8))
def test_collapsed_centers_give_no_force(m, K):
    x, y, c = make(m=m, K=K)
    x.requires_grad_()
    value = dda_loss(x, y, c[:1].expand(K, 3))
    close(value, math.log(K) / 2)
    assert torch.autograd.grad(value, x)[0].abs().max() < 1e-12


def test_scaling():
    x, y, c = make()
    assert_close(dda_loss(x, y, c, "code") * len(x), dda_loss(x, y, c, "paper"))


def test_forward_uses_the_old_centers_then_moves():
    x, y, _ = make()
    criterion = DDALoss(5, 3, lam=.2, gamma=3., alpha=.3, scaling="paper").double()
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
    others = [DDALoss(5, 3, **kw).double() for kw in ({"lam": 7.}, {"gamma": 0.}, {"scaling": "paper"}, {})]
    for other in others: other.load_state_dict(plain.state_dict())
    plain(x, y)
    for other in others[:-1]: other(x, y)
    (others[-1](x, y) * 65536).backward()
    for other in others: assert torch.equal(other.centers, plain.centers)


def test_the_compiled_function_equals_eager():
    x, y, c = make()
    x.requires_grad_(), c.requires_grad_()
    compiled = torch.compile(dda_loss, fullgraph=True, backend="aot_eager")
    for a, b in zip(*(torch.autograd.grad(f(x, y, c), (x, c)) for f in (dda_loss, compiled))): assert_close(a, b)


X, Y, C = torch.zeros(4, 3), torch.zeros(4, dtype=torch.int64), torch.zeros(5, 3)
BAD = [
    (lambda: dda_loss(X, Y, C, scaling="mean"), "scaling: expected one of paper, code, got 'mean'"),
    (lambda: DDALoss(5, 3, lam=-.1), "lam: expected a finite number of at least 0, got -0.1"),
    (lambda: DDALoss(5, 3, gamma=float("nan")), "gamma: expected a finite number of at least 0, got nan"),
    (lambda: DDALoss(5, 3, scaling="Paper"), "scaling: expected one of paper, code, got 'Paper'"),
]


@pytest.mark.parametrize("number", range(len(BAD)))
def test_bad_input_is_named(number):
    call, message = BAD[number]
    with pytest.raises(ValueError, match=message): call()


def test_what_is_used_unless_told_otherwise():
    x, y, c = make()
    criterion = DDALoss(5, 3)
    assert (criterion.lam, criterion.gamma, criterion.alpha, criterion.scaling) == (.01, 5, .5, "code")
    assert torch.equal(dda_loss(x, y, c), dda_loss(x, y, c, "paper")) and repr(criterion) == "DDALoss(5, 3, alpha=0.5, lam=0.01, gamma=5.0, scaling='code')"


def test_the_push_of_weighted_soft_labels_is_the_gradient():
    x, _, c = make()
    soft, weight = torch.rand(11, 5, generator=torch.Generator().manual_seed(3), dtype=torch.float64), torch.tensor([1., 2., .5, 0., 3.])
    c.requires_grad_()
    gradient, = torch.autograd.grad(dda_loss(x, soft, c, weight=weight, reduction="sum"), c)
    push = dda_delta(x, soft, c, weight=weight) - center_delta(x, soft, c, weight=weight)
    assert_close(push, gradient / (soft * weight).sum())
