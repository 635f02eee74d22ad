"Hair, which lifts what it covers."
import pytest
import torch

from fer_nb.faces import HAIR_STYLES, Head, hair_shell, sample_identity
from fer_nb.faces.hair import _hair_edge, hair_light
from fer_nb.faces.surface import Pixels


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

def test_hairlines_are_where_the_styles_say():
    "Going up the middle of the forehead, hair begins at the style's first height; `hairline` lifts it."
    for k, style in enumerate(HAIR_STYLES.values()):
        y = torch.linspace(7., 8.65, 400)
        edge = lambda lifted: _hair_edge(torch.zeros(400), y, torch.full((400,), k), torch.full((400,), lifted))
        if style.density == 0: assert (edge(0.) < 0).all()
        else:
            begin = [y[edge(lifted) > 0].min().item() for lifted in (0., .05)]
            assert begin[0] == pytest.approx(style.line[0], abs=.03) and begin[1] == pytest.approx(begin[0] + .05, abs=.01)

def test_light_glides_off_hair():
    "Straight hair that hangs shines most where lamp and eye stand at right angles to it."
    who = sample_identity([48])
    who.hair_style[:] = list(HAIR_STYLES).index("long")
    n, zero = 50, torch.zeros(50)
    tilt = torch.linspace(-1.2, 1.2, n) # the surface turns from up to down
    normal = torch.stack([zero, tilt.sin(), tilt.cos()])
    p = Pixels(torch.full((n,), .3), torch.full((n,), 8.), zero + 1, zero + .5, zero + 1., normal, zero.long(), zero.byte())
    axes = torch.eye(3).flatten()
    lamps = torch.cat([torch.tensor([0., 0, 1, 0, 0, 1, 1, .2, .1]), axes])[None] # from the camera
    light, cover = hair_light(p, who, lamps)
    assert light.shape == (3, n) and torch.isfinite(light).all() and light.min() > 0
    assert cover.min() > .9 and cover.max() <= .985
    assert light.sum(0).argmax() in range(15, 40)

def test_bald_heads_have_no_hair():
    who = sample_identity([5])
    who.hair_style[:] = list(HAIR_STYLES).index("bald")
    zero = torch.zeros(4)
    p = Pixels(zero, zero + 8, zero + 1, zero, zero - 1, torch.tensor([0., 0, 1])[:, None].expand(3, 4), zero.long(), zero.byte())
    assert (hair_light(p, who, torch.ones(1, 18))[1] == 0).all()
