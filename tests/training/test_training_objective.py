"Objective and learning-rate schedules."
import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings, strategies as st
from torch import nn

from fer_nb.backbones import Output
from fer_nb.centers import CenterLoss
from fer_nb.training import Objective, cosine, schedule_figure, staircase
from training_parts import Constant


def test_objective_terms():
    x, y, logits = torch.randn(5, 2), torch.randint(3, (5,)), torch.randn(5, 3)
    center = CenterLoss(3, 2).eval()
    objective = Objective(center=(center, .5), plain=Constant()).eval()
    losses = objective((None, y), Output(x, logits))
    assert list(losses) == ["softmax", "center", "plain"] and all(v.shape == () for v in losses.values())
    torch.testing.assert_close(losses["softmax"], F.cross_entropy(logits, y))
    torch.testing.assert_close(losses["center"], .5 * center(x, y))
    objective.weights["center"] = 2.
    torch.testing.assert_close(objective((None, y), Output(x, logits))["center"], 2 * center(x, y))
    assert "terms.center.centers" in objective.state_dict()


@pytest.mark.parametrize("terms, message", [
    ({"softmax": nn.Identity()}, "softmax: expected another name"),
    ({"total": nn.Identity()}, "total: expected another name"),
    ({"center": 3}, "center: expected a module or a pair .*int"),
    ({"center": (nn.Identity(), "much")}, "center: expected a finite weight, got 'much'"),
    ({"center": (nn.Identity(), math.nan)}, "center: expected a finite weight, got nan"),
    ({"center": (nn.Identity(), True)}, "center: expected a finite weight, got True"),
    ({"center": (nn.Identity(), "1")}, "center: expected a finite weight, got '1'"),
    ({"gradient": nn.Identity()}, "gradient: expected another name"),
])
def test_objective_refuses(terms, message):
    with pytest.raises(ValueError, match=message): Objective(**terms)


def test_staircase_is_the_papers():
    schedule, per_epoch = staircase(20 / 100, 1 / 1.25), 157
    for epoch in range(100):
        expected = .001 / 1.25 ** (epoch // 20)
        for n in (epoch * per_epoch, (epoch + 1) * per_epoch - 1):
            assert math.isclose(.001 * schedule(n, 100 * per_epoch), expected, rel_tol=1e-12)


@given(stairs=st.integers(1, 12), per_epoch=st.integers(1, 400), epochs=st.integers(1, 40))
@settings(max_examples=60, deadline=None)
def test_staircase_steps_are_where_they_should_be(stairs, per_epoch, epochs):
    total, schedule = stairs * epochs * per_epoch, staircase(epochs / (stairs * epochs), .5)
    for k in range(stairs):
        assert schedule(k * epochs * per_epoch, total) == .5**k == schedule((k + 1) * epochs * per_epoch - 1, total)


def test_cosine():
    schedule = cosine(10)
    values = [schedule(n, 100) for n in range(100)]
    assert values[0] == .1 and max(values) == values[9] > .97 and values == values[:10] + sorted(values[10:], reverse=True)
    assert 0 < values[-1] < .001 and cosine(0)(0, 5) == 1 and 0 < cosine(34)(0, 5) < .03


@pytest.mark.parametrize("make, message", [
    (lambda: cosine(-1), "warmup: .*-1"), (lambda: cosine(1.5), "warmup: .*1.5"), (lambda: staircase(20), "every: expected a fraction .*got 20"),
    (lambda: staircase(0), "every: .*got 0"), (lambda: staircase(.2, 0), "factor: expected a finite number above 0, got 0"),
    (lambda: cosine(True), "warmup: .*True"), (lambda: cosine("3"), "warmup: .*'3'"), (lambda: staircase(True), "every: .*True"),
    (lambda: staircase("a"), "every: .*'a'"), (lambda: staircase(.2, True), "factor: .*True"), (lambda: staircase(.2, "b"), "factor: .*'b'")])
def test_schedules_refuse(make, message):
    with pytest.raises(ValueError, match=message): make()


def test_the_picture():
    lines = schedule_figure({"a": cosine(), "b": staircase()}, 50, lr=.1).axes[0].lines
    assert len(lines) == 2 and len(lines[0].get_ydata()) == 50 and lines[1].get_ydata()[0] == .1
