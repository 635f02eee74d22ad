"Supervised contrastive losses: published programs, lonely anchors, absent classes."
import math

import pytest
import torch
from torch.testing import assert_close

from fer_nb.arena import BalancedContrastiveLoss, SupConLoss, balanced_contrastive_loss, supcon_loss
from test_arena_adjustment import PUBLISHED


@pytest.mark.parametrize("seed", range(5))
def test_supcon_equals_pytorch_metric_learning(seed):
    losses = pytest.importorskip("pytorch_metric_learning.losses")
    g, tau = torch.Generator().manual_seed(seed), [.1, .5, 1., .07, .2][seed]
    x, y = torch.randn(9, 3, generator=g, dtype=torch.float64), torch.randint(4, (9,), generator=g)
    a, b = x.clone().requires_grad_(), x.clone().requires_grad_()
    ours, theirs = supcon_loss(a, y, 4, tau), losses.SupConLoss(temperature=tau)(b, y)
    assert_close(ours, theirs)
    assert_close(torch.autograd.grad(ours, a)[0], torch.autograd.grad(theirs, b)[0], rtol=1e-6, atol=1e-9)

@pytest.mark.parametrize("case", PUBLISHED["bcl"])
def test_balanced_equals_its_authors_program(case):
    x, c = (torch.tensor(case[k], dtype=torch.float64, requires_grad=True) for k in ("x", "c"))
    value = balanced_contrastive_loss(x, torch.tensor(case["y"] * 2), c, case["t"])
    assert_close(value.item(), case["value"], rtol=1e-10, atol=1e-12)
    for ours, theirs in zip(torch.autograd.grad(value, (x, c)), case["grads"]): assert_close(ours, torch.tensor(theirs, dtype=torch.float64), rtol=1e-9, atol=1e-12)

def line(n): return torch.tensor([[1.], [1.], *[[-1.]] * n], dtype=torch.float64), torch.tensor([0, 0] + [1] * n)

def test_by_hand():
    expected = math.log(1 + math.exp(-2))
    assert supcon_loss(*line(1), 2, 1., reduction="none").tolist() == pytest.approx([expected, expected, 0])
    assert supcon_loss(*line(1), 2, 1.).item() == pytest.approx(expected)          # the lonely one does not count
    assert supcon_loss(*line(0), 2, 1.).item() == 0 and supcon_loss(*line(9), 2, 1., reduction="none")[0].item() == pytest.approx(math.log(1 + 9 * math.exp(-2)))

def test_in_the_balanced_loss_a_crowd_weighs_as_much_as_one():
    c = torch.tensor([[1.], [-1.]], dtype=torch.float64)
    for n in (0, 1, 50): assert balanced_contrastive_loss(*line(n), c, 1., reduction="none").tolist() == pytest.approx([math.log(1 + math.exp(-2))] * (2 + n))

def test_an_absent_class_pushes_by_its_prototype():
    x, y = line(0)
    c = torch.tensor([[1.], [-1.]], dtype=torch.float64, requires_grad=True)
    balanced_contrastive_loss(x + .1, y, c, 1.).backward()
    far = balanced_contrastive_loss(x, y, torch.tensor([[1.], [1.]], dtype=torch.float64), 1.)
    assert far.item() == pytest.approx(math.log(2))

def test_only_directions_count():
    g = torch.Generator().manual_seed(0)
    x, y, c = torch.randn(9, 3, generator=g, dtype=torch.float64), torch.arange(9) % 4, torch.randn(4, 3, generator=g, dtype=torch.float64)
    assert_close(supcon_loss(1e5 * x, y, 4), supcon_loss(x, y, 4))
    assert_close(balanced_contrastive_loss(1e-5 * x, y, 7 * c), balanced_contrastive_loss(x, y, c))

def test_module():
    torch.manual_seed(0)
    criterion = BalancedContrastiveLoss(4, 3)
    assert criterion.prototypes.shape == (4, 3) and criterion.temperature == SupConLoss(4).temperature == .1
    x, y = torch.randn(6, 3), torch.arange(6) % 4
    assert_close(criterion(x, y), balanced_contrastive_loss(x, y, criterion.prototypes))
    criterion(x, y).backward()
    assert criterion.prototypes.grad.any()
    with torch.device("meta"): later = BalancedContrastiveLoss(4, 3)
    later.to_empty(device="cpu")
    torch.manual_seed(0), later.reset_parameters()
    assert torch.equal(later.prototypes, criterion.prototypes)
    for make in (lambda t: SupConLoss(4, t), lambda t: BalancedContrastiveLoss(4, 3, t)):
        with pytest.raises(ValueError, match="temperature: expected a finite number above 0"): make(0)
    with pytest.raises(ValueError, match="prototypes|x: expected embeddings of"): criterion(x[:, :2], y)
