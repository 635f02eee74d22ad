"Center loss and island loss: what is special about them (tests/losses holds them to the contract of all losses)."
import math

import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import nn
from torch.testing import assert_close

from fer_nb.centers import (CenterLoss, IslandLoss, MovingCenters, center_delta, center_loss, center_sums, class_sums, island_delta, island_loss,
                            read_batch)
from loss_table import make

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
def test_a_step_never_leaves_the_span_of_center_and_samples(seed, alpha):
    x, y, c = make(seed=seed, d=1)
    new = c - alpha * center_delta(x, y, c)
    for k in range(len(c)):
        there = torch.cat([x[y == k], c[k:k + 1]])
        assert there.min() - 1e-12 <= new[k] <= there.max() + 1e-12


def test_a_checked_batch_is_wide():
    x, y, c = make()
    assert [t.dtype for t in read_batch(x.half(), y, c.bfloat16())[:2]] == [torch.float32] * 2


def test_island_module_moves_by_its_own_rule():
    x, y, _ = make()
    criterion = IslandLoss(5, 3, lam1=2., alpha=.1).double()
    before = criterion.centers.clone()
    assert_close(criterion(x, y), island_loss(x, y, before, 2.), rtol=0, atol=0)
    assert_close(criterion.centers, before - .1 * island_delta(x, y, before, 2.))


def test_a_batch_whose_loss_overflows_moves_nothing():
    criterion = CenterLoss(2, 2)
    before = criterion.centers.clone()
    assert criterion(torch.full((2, 2), 1e30), torch.tensor([0, 1])).isinf()
    assert torch.equal(criterion.centers, before)


def test_he_initialisation():
    torch.manual_seed(0)
    centers = CenterLoss(400, 200).centers
    assert abs(centers.std().item() - math.sqrt(2 / 200)) < 2e-3 and abs(centers.mean().item()) < 2e-3


def test_the_union_of_two_batches():
    x, y, c = make()
    assert_close(class_sums(x, y, 5), class_sums(x[:4], y[:4], 5) + class_sums(x[4:], y[4:], 5))


X, Y, C = torch.zeros(4, 3), torch.zeros(4, dtype=torch.int64), torch.zeros(5, 3)
BAD = [
    (lambda: island_loss(X, Y, C[:1]), "c: expected at least 2 centers to keep apart, got 1"),
    (lambda: island_delta(X, Y, C[:1]), "c: expected at least 2 centers to keep apart, got 1"),
    (lambda: island_loss(X, Y, C, lam1=-1), "lam1: expected a finite number of at least 0, got -1"),
    (lambda: island_delta(X, Y, C, lam1=-1), "lam1: expected a finite number of at least 0, got -1"),
    (lambda: IslandLoss(1, 2), "num_classes: expected at least 2 centers to keep apart, got 1"),
    (lambda: IslandLoss(3, 2, lam1=float("inf")), "lam1: .*got inf"),
]


@pytest.mark.parametrize("number", range(len(BAD)))
def test_bad_input_is_named(number):
    call, message = BAD[number]
    with pytest.raises(ValueError, match=message): call()


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


def test_island_terms_weight_is_10_unless_told_otherwise():
    x, y, c = make()
    assert IslandLoss(5, 3).lam1 == 10
    assert torch.equal(island_loss(x, y, c), island_loss(x, y, c, 10.)) and torch.equal(island_delta(x, y, c), island_delta(x, y, c, 10.))


def test_the_sums_of_soft_labels_by_hand():
    "One sample at 3, a quarter of class 0 (center 1) and three quarters of class 1 (center 5), which weighs twice."
    x, y, c = torch.tensor([[3.]]), torch.tensor([[.25, .75]]), torch.tensor([[1.], [5.]])
    pull, n = center_sums(x, read_batch(x, y, c, torch.tensor([1., 2.]))[2], c)
    assert pull.tolist() == [[.25 * (1 - 3)], [1.5 * (5 - 3)]] and n.tolist() == [[.25], [1.5]]
    assert center_loss(x, y, c, weight=torch.tensor([1., 2.])) == (.25 * 4 + 1.5 * 4) / 2
    assert center_delta(x, y, c)[1] == .75 * 2 / (1 + .75)


def test_two_islands_are_enough():
    "Opposite centers: cosine −1, nothing to turn; at a right angle: 2 · (0 + 1)."
    y, c = torch.tensor([0, 1]), torch.tensor([[2., 0.], [0., 1.]])
    assert island_loss(c, y, c, 1.) == 2 and island_delta(c, y, c, 1.).tolist() == [[0., .5], [1., 0.]]
    criterion = IslandLoss(2, 2, lam1=1.)
    with torch.no_grad(): criterion.centers.copy_(c)
    assert criterion(c, y) == 2 and criterion.centers.tolist() == [[2., -.25], [-.5, 1.]]


def test_who_inherits_must_say_what_the_loss_is():
    with pytest.raises(NotImplementedError): MovingCenters(2, 2)(torch.zeros(1, 2), torch.tensor([0]))
