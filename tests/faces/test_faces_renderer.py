"The renderer, its gradient and running it backwards."
import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from fer_nb.faces import (DOMAINS, FaceRenderer, analysis_by_synthesis, check_au,
                          picture_distance, render, sample_identity)
from fer_nb.faces import raster
from some_faces import HAVE_NUMBA, au_of, numbers, scene_of


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
    monkeypatch.setattr(raster, "_compiled", lambda loop: None)
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
    (lambda: render(torch.zeros(1, 18), 7, "lab_color"), "identity: expected 1, one for each row of au, got int"), (lambda: FaceRenderer()(torch.zeros(1, 18), sample_identity([0]), None), "scene: expected 1, one for each row of au, got NoneType"),
    (lambda: FaceRenderer().landmarks(torch.zeros(1, 18), sample_identity([0]), scene_of(), size=0), "size: expected a whole number of at least 1, got 0"), (lambda: render(torch.zeros(1, 18), sample_identity([0]), "lab_color", seed=-1), "seed: expected a whole number of at least 0, got -1"),
    (lambda: FaceRenderer(size=8), "size: expected a whole number of at least 16, got 8"), (lambda: FaceRenderer(samples=0), "samples: expected a whole number of at least 1, got 0"),
    (lambda: FaceRenderer().mesh(torch.zeros(2, 18), sample_identity([0])), "identity: expected 2, one for each row of au, got 1")])
def test_bad_calls(call, says):
    with pytest.raises(ValueError, match=says): call()


def test_no_faces_no_pictures(renderer):
    assert renderer(torch.zeros(0, 18), sample_identity([0])[:0], scene_of()[:0]).shape == (0, 3, 64, 64)


@pytest.mark.slow
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
        assert .6 < got.norm() / expected.norm() < 1.4, (name, got.norm() / expected.norm())


def test_distance_by_hand():
    a = torch.zeros(1, 1, 8, 8)
    assert_close(picture_distance(a, a + 1), torch.tensor([math.sqrt(64 + 4 * 16 + 4 * 4 + 4 * 1)]))


@pytest.mark.slow
def test_expressions_are_recovered(renderer):
    "From a neutral guess, identity and scene known; the reference is a correlation of 0.65 by a renderer whose gradient ends at edges."
    people, how = sample_identity(range(60, 64)), scene_of(4, first=60)
    truth = numbers(4, 18, seed=4) * (numbers(4, 18, seed=5) < .35)
    with torch.no_grad(): target = renderer(truth, people, how)
    found = analysis_by_synthesis(lambda au: renderer(au, people, how), target, torch.full((4, 18), .2), low=0, high=1.3, steps=60)
    agreement = torch.stack([torch.corrcoef(torch.stack(pair))[0, 1] for pair in zip(found, truth)])
    assert agreement.mean() > .8 and 0 <= found.min() and found.max() <= 1.3
    assert (found - truth).abs().mean() < .5 * truth.abs().mean()


@pytest.mark.slow
def test_pose_is_recovered(renderer):
    people, how = sample_identity(range(3)), replace(scene_of(3), pose=.6 * numbers(3, 3) - .3)
    with torch.no_grad(): target = renderer(torch.zeros(3, 18), people, how)
    found = analysis_by_synthesis(lambda pose: renderer(torch.zeros(3, 18), people, replace(how, pose=pose)), target, torch.zeros(3, 3), rate=.05, steps=40)
    assert (found - how.pose).abs().median() < .02
