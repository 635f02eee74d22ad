"Large margin loss: what is special about it; tests/losses holds it to the contract of all losses."

import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch.nn import functional as F
from torch.testing import assert_close

from fer_nb.large_margin import LargeMarginLoss, class_centroids, large_margin_loss
from loss_table import CASES, LOSSES, make, margin_parts, mean_directions
from reference import tensor

# ---- the loss

@pytest.mark.parametrize("case", CASES)
def test_every_reduction_equals_the_reference(case):
    x, y, c = LOSSES["margin"].batch(case)
    losses = margin_parts(x, y, c)[0]
    assert_close(large_margin_loss(x, y, c, "none"), losses, rtol=1e-10, atol=1e-14)
    assert_close(large_margin_loss(x, y, c), losses.mean(), rtol=1e-10, atol=1e-14)
    assert_close(large_margin_loss(x, y, c, "sum"), losses.sum(), rtol=1e-10, atol=1e-13)


def test_by_hand():
    c = torch.tensor([[2., 0.], [0., 1.], [-7., 0.]])
    x, y = torch.tensor([[3., 0.], [0., -5.]]), torch.tensor([0, 1])
    assert large_margin_loss(x, y, c, "none").tolist() == [-3, 2]
    c[2] = 0
    assert large_margin_loss(x, y, c, "none").tolist() == [-2, 2]


def test_one_class_with_shares_by_hand():
    "There are no others: the mean over them is 0, not 0/0."
    x, c = torch.tensor([[3., 4.]]), torch.tensor([[2., 0.]])
    assert_close(large_margin_loss(x, torch.ones(1, 1), c), torch.tensor(-1.2))


def test_a_weight_does_not_move_the_mean_direction():
    x, y = torch.tensor([[0., 3.], [2., 0.]]), torch.tensor([0, 1])
    assert class_centroids(x, y, 3, weight=torch.tensor([.25, 2, 1]))[0].tolist() == [[0, 1], [1, 0], [0, 0]]


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
    assert torch.autograd.gradcheck(lambda x, c: large_margin_loss(x, y, c, "none"), (x, c))
    assert torch.autograd.gradcheck(lambda x: class_centroids(x, y, 5)[0], x)


@pytest.mark.parametrize("case", CASES)
def test_centroids_are_mean_directions(case):
    x, y, c = LOSSES["margin"].batch(case)
    centroids, present = class_centroids(x, y, len(c))
    for k, mean in enumerate(mean_directions(x, y, len(c))):
        assert present[k].item() == (mean is not None)
        assert_close(centroids[k], tensor(mean or [0.] * 3), rtol=1e-10, atol=1e-14)


def test_centroids_of_low_precision_inputs_are_float32():
    x, y, _ = make()
    assert class_centroids(x.half(), y, 5)[0].dtype == class_centroids(x.bfloat16(), y, 5)[0].dtype == torch.float32


# ---- the module

def test_running_centroids_move_after_the_loss():
    x, y, c = make("empty")
    criterion = LargeMarginLoss(5, 3, alpha=.3).double()
    assert not criterion.centers.any() and criterion(x, y) == 0
    mean, present = class_centroids(x, y, 5)
    assert_close(criterion.centers, .3 * mean)
    criterion.centers.copy_(c)
    assert_close(criterion(x, y), margin_parts(x, y, c)[0].mean(), rtol=1e-10, atol=1e-14)
    expected = [[p - .3 * (p - q) if there else p for p, q in zip(a, b)] for a, b, there in zip(c.tolist(), mean.tolist(), present.tolist())]
    assert_close(criterion.centers, tensor(expected), rtol=1e-10, atol=1e-14)
    assert torch.equal(criterion.centers[2:], c[2:])                          # classes that are not in the batch


def test_samples_that_count_less_than_one_move_the_centroids_as_far():
    criterion = LargeMarginLoss(2, 2, alpha=.5, weight=torch.tensor([.25, 1.]))
    criterion(torch.tensor([[0., 3.]]), torch.tensor([0]))
    assert criterion.centers.tolist() == [[0, .5], [0, 0]]


def test_batch_centroids_in_training_remembered_ones_in_evaluation():
    x, y, c = make("empty")
    x.requires_grad_()
    criterion = LargeMarginLoss(5, 3, centers="batch").double()
    criterion.centers.copy_(c)
    loss, mean = criterion(x, y), class_centroids(x.detach(), y, 5)[0]
    assert_close(loss, large_margin_loss(x, y, mean))
    assert_close(torch.autograd.grad(loss, x)[0], margin_parts(x.detach(), y, mean)[1], rtol=1e-10, atol=1e-14)     # the centroids are given
    assert_close(criterion.centers[:2], (c - .5 * (c - mean))[:2])
    now = criterion.centers.clone()
    assert_close(criterion.eval()(x, y), large_margin_loss(x, y, now))
    assert torch.equal(criterion.centers, now)


# ---- two processes

# ---- bad input

X, Y, C = torch.zeros(4, 3), torch.zeros(4, dtype=torch.int64), torch.zeros(5, 3)
BAD = [
    (lambda: large_margin_loss(X, Y, C, "max"), "reduction: expected one of mean, sum, none, got 'max'"),
    (lambda: class_centroids(X, Y, 0), "num_classes: expected a whole number of at least 1, got 0"),
    (lambda: class_centroids(X, Y, True), "num_classes: expected a whole number of at least 1, got True"),
    (lambda: class_centroids(X, Y + 2, 2), "y: expected labels from 0 to 1, got 2 to 2"),
    (lambda: class_centroids(X[0], Y, 2), r"x: expected a tensor \(B, d\), got shape \(3,\)"),
    (lambda: class_centroids([1.], Y, 2), r"x: expected a tensor \(B, d\), got list"),
    (lambda: LargeMarginLoss(5, 2, centers="all"), "centers: expected one of running, batch, got 'all'"),
]


@pytest.mark.parametrize("number", range(len(BAD)))
def test_bad_input_is_named(number):
    call, message = BAD[number]
    with pytest.raises(ValueError, match=message): call()
