"A clip: three parts, a smooth rise, one person, and the same again for the same seed."
import pytest
import torch

from fer_nb.faces import AU_NAMES, DOMAINS
from fer_nb.own_face import PARTS, REST, WEBCAM, Clip, clip_figure, envelope, take_clip


@pytest.fixture(scope="module")
def clip(): return take_clip(3, rate=2, rounds=1, size=64)

def test_parts_follow_one_another(clip):
    assert isinstance(clip, Clip) and [int(clip.part(name).sum()) for name in PARTS] == [10, 24, 24]
    assert clip.parts.tolist() == sorted(clip.parts.tolist()) and clip.seconds[10] == REST
    assert clip.images.shape == (58, 3, 64, 64) and clip.images.dtype == torch.uint8 and clip.au.shape == (58, 18)

def test_the_envelope_is_a_smoothstep_there_and_back():
    e = envelope(5)
    u = torch.tensor([1, 3, 5]) / 6                                    # 0.05, 0.15 and 0.25 of the time, which rises for 0.3 of it
    torch.testing.assert_close(e[:3], 3 * u**2 - 2 * u**3)
    torch.testing.assert_close(e, e.flip(0))
    assert e[3:7].eq(1).all()

def test_a_resting_face_rests_and_then_acts(clip):
    still, moving = clip.au[clip.part("neutral")], clip.au[clip.part("practice")]
    assert still.std(0).max() == 0 and still.max() <= .21 and moving.max() > .5
    assert clip.images[0].ne(clip.images[1]).any()                     # the head sways, and noise is drawn anew
    assert (moving > .3).any(0).sum() >= 8                             # six expressions move many muscles

def test_the_same_seed_is_the_same_clip_and_another_another_person():
    one, again, other = (take_clip(seed, rate=1, rounds=1, size=32) for seed in (0, 0, 1))
    assert one.images.equal(again.images) and one.au.equal(again.au)
    assert one.images.ne(other.images).any() and one.au.ne(other.au).any()

def test_the_camera_is_held_out(): assert WEBCAM.name not in DOMAINS and all(WEBCAM != d for d in DOMAINS.values())

@pytest.mark.parametrize("bad", [dict(seed=-1), dict(rate=0), dict(rounds=2.5), dict(size=8)])
def test_nonsense_is_refused(bad):
    with pytest.raises(ValueError, match=f"{next(iter(bad))}: expected"): take_clip(**bad)

def test_the_figure_has_a_line_for_each_of_the_strongest(clip):
    ax, = clip_figure(clip, 3).axes
    lines = [line for line in ax.lines if line.get_label() in AU_NAMES]
    assert len(lines) == 3 and {line.get_label() for line in lines} == {AU_NAMES[k] for k in clip.au.std(0).argsort(descending=True)[:3]}
    with pytest.raises(ValueError, match="clip: expected"): clip_figure(3)
