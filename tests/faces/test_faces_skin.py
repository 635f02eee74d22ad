"Light on skin."
from dataclasses import fields, replace

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from fer_nb.faces import (AU_NAMES, DOMAINS, FaceRenderer, GBuffer, gather, photograph, rasterize,
                          sample_identity, shade)
from some_faces import numbers, scene_of


SIZE = 48

@pytest.fixture(scope="module")
def renderer(): return FaceRenderer(SIZE, 1)

def front(n, domain="lab_color"): return DOMAINS[domain].sample([7] * n)

def seen(renderer, n=2, seed=3, au=None, domain="lab_color", identity=None):
    "G-buffer and what belongs to it."
    identity = sample_identity(range(seed, seed + n)) if identity is None else identity
    scene, au = front(n, domain), torch.zeros(n, 2, 18) if au is None else au
    return renderer.gbuffer(au, identity, scene, SIZE), au, identity, scene

def test_wrinkles_follow_their_muscle_and_side(renderer):
    au = torch.zeros(3, 2, 18)
    au[1, :, AU_NAMES.index("AU2")] = 1
    au[2, 0, AU_NAMES.index("AU2")] = 1
    g, _, who, scene = seen(renderer, 3, identity=sample_identity([3] * 3)) # geometry at rest: only the shading knows the muscles
    color = shade(g, au, who, scene)
    pick = lambda b: color[g.index[:, 0] == b]
    x, y, _ = g.position[g.index[:, 0] == 0].unbind(1)
    change = (pick(1) - pick(0)).abs().sum(1)
    forehead = (y > 7.64) & (y < 7.95) & (x.abs() < .5)
    assert change[forehead].mean() > 20 * change[~forehead & (y < 7.4)].mean() and change[forehead].mean() > .005
    one = (pick(2) - pick(0)).abs().sum(1)
    assert one[x < -.06].max() < 1e-5 and torch.allclose(one[x > .06], change[x > .06], atol=1e-5) # the person's left is x > 0

def test_the_wall_of_a_fold_that_faces_the_lamp_is_the_brighter_one(renderer):
    who, scene, rest, au = sample_identity([3]), front(1), torch.zeros(1, 18), torch.zeros(1, 18)
    with torch.no_grad(): g = renderer.gbuffer(rest, who, scene, 256)
    x, y, _ = g.position.unbind(1)
    def change(unit, lamp):
        scene.light = torch.tensor([lamp])
        au[:] = 0; au[0, AU_NAMES.index(unit)] = 1
        with torch.no_grad(): return (shade(g, au, who, scene) - shade(g, rest, who, scene)).sum(1)
    lines = (y > 7.42) & (y < 7.50) # the two upright lines between the brows; the lamp stands on the person's left
    side = change("AU4", (1., 0., .3))
    assert side[lines & (x > .065) & (x < .09)].mean() < side[lines & (x > .03) & (x < .05)].mean() - .01
    above = change("AU17", (0., 1., .3)) # the fold between lip and chin; the lamp stands above
    assert above[(x.abs() < .06) & (y > 6.44) & (y < 6.46)].mean() < above[(x.abs() < .06) & (y > 6.405) & (y < 6.425)].mean() - .01

def test_shade_depends_on_no_neighbour(renderer):
    g, au, who, scene = seen(renderer, 3, au=torch.rand(3, 2, 18, generator=torch.Generator().manual_seed(0)))
    both = shade(g, au, who, scene)
    own = g.index[:, 0] == 1
    index = g.index[own].clone(); index[:, 0] = 0
    alone = GBuffer(**{k: v[own] if isinstance(v, torch.Tensor) else v for k, v in g._asdict().items()} | dict(index=index, channel={k: v[own] for k, v in g.channel.items()}))
    torch.testing.assert_close(shade(alone, au[1:2], who[1], scene[1]), both[own], atol=1e-5, rtol=1e-4)

def test_shade_is_finite_and_lit_from_where_the_lamp_is(renderer):
    g, au, who, scene = seen(renderer, 1, seed=14)
    scene.light = torch.tensor([[1., 0., .2]])
    color = shade(g, au, who, scene)
    assert torch.isfinite(color).all() and color.min() >= 0
    cheek = (g.position[:, 0].abs() > .3) & (g.position[:, 0].abs() < .6) & (g.position[:, 1] > 6.7) & (g.position[:, 1] < 7.1) & (g.position[:, 2] > .6)
    right = g.position[:, 0] > 0 # the person's left is the picture's right
    assert color[cheek & right].mean() > 2 * color[cheek & ~right].mean()

def test_melanin_darkens(renderer):
    who = sample_identity([4] * 5)
    who.melanin = torch.linspace(0, 1, 5)
    g, au, _, scene = seen(renderer, 5, identity=who)
    color = shade(g, au, who, scene)
    cheek = (g.position[:, 0].abs() < .5) & (g.position[:, 1] > 6.8) & (g.position[:, 1] < 7.1) & (g.position[:, 2] > .9)
    mean = torch.stack([color[cheek & (g.index[:, 0] == b)].mean() for b in range(5)])
    assert (mean.diff() < 0).all() and mean[0] > 3 * mean[4]

def test_gradients_reach_every_number_that_shades(renderer):
    g, au, who, scene = seen(renderer, 1, seed=30)
    au = torch.full((1, 2, 18), .3).requires_grad_()
    g = g._replace(position=g.position.detach().requires_grad_(), normal=g.normal.detach().requires_grad_())
    who.makeup[:], who.freckles[:], who.beard[:] = .5, .5, .5
    names = ("age", "melanin", "ruddy", "freckles", "shine", "wrinkles", "hair_color", "hairline", "brow", "iris", "lips", "makeup", "beard")
    for n in names: setattr(who, n, getattr(who, n).clone().requires_grad_())
    light = ("light", "key", "ambient", "fill", "pose")
    for n in light: setattr(scene, n, getattr(scene, n).clone().requires_grad_())
    (photograph(shade(g, au, who, scene), g, scene, SIZE) * torch.rand(3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))).sum().backward()
    grads = {n: getattr(who, n).grad for n in names} | {n: getattr(scene, n).grad for n in light} | dict(position=g.position.grad, normal=g.normal.grad)
    for n, t in grads.items(): assert t is not None and torch.isfinite(t).all() and t.abs().max() > 0, n
    assert torch.isfinite(au.grad).all()
    folding = [AU_NAMES.index(a) for a in ("AU1", "AU2", "AU4", "AU6", "AU7", "AU9", "AU10", "AU12", "AU15", "AU17", "AU20")]
    assert (au.grad[..., folding].abs() > 0).all()

def test_gradient_of_wrinkles_agrees_with_differences(renderer):
    g, _, who, scene = seen(renderer, 1)
    double = lambda b: type(b)(**{f.name: (t.double() if (t := getattr(b, f.name)).is_floating_point() else t) for f in fields(b)})
    g = GBuffer(**{k: v.detach().double() if isinstance(v, torch.Tensor) and v.is_floating_point() else v for k, v in g._asdict().items()} | dict(channel={k: v.double() for k, v in g.channel.items()}))
    who, scene = double(who), double(scene)
    weights = torch.rand(len(g.part), 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    f = lambda a: (shade(g, a, who, scene) * weights).sum()
    au = torch.full((1, 2, 18), .4, dtype=torch.float64, requires_grad=True)
    grad, = torch.autograd.grad(f(au), au)
    for k in (0, 2, 4, 8, 11):
        step = torch.zeros_like(au); step[0, 0, k] = 1e-6
        torch.testing.assert_close((f(au + step) - f(au - step)).detach() / 2e-6, grad[0, 0, k], rtol=1e-4, atol=1e-6)

def test_unequal_batches_are_refused(renderer):
    g, au, who, scene = seen(renderer, 2)
    with pytest.raises(ValueError, match="identity: expected as many"): shade(g, au, who[:1], scene)

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
