"""Room 01, look: people, scenes, domains, hair, light and camera."""
from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from PIL import Image

from fer_nb.faces import (AU_NAMES, DOMAINS, HAIR_STYLES, Domain, FaceRenderer, GBuffer, Head, Identity, People, Scene, develop, hair_shell, photograph,
                          sample_identity, shade)

SIZE = 48

@pytest.fixture(scope="module")
def renderer(): return FaceRenderer(SIZE, 1)

def front(n, domain="lab_color"): return DOMAINS[domain].sample([7] * n)

def seen(renderer, n=2, seed=3, au=None, domain="lab_color", identity=None):
    "G-buffer and what belongs to it."
    identity = sample_identity(range(seed, seed + n)) if identity is None else identity
    scene, au = front(n, domain), torch.zeros(n, 2, 18) if au is None else au
    return renderer.gbuffer(au, identity, scene, SIZE), au, identity, scene

def same(a, b): return all(torch.equal(getattr(a, f.name), getattr(b, f.name)) for f in fields(a))

# --- people

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

# --- scenes and domains

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

# --- hair

def test_hair_lifts_only_what_it_covers():
    head, who = Head(), sample_identity([0] * len(HAIR_STYLES))
    who.hair_style = torch.arange(len(HAIR_STYLES))
    who.beard = torch.zeros(len(who), 3)
    lift, cover = hair_shell(head, who)
    assert lift.shape == cover.shape == (len(HAIR_STYLES), len(head.vertices))
    assert lift.min() >= 0 and lift.max() < .6 and 0 <= cover.min() and cover.max() <= 1
    assert (lift[cover == 0] == 0).all() and (lift[:, head.part != 0] == 0).all()
    names = list(HAIR_STYLES)
    assert lift[names.index("bald")].max() == 0 < lift[names.index("cropped")].max() < lift[names.index("coily")].max()
    x, y, z = head.vertices.unbind(1)
    nose = ((y - 6.95).abs() < .1) & (x.abs() < .1) & (z > 1.4)
    assert (cover[:, nose] == 0).all() # nobody's nose is hairy
    neck = (y < 6.2) & (y > 6) & (x.abs() > .45) & (z < .3)
    assert cover[names.index("long"), neck].min() > .9 and cover[names.index("cropped"), neck].max() == 0

def test_hair_shell_is_differentiable_in_volume():
    who = sample_identity([3, 8])
    who.hair_style[:] = list(HAIR_STYLES).index("curly")
    who.volume.requires_grad_()
    hair_shell(Head(), who)[0].sum().backward()
    assert (who.volume.grad > 0).all()

# --- light

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

# --- camera

def plain(n=1, size=32, **change):
    "A scene that changes nothing, and a picture without a face."
    one, zero = torch.ones(n), torch.zeros(n)
    scene = Scene(pose=torch.zeros(n, 3), gaze=torch.zeros(n, 2), scale=one, shift=torch.zeros(n, 2), light=torch.tensor([[0., 0., 1.]] * n), key=one, ambient=one, fill=zero, exposure=one, gamma=one,
                  contrast=one, brightness=zero, tint=torch.ones(n, 3), gray=zero, blur=zero, noise=zero, lines=zero, native=one * 512, quality=zero, background=torch.full((n, 3, 16, 16), .5),
                  clothes=torch.ones(n, 3), seed=torch.arange(n))
    for k, v in change.items(): setattr(scene, k, v)
    empty = torch.zeros(0)
    g = GBuffer(index=torch.zeros(0, 3, dtype=torch.int64), triangle=empty.long(), weights=torch.zeros(0, 3), position=torch.zeros(0, 3), normal=torch.zeros(0, 3), part=empty.byte(),
                channel={}, screen=torch.zeros(0, 3), size=size)
    return torch.zeros(0, 3), g, scene

def test_a_plain_camera_shows_the_wall_as_it_is():
    color, g, scene = plain()
    torch.testing.assert_close(photograph(color, g, scene, 32), torch.full((1, 3, 32, 32), .5))
    torch.testing.assert_close(photograph(color, g, scene, 16), torch.full((1, 3, 16, 16), .5)) # two samples a pixel

def test_lens_and_sensor_keep_the_mean_of_light_and_lose_detail():
    wall = torch.zeros(1, 3, 16, 16); wall[..., 6:10, 6:10] = 1
    sharp, blurred, coarse = (photograph(*plain(background=wall, **kw), 32) for kw in (dict(), dict(blur=torch.ones(1) * 3), dict(native=torch.ones(1) * 8)))
    for image in (blurred, coarse):
        assert abs(image.mean() - sharp.mean()) < .03 and image.std() < .97 * sharp.std()
    def edge(i): return (i.diff(dim=-1) ** 2).mean()
    assert edge(blurred) < .6 * edge(sharp) and edge(coarse) < .8 * edge(sharp)

def test_noise_has_its_strength_and_belongs_to_the_seed():
    kw = dict(noise=torch.full((3,), .05), gray=torch.ones(3), seed=torch.tensor([1, 2, 1]))
    image = photograph(*plain(3, 64, **kw), 64)
    assert abs(image[0].std() - .05) < .003 and abs(image[0].mean() - .5) < .003
    assert torch.equal(image[0], image[2]) and not torch.equal(image[0], image[1])
    assert abs(torch.corrcoef(image[:2, 0].flatten(1))[0, 1]) < .05 # seeds next to each other share nothing
    assert torch.equal(photograph(*plain(1, 64, noise=torch.full((1,), .05), gray=torch.ones(1), seed=torch.tensor([2])), 64)[0], image[1])
    rows = photograph(*plain(1, 64, lines=torch.full((1,), .05), gray=torch.ones(1)), 64)[0, 0]
    assert rows.std(1).max() < 1e-6 and abs(rows[:, 0].std() - .05) < .02

def test_tone_by_hand():
    wall = torch.tensor([.2, .4, .6])[None, :, None, None].expand(1, 3, 16, 16)
    at = lambda **kw: photograph(*plain(background=wall, **kw), 32)[0, :, 16, 16]
    one = torch.ones(1)
    torch.testing.assert_close(at(contrast=one * 2), torch.tensor([0., .3, .7]))
    torch.testing.assert_close(at(brightness=one * .1), torch.tensor([.3, .5, .7]))
    torch.testing.assert_close(at(gamma=one * 2), torch.tensor([.04, .16, .36]))
    torch.testing.assert_close(at(tint=torch.tensor([[1., .5, 1.]])), torch.tensor([.2, .2, .6]))
    torch.testing.assert_close(at(gray=one), torch.full((3,), .2 * .299 + .4 * .587 + .6 * .114))

@pytest.mark.parametrize("size", [15, 0, -3, 64., True, None])
def test_bad_size(size):
    with pytest.raises(ValueError, match="size: expected"): photograph(*plain(), size)

def test_develop_rounds_and_compresses():
    color, g, scene = plain(2, noise=torch.full((2,), .1), quality=torch.tensor([0., 20.]))
    images = photograph(color, g, scene, 32)
    out = develop(images, scene)
    assert out.dtype == torch.uint8 and out.shape == (2, 3, 32, 32)
    assert torch.equal(out[0], (images[0] * 255).round().byte())
    assert not torch.equal(out[1], (images[1] * 255).round().byte()) and (out[1].float() / 255 - images[1]).abs().mean() < .1
    assert torch.equal(develop(images, scene), out)
    scene.gray[:] = 1
    gray = develop(photograph(color, g, scene, 32), scene)
    assert torch.equal(gray[:, 0], gray[:, 1]) and torch.equal(gray[:, 0], gray[:, 2])

# --- whole domains

@pytest.fixture(scope="module")
def album(renderer):
    "200 faces of every domain, small; expressions at random."
    out = {}
    for k, (name, d) in enumerate(DOMAINS.items()):
        seeds = range(1000 * k, 1000 * k + 200)
        au = torch.rand(200, 2, 18, generator=torch.Generator().manual_seed(k)) * .4
        who, scene = sample_identity(seeds, d.people), d.sample(seeds)
        images, light = [], []
        with torch.no_grad():
            for i in range(0, 200, 20):
                g = renderer.gbuffer(au[i:i + 20], who[i:i + 20], scene[i:i + 20], SIZE)
                image = photograph(shade(g, au[i:i + 20], who[i:i + 20], scene[i:i + 20]), g, scene[i:i + 20], SIZE)
                x, y, z = g.position.unbind(1)
                b, row, column = g.index[(x.abs() < .5) & (y > 6.3) & (y < 7.7) & (z > .9)].T
                light.append(torch.zeros(20, 2).index_add(0, b, torch.stack([image[b, :, row, column].mean(1), torch.ones(len(b))], 1)))
                images.append(image)
        light = torch.cat(light)
        out[name] = torch.cat(images), light[:, 0] / light[:, 1], who.melanin
    return out

@pytest.mark.parametrize("name", DOMAINS)
def test_every_photograph_is_one(album, name):
    image, light, melanin = album[name]
    assert image.shape == (200, 3, SIZE, SIZE) and torch.isfinite(image).all() and 0 <= image.min() and image.max() <= 1
    assert (image.flatten(1).std(1) > .05).all()
    if DOMAINS[name].gray: assert (image[:, 0] - image[:, 1]).abs().max() < 1e-5
    else: assert ((image[:, 0] - image[:, 2]).abs().mean((1, 2)) > .01).all()
    assert light.min() > .16 and light.max() < .92, (light.min(), light.max()) # no face sinks into black or burns out
    assert .35 < light.mean() < .65

def test_darkest_people_are_readable(album):
    for name in ("lab_color", "wild_color", "wild_gray"):
        image, light, melanin = album[name]
        dark = melanin > .7
        assert dark.sum() >= 3 and light[dark].min() > .16, name
    image, light, melanin = album["wild_color"]
    assert light[melanin > .6].mean() < light[melanin < .3].mean() # and still darker

def test_domains_differ(album):
    mean = {k: v[0].mean((0, 2, 3)) for k, v in album.items()}
    edges = {k: (v[0].mean(1).diff(dim=-1).abs().mean((1, 2)) / v[0].mean(1).std((1, 2))).mean() for k, v in album.items()}
    assert mean["blue_screen"][2] > mean["blue_screen"][0] + .03 and mean["lab_color"][0] > mean["lab_color"][2]
    assert edges["studio_gray"] < .8 * edges["lab_color"]
    spread = {k: v[0].mean((1, 2, 3)).std() for k, v in album.items()}
    assert spread["wild_gray"] > 1.5 * spread["lab_color"]

def test_photograph_depends_on_no_neighbour(renderer):
    who, scene = sample_identity([5, 6, 7]), DOMAINS["wild_color"].sample([1, 2, 3])
    au = torch.rand(3, 18, generator=torch.Generator().manual_seed(2)) * .5
    with torch.no_grad(): torch.testing.assert_close(renderer(au[1:2], who[1], scene[1])[0], renderer(au, who, scene)[1], atol=2e-5, rtol=0)

@pytest.mark.parametrize("pose", [(1.5, 0., 0.), (-1.5, .5, .5), (3.1, 0., 0.), (0., 1.5, 0.), (0., -1.5, 3.)])
def test_extreme_poses_stay_finite(renderer, pose):
    scene = front(2)
    scene.pose = torch.tensor([pose] * 2).requires_grad_()
    who = sample_identity([1, 2])
    who.hair_style = torch.tensor([list(HAIR_STYLES).index("long"), list(HAIR_STYLES).index("bald")])
    image = renderer(torch.full((2, 18), 1.), who, scene)
    assert torch.isfinite(image).all() and 0 <= image.min() and image.max() <= 1
    image.sum().backward()
    assert torch.isfinite(scene.pose.grad).all()

def test_a_face_out_of_the_picture_is_a_wall(renderer):
    scene = front(1)
    scene.shift[:] = 9.
    image = renderer(torch.zeros(1, 18), sample_identity([1]), scene)
    assert torch.isfinite(image).all() and image.std((2, 3)).max() < .05
