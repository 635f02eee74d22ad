"Sheets that lie on the head, and how pixels look them up: fer_nb.faces.surface."
import numpy as np
import pytest
import torch
from torch.testing import assert_close

from fer_nb.faces import AU_NAMES, sample_identity
from fer_nb.faces.surface import (Lamps, Pixels, _AREAS, _WRINKLES, _at_pixels, _brow_sheet, _face_sheets, _faces_at,
                                  _fold_strength, _folded_sheets, _lamps, _look_up, _noise_sheet, _octaves)


def pixels(x, y, z=1.):
    "Bare skin that looks at the camera, far from any hair."
    x, y = torch.as_tensor(x, dtype=torch.float32), torch.as_tensor(y, dtype=torch.float32)
    z = torch.full_like(x, z)
    forward = torch.tensor([0., 0, 1])[:, None].expand(3, len(x))
    return Pixels(x, y, z, torch.atan2(x, z - .45), torch.full_like(x, -1.), forward, torch.zeros(len(x), dtype=torch.int64),
                  torch.zeros(len(x), dtype=torch.uint8))


def at(sheet, x, y):
    "What the sheet of the face shows at a place given in decimeters."
    return _look_up(sheet, torch.tensor([x / .9]), torch.tensor([(7.15 - y) / 1.45]))[:, 0]


def test_noise_repeats_without_a_seam():
    noise = _noise_sheet("cpu")[0]
    assert noise.shape == (5, 257, 257)
    assert torch.equal(noise[:, 0], noise[:, -1]) and torch.equal(noise[..., 0], noise[..., -1])
    inside, seam = (noise[0, 1:] - noise[0, :-1]).abs().amax(), (noise[0, 0] - noise[0, -2]).abs().amax()
    assert seam <= inside

def test_octaves_are_standard():
    pattern = _octaves(np.random.default_rng(0), 64, 1, 4, .6)
    assert abs(pattern.mean()) < 1e-12 and pattern.std() == pytest.approx(1)

def test_sheets_of_the_face():
    wrinkles, areas = _face_sheets("cpu")
    assert wrinkles.shape == (2 * len(_WRINKLES), 3, 284, 176) and areas.shape == (1, len(_AREAS), 284, 176)
    assert torch.isfinite(wrinkles).all() and areas.min() >= 0 and areas.max() < 1.6
    tiny = torch.cat([wrinkles.flatten(), areas.flatten()]).abs()
    assert ((tiny == 0) | (tiny > 1e-13)).all() # no denormal numbers
    assert_close(areas, areas.flip(3)) # areas are symmetric

def test_left_and_right_halves_add_up_to_a_symmetric_face():
    wrinkles, _ = _face_sheets("cpu")
    left, right = wrinkles.view(2, len(_WRINKLES), 3, 284, 176)
    assert left[..., :70].abs().max() < 1e-6 and right[..., -70:].abs().max() < 1e-6 # the person's left is x > 0
    crow = list(_WRINKLES).index("crow's feet")
    assert_close(left[crow, 2], right[crow, 2].flip(1), atol=1e-4, rtol=0)

@pytest.mark.parametrize("name, x, y", [("forehead", .3, 7.75), ("glabella", .066, 7.50), ("nasolabial", .285, 6.78), ("crow's feet", .54, 7.265),
                                        ("under eye", .35, 7.125), ("mouth corner", .30, 6.47)])
def test_wrinkles_are_where_they_belong(name, x, y):
    depth = _face_sheets("cpu")[0][None, list(_WRINKLES).index(name), 2:]
    there = max(at(depth, x, y + dy).item() for dy in (-.03, -.015, 0, .015, .03))
    assert there > .15 and at(depth, .75, 6.2).item() < .02 # and nothing at the ear

@pytest.mark.parametrize("name, x, y", [("cheeks", .37, 6.97), ("under_eye", .29, 7.145), ("oil", 0., 7.7), ("beard", .5, 6.5), ("mustache", .15, 6.72), ("goatee", 0., 6.3)])
def test_areas_are_where_they_belong(name, x, y):
    areas = dict(zip(_AREAS, at(_face_sheets("cpu")[1], x, y).tolist()))
    assert areas[name] > .5
    if name == "goatee": assert areas["mustache"] < .1

def test_folds_follow_muscles_and_sides():
    au, who = torch.zeros(3, 2, 18), sample_identity([3, 3, 3])
    au[1, :, AU_NAMES.index("AU9")] = au[2, 0, AU_NAMES.index("AU9")] = 1.
    strength = _fold_strength(au, who)
    nose = list(_WRINKLES).index("nose")
    assert strength.shape == (3, 2, 9) and strength.max() < 1.3
    assert (strength[1, :, nose] > strength[0, :, nose] + .4).all() and strength[2, 0, nose] == strength[1, 0, nose]
    assert torch.equal(strength[2, 1], strength[0, 1]) # the other side is at rest
    who.age[:] = 0.
    assert (_fold_strength(torch.zeros(3, 2, 18), who) == 0).all() # a young face at rest is smooth
    assert _folded_sheets(au, who).shape == (1, 3, 3 * 284, 176)

def test_brows_have_hairs():
    sheet = _brow_sheet("cpu")
    assert sheet.shape == (1, 1, 4 * 48, 160) and 0 <= sheet.min() and sheet.max() <= 1
    first, second = sheet[0, 0].view(4, 48, 160)[:2]
    assert not torch.equal(first, second) and first[:, 30:100].mean() > 5 * first[:4].mean()

def test_look_up_is_linear_between_pixels():
    sheet = torch.arange(8.).view(1, 2, 2, 2)
    assert_close(_look_up(sheet, torch.tensor([-.5, 0., .5, -9]), torch.tensor([-.5, 0., .5, -9])), torch.tensor([[0, 1.5, 3, 0], [4, 5.5, 7, 4]]))

def test_every_pixel_gets_the_numbers_of_its_face():
    face, table = torch.tensor([0, 0, 2, 2, 2]), torch.tensor([[1., 2], [3, 4], [5, 6]]) # nothing of the second is seen
    expected = table[face].T
    assert torch.equal(_at_pixels(table, face), expected) and _at_pixels(table, face[:0]).shape == (2, 0)
    own = _faces_at(face, age=table[:, 0], color=table)
    assert torch.equal(own["age"], expected[0]) and torch.equal(own["color"], expected)

def test_some_pixels():
    p = pixels([0., .1, .2], [7., 6.9, 6.8])
    some = p.at(torch.tensor([2, 0]))
    assert some.x.tolist() == [pytest.approx(.2), 0] and some.normal.shape == (3, 2)

def test_lamps_out_of_a_table():
    lamps = _lamps(torch.arange(36.).view(18, 2))
    assert isinstance(lamps, Lamps) and lamps.key.tolist() == [12, 13] and lamps.fill.tolist() == [16, 17] and lamps.ahead.shape == (3, 2)
