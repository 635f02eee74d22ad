"Hair, which lifts what it covers."
import torch

from fer_nb.faces import HAIR_STYLES, Head, hair_shell, sample_identity


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
