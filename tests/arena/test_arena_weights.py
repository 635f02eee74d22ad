"Class-balanced weights, focal loss and weights that come late."
import copy
import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.testing import assert_close
from torchvision.ops import sigmoid_focal_loss

from fer_nb.arena import DeferredWeights, FocalLoss, LDAMLoss, class_balanced_weights, effective_number, focal_loss
from fer_nb.dda import DDALoss
from test_arena_adjustment import PUBLISHED, Y, Z


@pytest.mark.parametrize("case", PUBLISHED["class_balanced"])
def test_weights_equal_a_published_program(case):
    w = class_balanced_weights(case["counts"], case["beta"])
    assert_close(w, torch.tensor(case["weights"]), rtol=1e-6, atol=0)
    x = torch.tensor(case["x"], requires_grad=True)
    value = F.cross_entropy(x, torch.tensor(case["y"]), weight=w)
    assert_close(value.item(), case["value"], rtol=1e-5, atol=0)
    assert_close(torch.autograd.grad(value, x)[0], torch.tensor(case["grads"][0]), rtol=1e-4, atol=1e-6)

def test_effective_number_by_hand_and_at_its_limits():
    assert effective_number([1, 3], .5).tolist() == pytest.approx([1, 1.75])
    assert effective_number([1, 300], 0.).tolist() == [1, 1]
    assert effective_number([1, 300], 1 - 1e-12).tolist() == pytest.approx([1, 300], rel=1e-3)
    w = class_balanced_weights([300, 20], .999)
    assert w.mean().item() == pytest.approx(1) and w.dtype == torch.float32 and 1 < w[1] / w[0] < 15
    for beta in (1, -.1, math.nan):
        with pytest.raises(ValueError, match="beta: expected a finite number of at least 0 and below 1"): effective_number([3], beta)

@pytest.mark.parametrize("seed", range(5))
def test_with_two_classes_focal_is_torchvisions(seed):
    g = torch.Generator().manual_seed(seed)
    z, t, gamma = torch.randn(8, generator=g, dtype=torch.float64) * 3, torch.randint(2, (8,), generator=g), [0., .5, 1., 2., 5.][seed]
    two = torch.stack([torch.zeros(8, dtype=torch.float64), z], 1).requires_grad_()
    one = z.clone().requires_grad_()
    ours, theirs = focal_loss(two, t, gamma, reduction="none"), sigmoid_focal_loss(one, t.double(), alpha=-1, gamma=gamma)
    assert_close(ours, theirs)
    assert_close(torch.autograd.grad(ours.sum(), two)[0][:, 1], torch.autograd.grad(theirs.sum(), one)[0])

def test_focal_at_its_limits():
    assert_close(focal_loss(Z, Y, 0.), F.cross_entropy(Z, Y))
    sure = torch.tensor([[100., 0.]], requires_grad=True)                # p is 1 to all digits
    for gamma in (.5, 2.):
        slope, = torch.autograd.grad(focal_loss(sure, torch.tensor([0]), gamma), sure)
        assert slope.isfinite().all() and slope.abs().max() < 1e-6
    assert FocalLoss(3).gamma == 2. and repr(FocalLoss(3)) == "FocalLoss(3, gamma=2.0)"
    with pytest.raises(ValueError, match="gamma: expected a finite number of at least 0, got -1"): FocalLoss(3, -1)

LATE = torch.tensor([1., 2., 3., 4.])

@pytest.mark.parametrize("make", [lambda: nn.CrossEntropyLoss(reduction="sum"), lambda: FocalLoss(4, reduction="sum"), lambda: LDAMLoss([9, 9, 3, 1], reduction="sum"),
                                  lambda: DDALoss(4, 4, reduction="sum", scaling="paper", lam=0)], ids=["torch", "focal", "ldam", "dda"])
def test_late_weights_come_after_so_many_steps(make):
    torch.manual_seed(0)
    loss, plain = make(), make()
    weighted = make()
    if hasattr(loss, "centers"):
        for m in (loss, plain, weighted): m.centers.data = torch.eye(4); m.alpha = 1e-12
    weighted.weight = LATE
    deferred, x = DeferredWeights(loss, LATE, after=2), Z.float()
    seen = [deferred(x, Y) for _ in range(4)]
    early, late = plain(x, Y), weighted(x, Y)
    assert_close(torch.stack(seen), torch.stack([early, early, late, late]))
    assert not torch.isclose(early, late)

def test_looking_does_not_count_and_a_state_goes_on():
    deferred = DeferredWeights(nn.CrossEntropyLoss(reduction="sum"), LATE, after=1)
    with torch.no_grad(): deferred(Z.float(), Y)
    deferred.eval()(Z.float(), Y)
    assert deferred.steps == 0
    deferred.train()(Z.float(), Y)
    other = DeferredWeights(nn.CrossEntropyLoss(reduction="sum"), torch.ones(4), after=1)
    other.load_state_dict(copy.deepcopy(deferred.state_dict()))
    assert other.steps == 1 and torch.equal(other(Z.float(), Y), deferred(Z.float(), Y))
    assert torch.equal(deferred(Z.float(), Y), F.cross_entropy(Z.float(), Y, weight=LATE, reduction="sum"))

def test_bad_settings():
    with pytest.raises(ValueError, match="loss: expected one with `weight`, got Identity"): DeferredWeights(nn.Identity(), LATE, 3)
    with pytest.raises(ValueError, match="loss: expected a torch.nn.Module"): DeferredWeights(F.cross_entropy, LATE, 3)
    with pytest.raises(ValueError, match="after: expected a whole number of at least 0"): DeferredWeights(nn.CrossEntropyLoss(), LATE, -1)
    with pytest.raises(ValueError, match="weight: expected finite numbers"): DeferredWeights(nn.CrossEntropyLoss(), -LATE, 1)
    with pytest.raises(ValueError, match="weight: expected a tensor"): DeferredWeights(nn.CrossEntropyLoss(), [1., 2.], 1)
