"Center loss and island loss: what is special about them (tests/losses holds them to the contract of all losses), and the field of forces."
import math

import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import nn
from torch.testing import assert_close

from fer_nb.centers import (CenterLoss, IslandLoss, center_delta, center_loss, check_batch, class_sums, force_field,
                            forces, island_delta, island_loss)
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
    assert [t.dtype for t in check_batch(x.half(), y, c.bfloat16())] == [torch.float32] * 2


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
    (lambda: force_field({"c": center_loss}, C, 0), r"c: expected a tensor \(K, 2\), got shape \(5, 3\)"),
    (lambda: force_field({"c": center_loss}, C[:, :2], 5), "y: expected a whole number from 0 to 4, got 5"),
    (lambda: force_field({"c": center_loss}, C[:, :2], 0, X[:, :2]), "labels: expected both, x and labels, or neither, got only one"),
    (lambda: force_field({"c": center_loss}, C[:, :2], 0, X, Y), "x: expected embeddings of the centers' dimension 2, got 3"),
    (lambda: force_field({"c": center_loss}, C[:, :2], 0, grid=0), "grid: expected a whole number of at least 1, got 0"),
]


@pytest.mark.parametrize("number", range(len(BAD)))
def test_bad_input_is_named(number):
    call, message = BAD[number]
    with pytest.raises(ValueError, match=message): call()


def test_forces_are_minus_the_gradient_per_point():
    x, y, c = make(d=2)
    assert_close(forces(center_loss, x, y, c), c[y] - x)
    assert forces(lambda x, y, c: c.sum(), x, y, c).eq(0).all()
    with torch.no_grad(): assert forces(center_loss, x, y, c).abs().sum() > 0
    assert not x.requires_grad


def test_force_field_draws_what_forces_says():
    x, y, c = make(d=2)
    figure = force_field({"center": center_loss, "island": lambda x, y, c: island_loss(x, y, c) - center_loss(x, y, c)},
                         c, 2, x, y, grid=5)
    assert [ax.get_title() for ax in figure.axes[:3]] == ["center", "island", "total"]
    quiver, on_points = [q for q in figure.axes[0].collections if hasattr(q, "U")]
    at = torch.tensor(quiver.get_offsets().tolist(), dtype=torch.float64)
    force = forces(center_loss, at, torch.full((len(at),), 2), c)
    drawn = torch.tensor([quiver.U.tolist(), quiver.V.tolist()], dtype=torch.float64).T
    assert_close(nn.functional.cosine_similarity(drawn, force), torch.ones(len(at), dtype=torch.float64))
    assert_close(torch.tensor(quiver.get_array().tolist(), dtype=torch.float64), force.norm(dim=1))
    assert len(on_points.U) == len(x)
    empty = [q for q in figure.axes[1].collections if hasattr(q, "U")]
    assert all(len(q.U) == 0 for q in empty)    # the island term acts on centers, not on samples


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
