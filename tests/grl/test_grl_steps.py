"Slopes against gradients, and both sides of every limit of the strength."
import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fer_nb.grl import grad_reverse
from fer_nb.grl.steps import Slopes, Trial, are_probabilities, find_direction, find_strength, gradients, kind_of, length, losses_of, slope, spread, try_steps


def test_slope_of_a_parabola():
    p = nn.Parameter(torch.tensor([3., 4.], dtype=torch.float64))
    def value(): return p.square().sum().item()
    g, = torch.autograd.grad(p.square().sum(), p)
    before = p.data_ptr()
    assert slope(value, [p], [g]) == pytest.approx(-10, rel=1e-6) and slope(value, [p], [-g]) == pytest.approx(10, rel=1e-6)
    assert p.tolist() == [3, 4] and p.data_ptr() == before

@pytest.mark.parametrize('change, seen', [(0., False), (5e-6, False), (2e-5, True)])
def test_what_is_too_small_shows_nothing(change, seen):
    "relative change over the largest step there and back, of a tenth of the parameter's length"
    p = nn.Parameter(torch.ones(1, dtype=torch.float64))
    found = slope(lambda: 1 + change * 5 * (p.item() - 1), [p], [torch.ones(1)])
    assert (found is not None) == seen

def test_how_far_the_trial_steps_go():
    "shares of the parameters' length 5, whatever the gradient's length; of 1 where they are all 0"
    for start, size in (([3., 4.], 5), ([0., 0.], 1)):
        p, far = nn.Parameter(torch.tensor(start, dtype=torch.float64)), []
        assert slope(lambda: far.append((p.detach() - torch.tensor(start)).norm().item()) or 0., [p], [torch.tensor([.6, .8]) * 7]) is None
        assert far == pytest.approx([share * size for share in (1e-3, 1e-3, 1e-2, 1e-2, .1, .1, .1, .1)])

def test_slope_without_a_gradient():
    p = nn.Parameter(torch.ones(1))
    assert [slope(lambda: 1., [p], g) for g in ([None], [torch.zeros(1)], [torch.tensor([math.nan])])] == [None] * 3

def test_a_value_that_fails_leaves_the_parameters():
    p = nn.Parameter(torch.ones(1))
    with pytest.raises(ZeroDivisionError): slope(lambda: 1 / 0, [p], [torch.ones(1)])
    assert p.item() == 1

def test_length(): assert length(torch.tensor([3.]), None, torch.tensor([[4.]])) == 5 and length() == 0

def test_spread(): assert spread(torch.tensor([[1., 0.], [-1., 0.]])) == 1 and spread(torch.ones(3, 2)) == 0

def test_gradients_may_be_asked_twice():
    p = nn.Parameter(torch.ones(1))
    loss = 3 * p.sum()
    assert [gradients(loss, [p])[0].item() for _ in range(2)] == [3, 3] and gradients(loss, []) == [] and gradients(torch.ones(()), [p]) == [None]

@pytest.mark.parametrize('program, own, features, scale, strength', [
    (lambda h, z, d: F.cross_entropy(h(grad_reverse(z, .3)), d), -1, 1, 1., .3), (lambda h, z, d: F.cross_entropy(h(z), d), -1, -1, 1., 1.),
    (lambda h, z, d: F.cross_entropy(grad_reverse(h(z), .3), d), 1, 1, .3, .3), (lambda h, z, d: -2 * F.cross_entropy(h(z), d), 1, 1, 2., 2.),
    (lambda h, z, d: .5 * F.cross_entropy(h(grad_reverse(z, .2)), d), -1, 1, .5, .1)])
def test_signs_and_strengths(program, own, features, scale, strength):
    torch.manual_seed(0)
    f, h, d = nn.Linear(3, 5), nn.Linear(5, 2), torch.arange(40) % 2
    x = torch.randn(40, 3) + d[:, None]
    def plain(): return F.cross_entropy(h(f(x)), d).item()
    loss, H, B = program(h, f(x), d), list(h.parameters()), list(f.parameters())
    found = try_steps(Trial(plain, H, gradients(loss, H), B, gradients(loss, B)))
    assert math.copysign(1, found.own) == own and math.copysign(1, found.features) == features
    assert found.scale == pytest.approx(scale, rel=.01) and found.strength == pytest.approx(strength, rel=.01)
    names = [f.name for f in find_direction(found)]
    assert names == ['domain classifier reversed too'] * (own > 0) + ['not reversed'] * (features < 0)

@pytest.mark.parametrize('slopes, names', [((None, None), []), ((0., 0.), []), ((-1e-9, 1e-9), []), ((1e-9, 1.), ['domain classifier reversed too']), ((-1., -1e-9), ['not reversed'])])
def test_direction(slopes, names): assert [f.name for f in find_direction(Slopes(*slopes, 1., 1.))] == names

@pytest.mark.parametrize('scale, strength, lambd, class_scale, name', [
    (1., .09, .3, 1., 'λ applied twice'), (1., .09 * 1.049, .3, 1., 'λ applied twice'), (1., .09 * 1.051, .3, 1., None), (1., .09 * .951, .3, 1., 'λ applied twice'), (1., .09 * .949, .3, 1., None),
    (.3, .09, None, 1., 'λ applied twice'), (.3, .09 * 1.009, None, 1., 'λ applied twice'), (.3, .09 * 1.011, None, 1., None), (1., 1., None, 1., None), (.96, .96**2, None, 1., None), (.94, .94**2, None, 1., 'λ applied twice'),
    (2., 4., None, 1., None), (.3, .3, .3, 1., None),
    (1., 0.99e-4, None, 1., 'λ near 0'), (1., 1.01e-4, None, 1., None),
    (1., 9.9, None, 1., None), (1., 10.1, None, 1., 'λ far too large'), (1., 10.1, None, 2., None), (1., 20.1, None, 2., 'λ far too large'), (None, None, .3, 1., None), (None, .5, None, None, None)])
def test_strength(scale, strength, lambd, class_scale, name):
    assert [f.name for f in find_strength(Slopes(-1., 1., scale, strength), lambd, class_scale)] == [name] * (name is not None)


# ---- kinds of losses

Z, T = torch.randn(20, 3, generator=torch.Generator().manual_seed(1)) * 2, torch.arange(20) % 3

@pytest.mark.parametrize('loss, name, scale', [
    (lambda z: F.cross_entropy(z, T), 'logits', 1.), (lambda z: .2 * F.cross_entropy(z, T), 'logits', .2), (lambda z: -F.cross_entropy(z, T), 'logits', -1.), (lambda z: F.cross_entropy(z, T, reduction='sum'), 'logits', 20.),
    (lambda z: F.nll_loss(z.log_softmax(1), T), 'logits', 1.), (lambda z: F.cross_entropy(z.softmax(1), T), 'twice', 1.), (lambda z: F.cross_entropy(z[:9], T[:9]), 'logits', 1.),
    (lambda z: z.square().mean(), None, 0.), (lambda z: F.cross_entropy(z, T, label_smoothing=.3), None, 0.), (lambda z: F.mse_loss(z.softmax(1), F.one_hot(T, 3).float()), None, 0.)])
def test_kind_of_a_loss(loss, name, scale):
    z = Z.clone().requires_grad_()
    kind = kind_of(loss(z), z, T)
    assert (kind and kind.name) == name and (kind is None or kind.scale == pytest.approx(scale, rel=1e-3))

@pytest.mark.parametrize('loss, name', [(lambda p: F.cross_entropy(p, T), 'twice'), (lambda p: F.nll_loss(p.log(), T), 'probabilities')])
def test_probabilities(loss, name):
    p = Z.softmax(1).requires_grad_()
    assert kind_of(loss(p), p, T).name == name and are_probabilities(p) and not are_probabilities(Z) and not are_probabilities(p[:, :1]) and not are_probabilities(p + 1e-3)

@pytest.mark.parametrize('loss, name', [(lambda z, t: F.binary_cross_entropy_with_logits(z, t), 'logits'), (lambda z, t: F.binary_cross_entropy_with_logits(z.sigmoid(), t), 'twice')])
@pytest.mark.parametrize('shape', [(20,), (20, 1)])
def test_one_output(loss, name, shape):
    z, t = Z[:, 0].reshape(shape).clone().requires_grad_(), (T > 0)
    assert kind_of(loss(z, t.float().reshape(shape)), z, t.long()).name == name
    p = z.detach().sigmoid().requires_grad_()
    assert kind_of(F.binary_cross_entropy(p, t.float().reshape(shape)), p, t.long()).name == 'probabilities'

def test_a_sum_is_known_by_its_gradient():
    z, w = Z.clone().requires_grad_(), torch.ones(1, requires_grad=True)
    loss = .4 * F.cross_entropy(z, T) + 3 * w.sum()
    assert kind_of(loss, z, T) is None and kind_of(loss, z, T, mixed=True).name == 'logits' and kind_of(loss, z, T, mixed=True).scale == pytest.approx(.4, rel=1e-4)

def test_labels_that_do_not_count():
    z, t = Z.clone().requires_grad_(), torch.where(T == 2, -1, T)
    assert kind_of(F.cross_entropy(z, t, ignore_index=-1), z, t).scale == pytest.approx(1) and kind_of(z.sum() * 0, z, t) is None

def test_a_sum_fits_by_its_direction():
    z, w = Z.clone().requires_grad_(), torch.ones(1, requires_grad=True)
    assert kind_of(F.cross_entropy(z, T) + w.sum(), z, T, mixed=True).off == pytest.approx(0, abs=1e-5)

@pytest.mark.parametrize('rows, sure', [([[1.], [1.]], False), ([[2., -1.]], False), ([[.5, .50009]], True), ([[.5, .5002]], False), ([1., 0.], False)])
def test_what_probabilities_are(rows, sure): assert are_probabilities(torch.tensor(rows)) == sure

def test_a_probability_of_nothing_is_no_infinite_loss(): assert losses_of(torch.zeros(1, 2), torch.tensor([0]))['probabilities'](torch.tensor([[0., 1.]])).item() == pytest.approx(-math.log(1e-30))

def test_losses_of(): assert losses_of(Z, T)['logits'](Z).item() == pytest.approx(F.cross_entropy(Z, T).item())
