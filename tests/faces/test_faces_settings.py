"What the sliders set: all of it makes sense, or nothing changes."
from dataclasses import FrozenInstanceError, fields, replace

import numpy as np
import pytest
import torch

from fer_nb.faces import AU_NAMES, Sitting, sample_identity
from fer_nb.faces.settings import Person, Settings
from some_faces import only

N = len(AU_NAMES)


@pytest.fixture()
def calm(): return Settings(Person(sample_identity([3]), 3), torch.zeros(N))


def test_settings_are_frozen(calm):
    with pytest.raises(FrozenInstanceError): calm.photo = 5
    changed = replace(calm, photo=5)
    assert (calm.photo, changed.photo) == (0, 5) and changed.who is calm.who


def test_sides_part_where_they_differ(calm):
    crooked = only("AU12", sides=(1.0, 0.2))[0]
    assert not calm.split and replace(calm, au=crooked, split=None).split
    assert not replace(calm, au=crooked, split=False).split and replace(calm, split=True).split


def test_the_same_face_as_long_as_nobody_changes_it(calm):
    face = calm.who.face
    assert replace(calm, photo=5).who.face is face
    assert calm.who.changed(None, 3, None) is calm.who and calm.who.changed(None, 3, {}).face is not face


def test_whole_numbers_of_any_kind(calm):
    state = Sitting()
    state.update(person=np.int64(5), photo=np.int32(7), turn=(np.float32(0.5), 0))
    told = state.state()
    assert (told["person"], told["photo"], told["turn"]) == (5, 7, [0.5, 0.0]) and type(told["person"]) is int and type(told["turn"][0]) is float


@pytest.mark.parametrize("change, wrong", [
    (dict(au=[0.0] * 17), "au"), (dict(au=[2.0] * N), "au"), (dict(au=[-0.1] * N), "au"), (dict(au=[float("nan")] * N), "au"), (dict(au="smile"), "au"), (dict(au=[[0.0] * N] * 3), "au"),
    (dict(au=[None] * N), "au"), (dict(au=torch.zeros(1, 1, N)), "au"), (dict(identity=sample_identity([1, 2])), "identity"), (dict(identity=7), "identity"), (dict(person=-1), "person"),
    (dict(person=1.5), "person"), (dict(person=True), "person"), (dict(person=2**40), "person"), (dict(photo="x"), "photo"), (dict(domain="mars"), "domain"), (dict(domain=["lab_color"]), "domain"),
    (dict(turn=[1]), "turn"), (dict(turn=[9, 0]), "turn"), (dict(turn=[float("nan"), 0]), "turn"), (dict(lamp="up"), "lamp"), (dict(lamp=[0, None]), "lamp"), (dict(look=dict(age=2)), "look"),
    (dict(look=dict(nose=0.5)), "look"), (dict(look=[1]), "look"), (dict(look=dict(age="old")), "look"), (dict(split="yes"), "split"),
])
def test_bad_settings_change_nothing(change, wrong):
    s = Sitting()
    s.update(au=[0.5] * N, turn=[0.1, 0.2], look=dict(age=0.5))
    before = s.state()
    with pytest.raises(ValueError, match=f"^{wrong}: expected .*"): s.update(**dict(dict(au=[0.1] * N, photo=5, person=3), **change))
    assert s.state() == before


def test_a_new_person_has_looks_of_their_own():
    s = Sitting()
    s.update(look=dict(age=0.9))
    assert float(s.face.age) == pytest.approx(0.9)
    s.update(person=5)
    other = sample_identity([5])
    for f in fields(other): assert torch.equal(getattr(s.face, f.name), getattr(other, f.name)), f.name
    s.update(person=5, look=dict(weight=1.0))
    assert float(s.face.weight) == 1 and torch.equal(s.face.age, other.age)
    s.update(person=5, look={})
    assert torch.equal(s.face.weight, other.weight)
