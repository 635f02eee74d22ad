"People, drawn from their seeds alone."
from dataclasses import fields

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from fer_nb.faces import DOMAINS, HAIR_STYLES, Head, Identity, People, Scene, sample_identity


def same(a, b): return all(torch.equal(getattr(a, f.name), getattr(b, f.name)) for f in fields(a))

def test_identity_is_in_range():
    who = sample_identity(range(200))
    assert len(who) == 200 and who.hair_style.dtype == torch.int64
    assert who.shape.shape == (200, len(Head().shape_names))
    for f in fields(who): assert torch.isfinite(getattr(who, f.name).float()).all(), f.name
    for name in ("age", "male", "weight", "ancestry", "melanin", "ruddy", "freckles", "shine", "lips", "makeup", "beard", "texture", "hair_color", "iris"):
        t = getattr(who, name)
        assert 0 <= t.min() and t.max() <= 1, name
    torch.testing.assert_close(who.ancestry.sum(1), torch.ones(200))
    assert 0 <= who.hair_style.min() and who.hair_style.max() < len(HAIR_STYLES)
    assert len(who.hair_style.unique()) > 8
    assert (who.beard[who.male < .5] == 0).all() and (who.makeup[who.male > .5] == 0).all()

def test_skin_follows_ancestry():
    melanin = [sample_identity(range(100), People(ancestry=a)).melanin.mean() for a in ((1, 0, 0), (0, 1, 0), (0, 0, 1))]
    assert melanin[0] > melanin[1] + .2 > melanin[2] + .3

@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 2**40), min_size=1, max_size=4), st.integers(0, 2**40))
def test_one_seed_is_one_person_in_any_batch(seeds, seed):
    alone, among = sample_identity([seed]), sample_identity([*seeds, seed])
    assert same(alone, among[len(seeds)]) and same(alone, among[-1:])

def test_identity_does_not_touch_global_state():
    torch.manual_seed(1); np.random.seed(1)
    before = torch.rand(1), np.random.rand()
    torch.manual_seed(1); np.random.seed(1)
    sample_identity([5]); DOMAINS["wild_color"].sample([5])
    assert torch.equal(before[0], torch.rand(1)) and before[1] == np.random.rand()

def test_batches_index_join_and_move():
    who = sample_identity(range(5))
    assert same(Identity.cat([who[:2], who[2:]]), who)
    assert same(who[[3]], who[3]) and len(who[torch.tensor([True, False, True, False, True])]) == 3
    assert who.to("cpu").age.device.type == "cpu"
    how = DOMAINS["wild_gray"].sample(range(5))
    assert same(Scene.cat([how[:1], how[1:]]), how)

@pytest.mark.parametrize("seeds", [[], [-1], [1.5], 3, "ab", [True], [None], torch.zeros(0), [2**63], np.array([.5])])
def test_bad_seeds(seeds):
    with pytest.raises(ValueError, match="seeds: expected"): sample_identity(seeds)
    with pytest.raises(ValueError, match="seeds: expected"): DOMAINS["lab_color"].sample(seeds)

@pytest.mark.parametrize("name, value", [("male", 1.2), ("male", -.1), ("beard", 2), ("makeup", float("nan")), ("age", (.5, .2)), ("age", (-.1, .5)), ("weight", (0, 2)), ("ancestry", (1, 1)),
                                         ("ancestry", (0, 0, 0)), ("ancestry", (-1, 1, 1)), ("spread", .9), ("spread", -.1)])
def test_bad_people(name, value):
    with pytest.raises(ValueError, match=f"{name}: expected"): People(**{name: value})

def test_people_keep_to_their_demographics():
    who = sample_identity(range(60), DOMAINS["studio_gray"].people)
    assert who.male.max() < .5 and (who.ancestry[:, 1] == 1).all()
    who = sample_identity(range(60), People(male=1., beard=1., age=(.4, .5)))
    assert who.male.min() > .5 and (who.beard.sum(1) > 0).all() and who.age.min() >= .4 and who.age.max() <= .5

# seed -> melanin and the last number of the texture, which is drawn last: a woman with and one without make-up, a bearded man, one with stubble, a shaven one
DRAWN = {0: (.119004, .054198), 2: (.287580, .935798), 1: (.742182, .689703), 3: (.378478, .915011), 10: (.330888, .285802)}

@pytest.mark.parametrize("seed", DRAWN)
def test_people_stay_who_they_are(seed):
    who = sample_identity([seed])
    torch.testing.assert_close(torch.stack([who.melanin[0], who.texture[0, 3]]), torch.tensor(DRAWN[seed]))

def test_numbers_change_precision_and_whole_numbers_stay():
    who = sample_identity([1, 2]).in_precision(torch.float64)
    assert who.age.dtype == who.shape.dtype == torch.float64 and who.seed.dtype == who.hair_style.dtype == torch.int64
    assert torch.equal(who.age.float(), sample_identity([1, 2]).age)
