"The twin stands where a crop's face stands, does what was read, and looks more like the crop when it is fitted."
import pytest
import torch

from fer_nb.faces import AU_NAMES, picture_distance
from fer_nb.own_face import draw_twin, fit_twin
from fer_nb.own_face import twin as room
from fer_nb.preprocessing import reference_points


def acting(**units):
    au = torch.zeros(1, 18)
    for name, v in units.items(): au[0, AU_NAMES.index(name)] = v
    return au

def test_it_stands_where_alignment_would_bring_it():
    who, scene = room._twin(48, -.1)
    with torch.no_grad(): points = room._camera(1).landmarks(torch.zeros(1, 18), who, scene, 48)[0]
    assert (points.double() - reference_points(48, -.1)).norm(dim=1).max() < 4 and (points.mean(0) - reference_points(48, -.1).mean(0)).abs().max() < .3

def test_it_does_what_was_read():
    rest, smile = draw_twin(torch.cat([acting(), acting(AU12=1.)]), 64)
    change = (rest - smile).abs().mean(0)
    assert change[34:].max() > .1 and change[:20].max() < .05          # mouth, not forehead
    assert draw_twin(acting(AU12=9.), 64).equal(draw_twin(acting(AU12=1.3), 64)) and draw_twin(acting(AU12=-2.), 64).equal(draw_twin(acting(), 64))
    assert draw_twin(torch.zeros(0, 18), 64).shape == (0, 3, 64, 64)

def test_fitting_explains_its_own_picture():
    "From rest to a drawn smile: nearer in the picture, and AU12 found."
    target = room._drawn(torch.cat([acting(AU12=1.), torch.full((1, 4), .65)], 1)).detach()
    start = room._drawn(torch.cat([acting(), torch.full((1, 4), .65)], 1)).detach()
    fit = fit_twin(target, torch.zeros(1, 18), steps=30)
    assert picture_distance(fit.pictures, target).item() < .75 * picture_distance(start, target).item()
    assert fit.au[0].argmax() == AU_NAMES.index("AU12") and fit.au.min() >= 0 and not fit.au.requires_grad

@pytest.mark.parametrize("call", [lambda: draw_twin(torch.zeros(1, 17)), lambda: draw_twin(torch.zeros(1, 18), 8), lambda: fit_twin(torch.zeros(2, 1, 48, 48), torch.zeros(1, 18)),
                                  lambda: fit_twin(torch.zeros(1, 1, 40, 40), torch.zeros(1, 18)), lambda: fit_twin(torch.zeros(1, 1, 48, 48), torch.zeros(1, 18), 0)])
def test_nonsense_is_refused(call):
    with pytest.raises(ValueError, match="expected"): call()
