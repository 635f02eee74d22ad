"Trainings as data: what they refuse, keys that stay, scales, and the printed protocols."
import json
from dataclasses import asdict, fields, replace

import pytest

from fer_nb.papers import PRESETS, Recipe, preset
from fer_nb.reproduce import EMBEDDED, LOSSES, NETWORKS, TRAININGS, Training, at_scale
from fer_nb.reproduce.trainings import SHORT, chain, sets_of

ALL = [t for named in TRAININGS.values() for t in named.values()]


@pytest.mark.parametrize("field, value", [
    ("sets", ("kdf",)), ("sets", "kdef"), ("sets", (["kdef"],)), ("unlabeled", ("nobody",)), ("loss", "dan"), ("network", "resnet"), ("feat_dim", 0), ("feat_dim", 2.), ("lam", -1), ("gamma", float("nan")),
    ("clamp", -1.), ("weights", "facenet"), ("epochs", 0), ("epochs", 1.5), ("batch", True), ("lr", 0), ("decay", 0), ("every", 0), ("size", "224"), ("crop", 0), ("most", 0)])
def test_a_bad_field_is_named(field, value):
    with pytest.raises(ValueError, match=f"^{field}: expected .*, got "): Training(**{"sets": ("kdef",), field: value})

def test_optional_fields_may_be_none(): Training(("kdef",), feat_dim=None, clamp=None, crop=None, most=None, start=None)

def test_trainings_are_plain_data():
    assert len({t.key() for t in ALL}) == len(ALL) == 103
    assert {t.loss for t in ALL} == set(LOSSES) and {t.network for t in ALL if isinstance(t, Training)} == set(NETWORKS) - {"labcnn"}
    assert [t for t in ALL if isinstance(t, Recipe)] == preset("paper")
    json.dumps([asdict(t) for t in ALL])

def test_keys_of_today_are_those_of_tomorrow():
    "These stand in users' folders; a changed default would give old rows another meaning."
    assert {f.name: f.default for f in fields(Training) if f.name != "sets"} == dict(
        loss="softmax", unlabeled=(), network="resnet18", feat_dim=None, lam=0., gamma=0., clamp=None, weights="imagenet", epochs=60, batch=100, lr=.01, adam=False, decay=1.,
        every=1, size=224, crop=None, gray=False, most=None, start=None)
    t = TRAININGS["000"]["KDEF then CK"]
    assert (Training(("kdef",)).key(), t.key(), replace(t, start=None).key()) == ("8ad2b1c481", "32a0e4653c", "b1457d66ff")

def test_equal_numbers_are_equal_trainings(): assert Training(("kdef",), lam=1, clamp=5).key() == Training(["kdef"], lam=1., clamp=5.).key()

def test_chain_and_sets():
    a = Training(("kdef",), unlabeled=("jaffe",))
    b = Training(("ckplus",), start=a)
    assert chain(b) == [b, a] and sets_of(b) == ["ckplus", "kdef", "jaffe"] and chain(Recipe()) == [Recipe()] and sets_of(Recipe()) == ["mnist"]

def test_every_set_has_a_name_and_a_stand_in():
    assert set(SHORT) == set(EMBEDDED) and {s for t in ALL for s in sets_of(t)} <= set(SHORT)

def test_paper_scale_is_the_training_itself():
    for t in ALL: assert at_scale(t, "paper") is t

@pytest.mark.parametrize("scale", ["lab", "smoke"])
def test_small_scales(scale):
    for t in ALL:
        small = at_scale(t, scale)
        assert (small.loss, small.gamma, small.epochs == 1) == (t.loss, t.gamma, scale == "smoke")
        if isinstance(t, Recipe): assert replace(small, loss="dda", gamma=3., epochs=30, majority=300) == PRESETS["lab"] and small.majority == (32 if scale == "smoke" else 300)
        else:
            assert (small.network, small.size, small.weights, small.lam, small.most) == ("labcnn", 64, "none", t.lam, 32 if scale == "smoke" else None)
            start = Training(("kdef", "ckplus", "jaffe", "tfeid")) if t.weights == "vggface" else t.start # nobody has VGGFace's weights on a laptop
            assert (small.start is None) == (start is None) and (start is None or small.start == at_scale(start, scale))
    assert at_scale(Training(("kdef",))).epochs == 24 and at_scale(Training(("kdef", "rafdb"))).epochs == 8

def test_scales_are_known():
    with pytest.raises(ValueError, match="scale: expected one of paper, lab, smoke, got 'huge'"): at_scale(Training(("kdef",)), "huge")

@pytest.mark.parametrize("paper, name, protocol", [
    ("000", "KDEF", dict(sets=("kdef",), network="vgg19taps", epochs=100, batch=40, lr=1e-4, adam=True, gray=True)),
    ("000", "clamp 5000", dict(sets=("kdef",), loss="dann", unlabeled=("ckplus", "jaffe", "tfeid"), clamp=5000., network="vgg19taps", epochs=100, batch=40, lr=1e-4, adam=True, gray=True)),
    ("001", "udat-as FER2013 to RAF-DB pre-trained", dict(sets=("fer2013",), loss="udat-as", unlabeled=("rafdb",), lam=.1, network="vgg16fc", weights="vggface", batch=64, lr=.001)),
    ("002", "RAF-DB ssl margin", dict(sets=("rafdb",), loss="ssl margin", unlabeled=("unlabeled",), network="alexnet", weights="none", adam=True, lr=1e-3, batch=64, epochs=350, size=227)),
    ("002", "EmotioNet au center", dict(sets=("emotionet",), loss="au center", lam=.01, network="alexnet", weights="none", adam=True, lr=1e-3, batch=64, epochs=150, size=227)),
    ("003", "AffectNet dda γ=4", dict(sets=("affectnet",), loss="dda", lam=.01, gamma=4., weights="none", epochs=20, batch=128, decay=10., every=5, size=256, crop=224)),
    ("004", "RAF-DB separate d=512", dict(sets=("rafdb",), loss="separate", lam=.9, feat_dim=512, decay=10., every=20))])
def test_protocols(paper, name, protocol): assert TRAININGS[paper][name] == Training(**protocol)
