"Light on skin."
from dataclasses import fields, replace

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from fer_nb.faces import (AU_NAMES, DOMAINS, FaceRenderer, GBuffer, gather, photograph, rasterize,
                          sample_identity, shade)
from fer_nb.faces.skin import (Finish, Relief, gloss, lit, occlusion, skin_albedo, special_regions,
                               wrinkle_normal)
from fer_nb.faces.surface import Lamps, Pixels, _AREAS
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

def test_shade_depends_on_no_neighbor(renderer):
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


# --- the six steps

def patch(n, y=7.0, x=.4, z=1., part=0):
    "n pixels of a cheek, far from any hair."
    at = lambda v: torch.full((n,), float(v))
    forward = torch.tensor([0., 0, 1])[:, None].expand(3, n)
    return Pixels(at(x), at(y), at(z), at(.5), at(-1), forward, torch.zeros(n, dtype=torch.int64), torch.full((n,), part, dtype=torch.uint8))

def masks(n, **there): return {k: torch.full((n,), there.get(k, 0.)) for k in ("lips", "eyelids", "inside_mouth", "ears", "lid_line")}

def lamps(n, light=(0., 0, 1), key=1., ambient=0., fill=0.):
    way = torch.tensor(light)[:, None].expand(3, n)
    half = torch.nn.functional.normalize(way + torch.tensor([0., 0, 1])[:, None], dim=0)
    each = [torch.full((n,), v) for v in (key, ambient, fill)]
    return Lamps(way, half, *each, *(axis[:, None].expand(3, n) for axis in torch.eye(3)))

def smooth(n, **there): return Relief(patch(n).normal, torch.zeros(n), {k: torch.full((n,), there.get(k, 0.)) for k in _AREAS}, *torch.zeros(3, n))

def person(n, **numbers):
    own = dict(age=0., ruddy=0., freckles=0., shine=0.) | numbers
    return {k: torch.full((n,), v) for k, v in own.items()} | dict(skin=torch.full((3, n), .5), hair=torch.full((3, n), .1), beard=torch.ones(3, n))

def test_a_smooth_young_face_keeps_its_normals():
    who = sample_identity([3])
    who.age[:] = 0.
    relief = wrinkle_normal(patch(4), torch.zeros(1, 2, 18), who, lamps(4), torch.zeros(2, 4))
    assert_close(relief.normal, patch(4).normal)
    assert relief.depth.abs().max() == 0

def test_a_fold_tilts_the_normal_both_ways():
    who, au = sample_identity([3]), torch.zeros(1, 2, 18)
    au[..., AU_NAMES.index("AU4")] = 1.
    x = torch.linspace(.03, .10, 40) # across the upright line between the brows
    p = patch(40, y=7.5, z=1.3)._replace(x=x)
    relief = wrinkle_normal(p, au, who, lamps(40), torch.full((2, 40), .5))
    assert relief.normal[0].max() > .1 and relief.normal[0].min() < -.1 and relief.depth.max() > .3
    assert_close(relief.normal.norm(dim=0), torch.ones(40))
    assert relief.normal[0, :12].mean() > 0 > relief.normal[0, -20:-8].mean() # walls face each other

def test_albedo_of_plain_skin_is_the_skin():
    albedo, beard = skin_albedo(person(2), masks(2), smooth(2))
    assert_close(albedo, torch.full((3, 2), .5))
    assert (beard == 0).all()
    red, _ = skin_albedo(person(2, ruddy=1.), masks(2), smooth(2, cheeks=1.))
    assert_close(red[:, 0], .5 * (1 + torch.tensor([.06, -.13, -.11])))
    bearded, beard = skin_albedo(person(2), masks(2), smooth(2, mustache=1.))
    assert beard[0] == pytest.approx(.9) and bearded[0, 0] == pytest.approx(.9 * .115 + .1 * .5)
    assert skin_albedo(person(1), masks(1, lips=1.), smooth(1, mustache=1.))[1] == 0 # nothing grows on lips

def test_the_sky_is_seen_from_the_cheek_and_not_from_below_the_chin():
    free, under = occlusion(patch(1), masks(1), smooth(1))
    assert free == 1 and under == 0
    hidden, under = occlusion(patch(1, y=6.0, x=0., z=.7), masks(1), smooth(1))
    assert under == 1 and hidden == pytest.approx(.55)
    assert occlusion(patch(1), masks(1, inside_mouth=1.), smooth(1))[0] == pytest.approx(.2)
    assert occlusion(patch(1), masks(1), smooth(1, hollow=5.))[0] == pytest.approx(.2) # never less

def test_gloss_has_two_lobes():
    cosine = torch.tensor([1., .9, 0.])
    shine, broad = gloss(person(3, shine=1.), smooth(3, oil=1.), cosine, torch.ones(3))
    assert_close(broad, cosine ** 14)
    assert_close(shine, (.035 + .02 + .06) * (cosine ** 14 + .7 * cosine ** 42))

def test_special_regions_leave_plain_skin_alone():
    plain = Finish(torch.full((3, 2), .5), torch.zeros(2), torch.ones(2))
    call = lambda p, m: special_regions(p, m, torch.zeros(1, 2, 18), sample_identity([3]), plain, torch.ones(2), torch.ones(2))
    for got, want in zip(call(patch(2), masks(2)), plain): assert torch.equal(got, want)
    lips = call(patch(2), masks(2, lips=1.))
    assert (lips.albedo[0] > 1.3 * lips.albedo[1]).all() and (lips.shine > 0).all() # red, and wet
    lashes = call(patch(2, y=7.35), masks(2, lid_line=1.))
    assert (lashes.albedo < .2).all()
    white = call(patch(2, x=.40, y=7.287, z=1.2, part=1), masks(2))
    pupil = call(patch(2, x=.309, y=7.287, z=1.2, part=1), masks(2))
    assert white.albedo.min() > .3 and pupil.albedo.max() < .02

def test_light_by_hand():
    "A lamp in front: all of it; from the side only what creeps around, red most; from behind nothing."
    finish = Finish(torch.ones(3, 1), torch.full((1,), .25), torch.ones(1))
    add = lambda **how: lit(patch(1).normal, finish, lamps(1, **how), torch.zeros(1), torch.ones(1))[:, 0]
    assert_close(add(), torch.full((3,), 1.25)) # scattered and mirrored
    wrap = torch.tensor([.34, .20, .15])
    assert_close(add(light=(1., 0, 0)), wrap / (1 + wrap) + .25)
    assert_close(add(light=(0., 0, -1)), torch.full((3,), .25))
    assert_close(add(key=0., ambient=.26, fill=.1), torch.full((3,), .2 + .1))
    assert_close(lit(patch(1).normal, finish, lamps(1), torch.zeros(1), torch.full((1,), .5))[:, 0], torch.full((3,), .625))
