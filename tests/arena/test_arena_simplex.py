"Even directions, dot regression and ring loss."
import math

import pytest
import torch
from torch.testing import assert_close

from fer_nb.arena import DotRegressionLoss, RingLoss, dot_regression_loss, even_directions, ring_loss
from fer_nb.separate_loss import separate_loss
from test_arena_adjustment import PUBLISHED


@pytest.mark.parametrize("K, d", [(1, 1), (2, 1), (2, 5), (3, 2), (4, 3), (10, 9), (10, 16), (7, 600)])
def test_a_simplex_where_there_is_room(K, d):
    w = even_directions(K, d)
    expected = torch.eye(K) if K == 1 else (1 + 1 / (K - 1)) * torch.eye(K) - 1 / (K - 1)
    assert w.shape == (K, d) and w.dtype == torch.float32
    assert_close(w @ w.T, expected, atol=1e-6, rtol=0)

def test_a_wheel_in_the_plane():
    w = even_directions(10, 2)
    assert_close((w @ w.T).sort(1).values[:, -2], torch.full((10,), math.cos(math.pi / 5)), atol=1e-6, rtol=0)
    assert_close(w[0], torch.tensor([1., 0.]))
    for d in (1, 3, 8):
        with pytest.raises(ValueError, match=f"feat_dim: expected 2, or at least 9 for 10 classes, got {d}"): even_directions(10, d)

@pytest.mark.parametrize("case", PUBLISHED["etf"])
def test_dot_regression_equals_a_published_program(case):
    x = torch.tensor(case["x"], dtype=torch.float64, requires_grad=True)
    value = dot_regression_loss(x, torch.tensor(case["y"]), torch.tensor(case["c"], dtype=torch.float64))
    assert_close(value.item(), case["value"], rtol=1e-10, atol=1e-12)
    assert_close(torch.autograd.grad(value, x)[0], torch.tensor(case["grads"][0], dtype=torch.float64), rtol=1e-9, atol=1e-12)

@pytest.mark.parametrize("case", PUBLISHED["ring"])
def test_ring_is_half_of_a_published_program(case):
    x = torch.tensor(case["x"], dtype=torch.float64, requires_grad=True)
    R = torch.tensor(case["radius"], dtype=torch.float64, requires_grad=True)
    value = ring_loss(x, torch.tensor(case["y"]), 4, R)
    assert_close(2 * value.item(), case["value"], rtol=1e-10, atol=1e-12)
    for_x, for_R = torch.autograd.grad(2 * value, (x, R))
    assert_close(for_x, torch.tensor(case["grads"][0], dtype=torch.float64), rtol=1e-9, atol=1e-12)
    assert_close(for_R, torch.tensor(case["grads"][1][0], dtype=torch.float64), rtol=1e-9, atol=1e-12)

def test_dot_regression_by_hand():
    at = torch.tensor([[math.cos(math.pi / 3), math.sin(math.pi / 3)]], dtype=torch.float64)
    for length in (1e-9, 1., 1e9): assert dot_regression_loss(length * at, torch.tensor([0]), even_directions(3, 2)).item() == pytest.approx(1 / 8, rel=1e-6)
    assert dot_regression_loss(torch.zeros(1, 2), torch.tensor([0]), even_directions(3, 2)) == .5

def test_the_corners_are_an_optimum_of_separate_loss():
    w, y = even_directions(4, 3).double(), torch.arange(8) % 4
    intra, inter = separate_loss(w[y], y, w)
    assert intra.item() == pytest.approx(0, abs=1e-6) and inter.item() == pytest.approx((1 - 1 / 3) / 2, rel=1e-6)
    leaf = w.clone().requires_grad_()
    slope, = torch.autograd.grad(separate_loss(w[y], y, leaf)[1], leaf)
    assert slope.abs().max() < 1e-6

def test_modules():
    loss = DotRegressionLoss(10, 16)
    assert torch.equal(loss.directions, even_directions(10, 16)) and not list(loss.parameters())
    ring, x, y = RingLoss(4), torch.tensor([[3., 4.]], requires_grad=True), torch.tensor([0])
    assert [n for n, _ in ring.named_parameters()] == ["radius"] and ring.radius == 1
    ring(x, y).backward()
    assert ring.radius.grad == -4 and torch.allclose(x.grad, torch.tensor([[2.4, 3.2]]))
    with torch.device("meta"): later = RingLoss(4, 3.)
    later.to_empty(device="cpu"), later.reset_parameters()
    assert later.radius == 3
    with pytest.raises(ValueError, match="radius: expected a finite number above 0, got 0"): RingLoss(4, 0)
    with pytest.raises(ValueError, match="embeddings of dimension 16, got 3"): loss(torch.zeros(2, 3), torch.zeros(2).long())
