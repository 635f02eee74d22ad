"Every step on one photograph: fer_nb.preprocessing.steps, from the installed package."
from fer_nb.preprocessing import steps_figure


def test_steps_figure(hopper):
    assert [ax.get_title() for ax in steps_figure(hopper).axes] == ["1 found", "gray", "cropped", "aligned", "normalized"]
    assert [ax.get_title() for ax in steps_figure(hopper, min_size=600).axes] == ["0 found", "gray"]

def test_the_settings_reach_their_step(hopper):
    small, strict = steps_figure(hopper, size=32), steps_figure(hopper, threshold=.9999999)
    assert [ax.images[0].get_array().shape[:2] for ax in small.axes[2:]] == [(32, 32)] * 3
    assert len(small.axes[0].patches) == 1 and not strict.axes[0].patches and len(strict.axes) == 2
