"Camera geometry, visibility, what a pixel sees and the gradient of pictures, against plain references and finite differences."
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch.testing import assert_close

from fer_nb.faces import (DISTANCE, FaceRenderer, Head, check_au, corner_weights, flow_gradient,
                          gather, project, rasterize, rotation, sample_identity, turn)
from fer_nb.faces import raster
from some_faces import HAVE_NUMBA, numbers, scene_of


PATHS = [False, True] if HAVE_NUMBA else [False]


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
def test_both_ways_of_rasterizing_agree_with_the_definition(seed, count, size):
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


def test_rasterizer_by_hand():
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


def test_the_loop_needs_numba(monkeypatch):
    monkeypatch.setattr(raster, "_compiled", lambda loop: None)
    with pytest.raises(ValueError, match="compiled: expected numba"): rasterize(torch.zeros(1, 3, 3), torch.tensor([[0, 1, 2]]), 16, compiled=True)


def test_both_ways_of_interpolating_agree(head, renderer, monkeypatch):
    people, how = sample_identity(range(2)), scene_of(2, "wild_gray")
    turned, screen = renderer.geometry(numbers(2, 2, 18) / 2, people, how, 64)
    seen = rasterize(screen, head.triangles, 64)
    ours = gather(head, turned, screen, seen)
    monkeypatch.setattr(raster, "_compiled", lambda loop: None)
    plain = gather(head, turned, screen, seen)
    for name in ("index", "triangle", "part"): assert torch.equal(getattr(ours, name), getattr(plain, name))
    for name in ("position", "normal"): assert (getattr(ours, name) - getattr(plain, name)).abs().mean() < 1e-5

def test_machine_code_is_kept_where_it_can_be(monkeypatch):
    numba = pytest.importorskip("numba")
    assert raster._compiled.__wrapped__(raster._scan).stats.cache_path
    def nowhere(cache=False, **more):
        if cache: raise RuntimeError("cannot cache function: no locator available")
        return lambda loop: "compiled"
    monkeypatch.setattr(numba, "njit", nowhere)
    assert raster._compiled.__wrapped__(raster._scan) == "compiled"
