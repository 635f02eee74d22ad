"Photographs to practice on: fer_nb.preprocessing.photographs."
import io

import numpy as np
import pytest
import torch
from PIL import Image

from fer_nb.preprocessing import CAMERAS, Detection, WAYS, align, crop, desk_picture, detect, photo_desk, prepare, rescale, shoot, take_photographs


@pytest.fixture(scope="module")
def few(): return take_photographs("phone", "test", people=2)

def test_a_set_in_numbers(few):
    assert few.images.shape == (14, 3, 160, 160) and few.images.dtype == torch.uint8
    assert few.labels.tolist() == [*range(7)] * 2 and few.people.unique_consecutive().shape == (2,)
    assert [k for k, n in enumerate(few.faces.tolist()) if n == 0] == [11] and [k for k, n in enumerate(few.faces.tolist()) if n == 2] == [5, 13]

def test_the_detector_finds_what_is_to_be_seen(few):
    found = detect(few.images, 24)
    assert [len(some) for some in found] == few.faces.tolist()
    for k in (5, 13): # the person it is about stands left, and is taken
        assert found[k][0].box[2] < 90 and found[k][1].box[0] > 70

def test_splits_seeds_and_cameras_are_other_people(few):
    for other in (take_photographs("phone", "train", 1), take_photographs("phone", "test", 1, seed=1), take_photographs("webcam", "test", 1)):
        assert not set(other.people.tolist()) & set(few.people.tolist()) and not torch.equal(other.images, few.images[:7])

def test_the_first_are_the_same_in_a_larger_set(few): assert torch.equal(take_photographs("phone", "test", 1).images, few.images[:7])

@pytest.mark.parametrize("arguments, name", [(dict(camera="film"), "camera"), (dict(split="dev"), "split"), (dict(people=0), "people"), (dict(people=1, seed=-1), "seed")])
def test_bad_sets(arguments, name):
    with pytest.raises(ValueError, match=f"^{name}: expected"): take_photographs(**arguments)

def test_ways_are_those_of_their_functions():
    image = torch.arange(3 * 40 * 60, dtype=torch.float32).reshape(3, 40, 60)
    points = torch.tensor([[20., 14.], [30., 12.], [26., 18.], [22., 24.], [30., 23.]])
    faces = [Detection(torch.tensor([15., 5., 38., 30.]), .9, points), Detection(torch.tensor([0., 0., 9., 9.]), 1., points + 3)]
    whole, box, aligned = (prepare(image[None], [faces], way, 32, .2)[0] for way in WAYS)
    assert torch.equal(whole, rescale(image, 32)) and torch.equal(box, crop(image, faces[0].box, 32, .2)) and torch.equal(aligned, align(image, points, 32, .2))

def test_without_a_face_the_middle_is_shown():
    image = torch.zeros(1, 1, 100, 100)
    image[..., 20:80, 20:80] = 1
    for way in ("box", "aligned"): assert prepare(image, [[]], way, 24)[..., 2:-2, 2:-2].min() > .99
    assert prepare(image, [[]], "whole", 100).equal(image)

@pytest.mark.parametrize("arguments, name", [((torch.zeros(1, 3, 40, 40), [[]], "cut"), "way"), ((torch.zeros(2, 3, 40, 40), [[]], "box"), "found"), ((torch.zeros(3, 40, 40), [[]], "box"), "images")])
def test_bad_preparations(arguments, name):
    with pytest.raises(ValueError, match=f"^{name}: expected"): prepare(*arguments)

def test_dials_do_what_they_say():
    plain = shoot(side=96)
    middle = lambda image: (lambda box: (box[:2] + box[2:]) / 2)(detect(image, 16)[0][0].box)
    assert middle(shoot(across=.2, side=96))[0] > middle(plain)[0] + 10
    eyes = detect(shoot(turn=30, side=96), 16)[0][0].landmarks[:2]
    assert 20 < torch.atan2(eyes[1, 1] - eyes[0, 1], eyes[1, 0] - eyes[0, 0]).rad2deg() < 40 # clockwise: the viewer's right eye is lower
    assert shoot(exposure=.1, side=96).float().mean() < plain.float().mean()
    assert len(detect(shoot(company=True, side=128), 16)[0]) == 2

@pytest.mark.parametrize("arguments, name", [(dict(camera="film"), "camera"), (dict(person=-1), "person"), (dict(side=3), "side")])
def test_bad_dials(arguments, name):
    with pytest.raises(ValueError, match=f"^{name}: expected"): shoot(**arguments)

def green(picture): return (np.asarray(picture)[:, :400] == (43, 214, 111)).all(-1).sum()

def test_desk_picture_marks_a_face_that_is_found():
    photo = shoot(side=128)[0]
    assert green(desk_picture(photo)) > 300 and green(desk_picture(photo, min_size=128)) == 0

def test_desk_answers_its_dials():
    pytest.importorskip("ipywidgets")
    desk = photo_desk()
    picture, dials = desk.children[0], {d.description: d for column in desk.children[1].children for d in column.children}
    first = picture.value
    assert Image.open(io.BytesIO(first)).size == (780, 400)
    dials["turned by °"].value = -20
    second = picture.value
    dials["smallest face"].value = 200
    assert len({first, second, picture.value}) == 3 and set(dials["camera"].options) == set(CAMERAS)
