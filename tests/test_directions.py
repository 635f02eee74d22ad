"Unit vectors: any length, closed gradients, and sums over pairs."
import pytest, torch
from torch.nn import functional as F

from fer_nb.directions import _pairs, _sideways, _unit


@pytest.mark.parametrize('scale', [1e-30, 1e-20, 1., 1e20, 1e37])
def test_a_length_of_one_at_any_scale(scale):
    unit, length = _unit(torch.tensor([[3., 4.]]) * scale)
    torch.testing.assert_close(unit, torch.tensor([[.6, .8]]))
    torch.testing.assert_close(length, torch.tensor([[5.]]) * scale)

def test_zeros_stay_and_get_no_gradient():
    c = torch.zeros(2, 3, requires_grad=True)
    unit, length = _unit(c)
    gradient, = torch.autograd.grad(unit.sum(), c)
    assert not unit.any() and length.isinf().all() and not gradient.any()

def test_gradients_of_both_outputs():
    c = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(_unit, c) and torch.autograd.gradgradcheck(_unit, c)
    torch.testing.assert_close(torch.autograd.grad(_unit(c)[0][:, 0].sum(), c), torch.autograd.grad(F.normalize(c, dim=1)[:, 0].sum(), c))

def test_what_is_sideways_is_at_right_angles():
    v = F.normalize(torch.randn(6, 5, dtype=torch.float64), dim=1)
    left = _sideways(torch.randn(6, 5, dtype=torch.float64), v)
    torch.testing.assert_close((left * v).sum(1), torch.zeros(6, dtype=torch.float64))

def test_pairs_by_a_loop():
    v = F.normalize(torch.randn(6, 5, dtype=torch.float64), dim=1)
    torch.testing.assert_close(_pairs(v), sum(v[i] @ v[j] for i in range(6) for j in range(6) if i != j))
