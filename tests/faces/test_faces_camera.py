"The camera, and photographs of whole domains."
import pytest
import torch

from fer_nb.faces import (DOMAINS, HAIR_STYLES, FaceRenderer, GBuffer, Scene, develop, photograph,
                          sample_identity, shade)


SIZE = 48

@pytest.fixture(scope="module")
def renderer(): return FaceRenderer(SIZE, 1)

def front(n, domain="lab_color"): return DOMAINS[domain].sample([7] * n)

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
@pytest.mark.slow
def test_every_photograph_is_one(album, name):
    image, light, melanin = album[name]
    assert image.shape == (200, 3, SIZE, SIZE) and torch.isfinite(image).all() and 0 <= image.min() and image.max() <= 1
    assert (image.flatten(1).std(1) > .05).all()
    if DOMAINS[name].gray: assert (image[:, 0] - image[:, 1]).abs().max() < 1e-5
    else: assert ((image[:, 0] - image[:, 2]).abs().mean((1, 2)) > .01).all()
    assert light.min() > .16 and light.max() < .92, (light.min(), light.max()) # no face sinks into black or burns out
    assert .35 < light.mean() < .65

@pytest.mark.slow
def test_darkest_people_are_readable(album):
    for name in ("lab_color", "wild_color", "wild_gray"):
        image, light, melanin = album[name]
        dark = melanin > .7
        assert dark.sum() >= 3 and light[dark].min() > .16, name
    image, light, melanin = album["wild_color"]
    assert light[melanin > .6].mean() < light[melanin < .3].mean() # and still darker

@pytest.mark.slow
def test_domains_differ(album):
    mean = {k: v[0].mean((0, 2, 3)) for k, v in album.items()}
    edges = {k: (v[0].mean(1).diff(dim=-1).abs().mean((1, 2)) / v[0].mean(1).std((1, 2))).mean() for k, v in album.items()}
    assert mean["blue_screen"][2] > mean["blue_screen"][0] + .03 and mean["lab_color"][0] > mean["lab_color"][2]
    assert edges["studio_gray"] < .8 * edges["lab_color"]
    spread = {k: v[0].mean((1, 2, 3)).std() for k, v in album.items()}
    assert spread["wild_gray"] > 1.5 * spread["lab_color"]

def test_photograph_depends_on_no_neighbor(renderer):
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
