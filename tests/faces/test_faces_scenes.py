"Scenes and the domains they are drawn from."
from dataclasses import fields, replace

import numpy as np
import pytest
import torch

from fer_nb.faces import DOMAINS, Domain


def same(a, b): return all(torch.equal(getattr(a, f.name), getattr(b, f.name)) for f in fields(a))

def test_domains_are_six_and_named():
    assert tuple(DOMAINS) == ("lab_color", "video_gray", "studio_gray", "blue_screen", "wild_color", "wild_gray")
    for name, d in DOMAINS.items(): assert d.name == name and len(d.description) > 20

@pytest.mark.parametrize("name", DOMAINS)
def test_scene_is_within_its_domain(name):
    d = DOMAINS[name]
    s = d.sample(range(100))
    for f in ("scale", "key", "ambient", "fill", "exposure", "gamma", "contrast", "brightness", "blur", "noise", "lines", "native", "quality"):
        low, high = getattr(d, f)
        t = getattr(s, f)
        assert low - 1e-5 <= t.min() and t.max() <= high + 1e-5, f
    for k, f in enumerate(("yaw", "pitch", "roll")):
        low, high = np.radians(getattr(d, f))
        assert low - 1e-5 <= s.pose[:, k].min() and s.pose[:, k].max() <= high + 1e-5
    torch.testing.assert_close(s.light.norm(dim=1), torch.ones(100))
    assert 0 <= s.background.min() and s.background.max() <= 1 and s.background.shape == (100, 3, 16, 16)
    assert (s.gray == float(d.gray)).all()

def test_one_seed_is_one_scene_in_any_batch():
    d = DOMAINS["wild_color"]
    assert same(d.sample([9]), d.sample([4, 9, 2])[1])
    assert not torch.equal(d.sample([9]).background, d.sample([4]).background)

def test_a_domain_is_a_recipe_to_extend():
    d = replace(DOMAINS["lab_color"], blur=(.5, .5), gray=True)
    s = d.sample([1, 2])
    assert (s.blur == .5).all() and (s.gray == 1).all()
    assert torch.equal(s.pose, DOMAINS["lab_color"].sample([1, 2]).pose)

@pytest.mark.parametrize("bad", [dict(blur=(1., .5)), dict(yaw=5), dict(key=(1,)), dict(background=((0, 0, 1), (1, 1, 0))), dict(native=(4, 64)), dict(noise="ab"), dict(blur=(float("nan"), 1))])
def test_bad_domain(bad):
    with pytest.raises(ValueError, match=f"{next(iter(bad))}: expected"): Domain("x", "y", **bad)

@pytest.mark.parametrize("name, seed, yaw, quality, last", [("wild_color", 0, -.378789, 88, .115259), ("wild_color", 1, -.088480, 58, .444537),
                                                            ("lab_color", 0, -.054113, 0, .574417), ("lab_color", 1, -.012640, 0, .611304)])
def test_photographs_stay_what_they_are(name, seed, yaw, quality, last):
    "The first number drawn, one in the middle and the corner of the background, which comes last."
    scene = DOMAINS[name].sample([seed])
    got = torch.stack([scene.pose[0, 0], scene.quality[0], scene.background[0, 2, 15, 15]])
    torch.testing.assert_close(got, torch.tensor([yaw, quality, last]), atol=1e-5, rtol=0)

def test_a_domain_says_what_it_is():
    made = Domain("mine", "A test.", yaw=(0, 0))
    assert made == replace(made) and hash(made) == hash(replace(made)) and repr(made).startswith("Domain(name='mine'")
    assert isinstance(replace(made, gray=True), Domain) and made != replace(made, gray=True)
