"What a training costs, by hand."
from dataclasses import replace

import pytest

from fer_nb.reproduce import TRAININGS, Sizing, Training, sizing


def test_sizing_by_hand():
    t = Training(("rafdb",), batch=10, epochs=2)
    one, more, adam = (sizing(x, {"rafdb": 100, "fer2013": 300}) for x in (t, replace(t, batch=20), replace(t, adam=True, loss="udat", unlabeled=("fer2013",))))
    assert isinstance(one, Sizing) and one.weights == 11_180_103 and one.seen == 200 and adam.seen == 2 * 2 * 300 # the smaller set is gone through again
    assert one.flops == pytest.approx(3 * 2 * 1.814e9, rel=.03) # counted without the images' own gradient
    kept = (more.memory - one.memory) / 10
    assert one.memory == pytest.approx(3 * 4 * one.weights + 10 * kept) and adam.memory - one.memory == pytest.approx(4 * one.weights)
    assert 2e7 < kept < 4e7 # twenty convolutions and batch norms: between 5 and 10 million numbers a picture
    assert one.hours(1e12) == pytest.approx(one.flops * 200 / 1e12 / 3600) and one.hours(1e12, 8, .5) == pytest.approx(one.hours(1e12) / 4)

def test_digits_need_no_sizing():
    with pytest.raises(ValueError, match="t: expected a training on faces, got Wild-MNIST"): sizing(TRAININGS["003"]["digits softmax"], {})

def test_a_set_needs_a_number():
    with pytest.raises(KeyError, match="kdef"): sizing(Training(("kdef",)), {"rafdb": 1})
