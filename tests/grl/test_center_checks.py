"Class centers: found, still, out of scale, collapsed; both sides of the limits."
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fer_nb.angular_softmax import AngularSoftmax
from fer_nb.centers import CenterLoss, IslandLoss
from fer_nb.dda import DDALoss
from fer_nb.grl import doctor
from fer_nb.grl.center_checks import _alike, find_centers, find_collapsed_centers, find_in_centers, find_minority_collapse, find_scale
from fer_nb.grl.patient import look
from fer_nb.large_margin import LargeMarginLoss
from fer_nb.separate_loss import SeparateLoss
from fer_nb.training import Objective
from grl_patients import Small, pictures


@pytest.fixture
def small():
    torch.manual_seed(0)
    return Small()

X, Y, _ = pictures()

def learn(model, objective, steps=60, lr=.02, optimize=True):
    sgd = torch.optim.SGD([*model.parameters(), *(objective.parameters() if optimize else ())], lr=lr)
    for _ in range(steps):
        sgd.zero_grad()
        sum(objective((X, Y), model(X)).values()).backward()
        sgd.step()
    return sgd

LOSSES = {'center': lambda **kw: CenterLoss(3, 8, **kw), 'island': lambda **kw: IslandLoss(3, 8, lam1=.1, **kw), 'dda': lambda **kw: DDALoss(3, 8, lam=.1, gamma=.5, scaling='code', **kw), 'separate': lambda **kw: SeparateLoss(3, 8, **kw), 'margin': lambda: LargeMarginLoss(3, 8)}

@pytest.mark.parametrize('name', LOSSES)
@pytest.mark.parametrize('steps', [0, 60])
def test_our_losses_are_healthy(small, name, steps):
    objective = Objective(center=(LOSSES[name](), .1))
    sgd = learn(small, objective, steps)
    centers = objective.terms['center'].centers.clone()
    assert doctor(small, objective, (X, Y), optimizer=sgd) == [] and torch.equal(centers, objective.terms['center'].centers)

def test_a_loss_alone_is_put_beside_a_softmax_loss(small): assert doctor(small, CenterLoss(3, 8), (X, Y)) == doctor(small, CenterLoss(3, 8), (X, Y, 'names')) == []

@pytest.mark.parametrize('name', ['center', 'island', 'dda', 'separate'])
def test_centers_as_a_parameter(small, name):
    objective = Objective(center=(LOSSES[name](centers='autograd'), .1))
    assert doctor(small, objective, (X, Y), optimizer=torch.optim.SGD([*small.parameters(), *objective.parameters()], lr=.1)) == []
    found = doctor(small, objective, (X, Y), optimizer=torch.optim.SGD(small.parameters(), lr=.1))
    assert found.names() == ['frozen centers'] and 'no optimizer' in found[0].measured
    still = torch.optim.SGD([{'params': small.parameters()}, {'params': objective.parameters(), 'lr': 0.}], lr=.1)
    assert doctor(small, objective, (X, Y), optimizer=still).names() == ['frozen centers']
    assert doctor(small, objective, (X, Y), optimizer=[torch.optim.SGD(m.parameters(), lr=.1) for m in (small, objective)]) == []

@pytest.mark.parametrize('spoil, why', [(lambda c: c.centers.requires_grad_(False), 'requires_grad'), (lambda c: setattr(c, 'detached', True), 'no gradient')])
def test_frozen_parameters(small, spoil, why):
    class Foreign(nn.Module):
        detached = False
        def __init__(self):
            super().__init__()
            self.centers = nn.Parameter(torch.randn(3, 8))

        def forward(self, x, y): return (x - (self.centers.detach() if self.detached else self.centers)[y]).square().mean()
    spoil(crit := Foreign())
    found = doctor(small, lambda batch, out: {'softmax': F.cross_entropy(out.logits, batch[1]), 'center': .1 * crit(out.embedding, batch[1])}, (X, Y))
    assert found.names() == ['frozen centers'] and why in found[0].measured

def test_where_centers_are_found(small):
    objective = Objective(center=CenterLoss(3, 8), angular=AngularSoftmax(8, 3), other=CenterLoss(3, 8))
    def terms(batch, out): return objective.terms['center'](out.embedding, batch[1])
    seen = look(small, terms, (X, Y))
    assert [c.name for c in find_centers(small, seen, terms, 3)] == ['centers'] and len(find_centers(small, seen, objective, 3)) == 3
    assert find_centers(small, seen, terms, 4) == []
    one = nn.ParameterDict(dict(center=torch.zeros(1, 8)))
    assert find_centers(small, seen, one, 1) == find_centers(small, seen, terms, 1)   # a single vector is no center

def ratio(small, weight):
    crit = CenterLoss(3, 8, centers='autograd')
    seen = look(small, lambda batch, out: {'softmax': F.cross_entropy(out.logits, batch[1]), 'center': weight * crit(out.embedding, batch[1])}, (X, Y))
    found = find_scale(seen, find_centers(small, seen, crit, 3)[0])
    z = seen.parts.embedding
    pull, rest = [torch.autograd.grad(seen.losses[name], z, retain_graph=True)[0].norm().item() for name in ('center', 'softmax')]
    return found, pull / rest

@pytest.mark.parametrize('wanted, name', [(99.5, None), (101., 'center term far too large'), (1.01e-3, None), (.99e-3, 'center term far too small'), (1., None)])
def test_scale(small, wanted, name):
    torch.manual_seed(1)
    _, now = ratio(small, 1.)
    torch.manual_seed(1)
    found, reached = ratio(small, wanted / now)
    assert reached == pytest.approx(wanted, rel=1e-3) and [f.name for f in found] == [name] * (name is not None)

def test_scale_in_one_sum(small):
    crit = CenterLoss(3, 8)
    for weight, names in ((.1, []), (1e4, ['center term far too large'])):
        assert doctor(small, lambda batch, out: F.cross_entropy(out.logits, batch[1]) + weight * crit(out.embedding, batch[1]), (X, Y)).names() == names

def test_scale_of_a_term_that_is_averaged_outside(small):
    "The term's module gives a value per sample: then what does not reach the logits is the term."
    crit = CenterLoss(3, 8, reduction='none')
    for weight, names in ((.1, []), (1e4, ['center term far too large'])):
        assert doctor(small, lambda batch, out: {'softmax': F.cross_entropy(out.logits, batch[1]), 'center': weight * crit(out.embedding, batch[1]).mean()}, (X, Y)).names() == names

@pytest.mark.parametrize('spread, found', [(.049, True), (.051, False), (1., False)])
def test_collapsed_centers(spread, found):
    c = torch.tensor([[(1 - spread**2)**.5, spread], [(1 - spread**2)**.5, -spread]])
    assert bool(find_collapsed_centers(c)) == bool(find_collapsed_centers(torch.cat([c, torch.zeros(3, 2)]))) == found

def test_centers_on_an_axis_have_begun(): assert find_collapsed_centers(torch.tensor([[1., 0.], [1., 0.]]))

def test_how_alike_three_are():
    assert _alike(torch.ones(3, 2)) == pytest.approx(1) and _alike(torch.eye(3)) == pytest.approx(0, abs=1e-6)

def test_centers_that_have_not_begun(): assert find_collapsed_centers(torch.zeros(4, 2)) == find_collapsed_centers(torch.eye(1, 2)) == []

def rare(n, right_rare, right_common, angle):
    "Two common classes of 50, two rare ones of n, whose means are an angle apart."
    y = torch.tensor([0] * 50 + [1] * 50 + [2] * n + [3] * n)
    a = torch.tensor(angle).deg2rad() / 2
    z = torch.stack([torch.tensor([0., 0.]), torch.tensor([0., 0.]), torch.stack([a.cos(), a.sin()]), torch.stack([a.cos(), -a.sin()])])[y]
    right = torch.zeros(len(y), dtype=torch.bool)
    for k, share in enumerate((right_common, right_common, right_rare, right_rare)): right[(y == k).nonzero()[:round(share * int((y == k).sum())), 0]] = True
    return z, torch.eye(4)[torch.where(right, y, (y + 1) % 4)], y

@pytest.mark.parametrize('n, right_rare, right_common, angle, found', [(10, 0., 1., 5., True), (11, 0., 1., 5., False), (10, .1, .8, 5., True), (10, .3, .8, 5., False), (10, 0., .78, 5., False), (10, 0., 1., 20., True), (10, 0., 1., 120., False)])
def test_minority_collapse(n, right_rare, right_common, angle, found):
    z, logits, y = rare(n, right_rare, right_common, angle)
    assert bool(find_minority_collapse(z, logits, y)) == bool(find_minority_collapse(z + 5, logits, y)) == found   # wherever the origin is
    assert bool(find_minority_collapse(z, logits.flip(1), 3 - y)) == found

def test_a_batch_without_labels_says_nothing_of_classes(small):
    assert find_in_centers(small, Objective(center=(CenterLoss(3, 8), .1)), (X, torch.full_like(Y, -1))) == []
    assert find_in_centers(small, Objective(), (X, Y[:0])) == find_in_centers(small, Objective(), (X,)) == find_in_centers(small, Objective(), (X, Y.float())) == []

def test_the_first_class_is_a_class(small):
    assert [f.name for f in find_in_centers(small, Objective(center=(CenterLoss(3, 8), 1e-9)), (X, 0 * Y))] == ['center term far too small']

def names(small, term, weight=.1):
    "What is found where this stands beside the class loss."
    return doctor(small, lambda batch, out: {'cls': F.cross_entropy(out[1], batch[1]), 'center': weight * term(out[0], batch[1])}, (X, Y)).names()

@pytest.mark.parametrize('centers', ['rule', 'autograd'])
def test_embeddings_without_their_history(small, centers):
    crit = CenterLoss(3, 8, centers=centers)
    assert names(small, crit) == [] and names(small, lambda z, y: crit(z.detach(), y)) == ['no gradient to the features']

def test_a_term_that_is_only_shown_is_none(small):
    crit, shown = CenterLoss(3, 8), []
    def objective(batch, out):
        shown.append(crit(out[0].detach(), batch[1]).item())
        return {'cls': F.cross_entropy(out[1], batch[1])}
    before = crit.centers.clone()
    assert find_in_centers(small, objective, (X, Y)) == [] and shown and torch.equal(crit.centers, before)
