"Settings the reader may change: what is refused, what is read, where a value comes from."
import math

import numpy as np
import pytest

from fer_nb.widgets import Choice, Slider
from fer_nb.widgets.controls import known_controls, panel_settings

def slider(**k): return Slider(**{**dict(name="gamma", label="γ", min=0.0, max=7.0, step=0.5, value=3.0), **k})

@pytest.mark.parametrize("make, message", [
    (lambda: slider(min=7.0, max=0.0), "gamma: max: expected a finite number above 7.0, got 0.0"),
    (lambda: slider(step=0.0), "gamma: step: expected a finite number above 0 and at most 7.0, got 0.0"),
    (lambda: slider(step=8.0), "gamma: step: expected a finite number above 0 and at most 7.0, got 8.0"),
    (lambda: slider(value=9.0), "gamma: expected a finite number from 0.0 to 7.0, got 9.0"),
    (lambda: slider(value=0.3), "gamma: expected 0.0 plus a multiple of 0.5, got 0.3"),
    (lambda: slider(max=math.inf), "gamma: max: expected a finite number, got inf"),
    (lambda: slider(value=True), "gamma: value: expected a finite number, got True"),
    (lambda: slider(value="3"), "gamma: value: expected a finite number, got '3'"),
    (lambda: slider(name="not a name"), "name: expected the name of an argument, got 'not a name'"),
    (lambda: slider(name=3), "name: expected the name of an argument, got 3"),
    (lambda: Choice("loss", "loss", [], "dda"), "loss: options: expected a list of at least one"),
    (lambda: Choice("loss", "loss", "dda", "dda"), "loss: options: expected a list of at least one, got 'dda'"),
    (lambda: Choice("loss", "loss", ["softmax"], "dda"), "loss: expected one of softmax, got 'dda'"),
    (lambda: Choice("loss", "loss", ["softmax"], ["softmax"]), r"loss: expected one of softmax, got \['softmax'\]"),
    (lambda: Choice("loss", "loss", [dict()], "dda"), "loss: options: expected texts and numbers"),
    (lambda: known_controls([slider(), slider()]), "controls: expected different names"),
    (lambda: known_controls(["gamma"]), "controls: expected Slider and Choice objects, got 'gamma'"),
    (lambda: panel_settings(lambda lr: None, [{}], [slider()], {}), "settings: expected arguments of"),
    (lambda: panel_settings(lambda gamma: None, [{}], [slider()], dict(gamma=8)), "gamma: expected a finite number from 0.0 to 7.0, got 8"),
    (lambda: panel_settings(lambda gamma: None, [dict(gamma=8)], [slider()], {}), "gamma: expected a finite number from 0.0 to 7.0, got 8"),
])
def test_bad_input_is_refused_in_words(make, message):
    with pytest.raises(ValueError, match=message): make()

def test_a_slider_of_whole_numbers_gives_whole_numbers():
    read = Slider("epochs", "epochs", 1, 40, 1, 10).read(12.0)
    assert (read, type(read)) == (12, int) and type(slider().read(np.int64(3))) is float
    assert slider(max=7, min=0, step=1, value=2.0).value == 2 and slider().read(6.999999999) == pytest.approx(7)

def test_a_value_comes_from_the_panel_the_call_or_the_control():
    loss, gamma = Choice("loss", "loss", ["softmax", "dda"], "dda"), slider()
    def make(loss, gamma, lr=1): ...
    assert panel_settings(make, [{}], [loss, gamma], {}) == (dict(loss="dda", gamma=3.0), [{}])
    assert panel_settings(make, [{}], [loss, gamma], dict(gamma=5, lr=2)) == (dict(loss="dda", gamma=5.0, lr=2), [{}])
    shared, each = panel_settings(make, [dict(loss="softmax"), {}], [loss, gamma], {})
    assert shared == dict(gamma=3.0) and each == [dict(loss="softmax"), dict(loss="dda")]
