"Logit adjustment: its limits, its two other names, and what a published program says."
import json
import math
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from fer_nb.arena import LogitAdjustedLoss, class_counts, logit_adjusted_loss
from fer_nb.backbones import Output
from fer_nb.training import readout

PUBLISHED = json.loads((Path(__file__).parent/"published.json").read_text()) # tests/arena/README.md says of which programs
Z = torch.randn(9, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
Y = torch.arange(9) % 4


@pytest.mark.parametrize("case", PUBLISHED["adjusted"])
def test_equals_a_published_program(case):
    x = torch.tensor(case["x"], dtype=torch.float64, requires_grad=True)
    value = logit_adjusted_loss(x, torch.tensor(case["y"]), case["counts"], case["tau"])
    assert_close(value.item(), case["value"], rtol=1e-12, atol=1e-14)
    assert_close(torch.autograd.grad(value, x)[0], torch.tensor(case["grads"][0], dtype=torch.float64), rtol=1e-10, atol=1e-14)

def test_limits():
    assert_close(logit_adjusted_loss(Z, Y, [9, 2, 3, 4], 0.), F.cross_entropy(Z, Y))
    assert_close(logit_adjusted_loss(Z, Y, [7] * 4), F.cross_entropy(Z, Y))
    assert_close(logit_adjusted_loss(Z, Y, [9, 2, 3, 4]), logit_adjusted_loss(Z, Y, [.9, .2, .3, .4]))

def test_balanced_softmax_is_tau_one():
    n = torch.tensor([300., 20, 5, 60], dtype=torch.float64)
    balanced = (n * Z.exp())[torch.arange(9), Y] / (n * Z.exp()).sum(1)
    assert_close(logit_adjusted_loss(Z, Y, n), -balanced.log().mean())

def test_it_is_the_prior_head_trained():
    n = torch.tensor([300, 20, 5, 60])
    softmax = Z + (n / n.sum()).double().log()
    assert_close(logit_adjusted_loss(Z, Y, n), F.cross_entropy(softmax, Y), rtol=1e-6, atol=1e-8)
    assert_close(readout(Output(Z, softmax), "prior", prior=n), Z)

def test_module_and_settings():
    criterion = LogitAdjustedLoss(torch.tensor([3, 1]))
    assert criterion.tau == 1. and list(criterion.state_dict()) == ["log_prior"]
    assert_close(criterion.log_prior, torch.tensor([math.log(.75), math.log(.25)]))
    for counts in ([], [3, 0], [3, -1], [3, math.nan], "many"):
        with pytest.raises(ValueError, match="counts: expected"): logit_adjusted_loss(Z, Y, counts)
    with pytest.raises(ValueError, match="counts: expected 4, one per class, got 3"): logit_adjusted_loss(Z, Y, [1, 2, 3])
    with pytest.raises(ValueError, match="tau: expected a finite number"): LogitAdjustedLoss([3, 1], math.nan)
    assert class_counts([1, 2]).dtype == torch.float64
