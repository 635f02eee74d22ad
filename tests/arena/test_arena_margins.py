"LDAM's and CosFace's margins: published programs, and what they come to at their limits."
import math

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from fer_nb.angular_softmax import AngularSoftmax, angular_logits
from fer_nb.arena import CosFaceLoss, LDAMLoss, MarginLoss, ldam_margins, logit_adjusted_loss, margin_loss
from test_arena_adjustment import PUBLISHED, Y, Z


@pytest.mark.parametrize("case", PUBLISHED["ldam"])
def test_ldam_equals_its_authors_program(case):
    cosines = torch.tensor(case["x"], dtype=torch.float64, requires_grad=True)
    value = LDAMLoss(case["counts"], case["m"], case["s"]).double()(case["s"] * cosines, torch.tensor(case["y"]))
    assert_close(value.item(), case["value"], rtol=1e-6, atol=1e-7)
    assert_close(torch.autograd.grad(value, cosines)[0], torch.tensor(case["grads"][0], dtype=torch.float64), rtol=1e-5, atol=1e-6)

@pytest.mark.parametrize("seed", range(5))
def test_cosface_and_normface_equal_pytorch_metric_learning(seed):
    losses = pytest.importorskip("pytorch_metric_learning.losses")
    g, (s, m) = torch.Generator().manual_seed(seed), [(64., .35), (8., .3), (16., .1), (30., .5), (4., 0.)][seed]
    x, y = torch.randn(7, 3, generator=g, dtype=torch.float64), torch.randint(4, (7,), generator=g)
    for theirs, margin in ((losses.CosFaceLoss(4, 3, margin=m, scale=s), m), (losses.NormalizedSoftmaxLoss(4, 3, temperature=1 / s), 0.)):
        theirs.double()
        a, b = x.clone().requires_grad_(), x.clone().requires_grad_()
        ours = CosFaceLoss(4, s, margin).double()(angular_logits(a, theirs.W.detach().t(), s=s), y)
        other = theirs(b, y)
        assert_close(ours, other, rtol=1e-6, atol=1e-6)
        assert_close(torch.autograd.grad(ours, a)[0], torch.autograd.grad(other, b)[0], rtol=1e-5, atol=1e-6)

def test_margins_by_hand():
    assert ldam_margins([16, 1, 81]).tolist() == pytest.approx([.25, .5, 1 / 6]) and ldam_margins([5, 5], .3).tolist() == pytest.approx([.3, .3])

def test_cosface_is_ldam_with_equal_counts_and_normface_without_a_margin():
    assert_close(LDAMLoss([7] * 4, .35, 16.)(Z, Y), CosFaceLoss(4, 16., .35)(Z, Y))
    assert_close(CosFaceLoss(4, 16., 0.)(Z, Y), F.cross_entropy(Z, Y))
    assert (LDAMLoss([1, 2]).s, CosFaceLoss(2).s, CosFaceLoss(2).margins.tolist()) == (30., 64., pytest.approx([.35, .35]))

def test_with_two_classes_adjustment_is_a_margin_too():
    two, lead = Z[:, :2], math.log(300 / 20)
    assert_close(logit_adjusted_loss(two, Y % 2, [300, 20]), margin_loss(two, Y % 2, torch.tensor([-lead, lead], dtype=torch.float64)))

def test_behind_a_head_on_angles():
    torch.manual_seed(0)
    head, x = AngularSoftmax(3, 4, 8., 0.), torch.randn(9, 3)
    with_margin, without = CosFaceLoss(4, 8., .2)(head(x), Y), CosFaceLoss(4, 8., 0.)(head(x), Y)
    assert with_margin > without and with_margin - without < 1.6       # at most s · m

def test_bad_settings():
    with pytest.raises(ValueError, match="s: expected a finite number above 0, got 0"): MarginLoss(torch.ones(3), 0)
    with pytest.raises(ValueError, match="m: expected a finite number of at least 0, got -0.1"): CosFaceLoss(3, m=-.1)
    with pytest.raises(ValueError, match="max_m: expected a finite number of at least 0, got -1"): LDAMLoss([1, 2], -1)
    with pytest.raises(ValueError, match="margins: expected 4, one per class, got 3"): margin_loss(Z, Y, torch.ones(3))
