"Any model and objective on one batch: shapes, dtypes, batches and optimizers; what is left behind: nothing."
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fer_nb.grl import DomainAdversarial, DomainClassifier, doctor, grad_reverse
from fer_nb.grl.batches import _find_call, _moves, _wants_wrong, find_apart, find_forgotten, find_missing
from fer_nb.grl.patient import look
from grl_patients import Patient, Small, learn, pictures


@pytest.fixture
def small():
    torch.manual_seed(0)
    return Small(), pictures()

def healthy(head, x, d): return F.cross_entropy(head(grad_reverse(x, .3)), d)

@pytest.mark.parametrize('shape', [lambda o: o, tuple, list, lambda o: tuple(o)[::-1], lambda o: o._asdict(), lambda o: dict(feat=o.embedding, scores=o.logits)])
@pytest.mark.parametrize('mirrored', [True, False])
def test_any_output(small, shape, mirrored):
    (model, batch), head = small, nn.Linear(8, 2)
    class Other(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = model

        def forward(self, x): return shape(self.inner(x))
    def objective(batch, out):
        z = next(t for t in (out.values() if isinstance(out, dict) else out) if t.shape[1] == 8)
        return {'domain': healthy(head, z, batch[2]) if mirrored else F.cross_entropy(head(z), batch[2])}
    for ask in ({}, {'head': head}, {'head': lambda z: head(z)}): assert doctor(Other(), objective, batch, **ask).names() == ['not reversed'] * (not mirrored)

@pytest.mark.parametrize('dtype', [torch.float64, torch.bfloat16, torch.float16])
def test_any_dtype(small, dtype):
    (model, (x, y, d)), patient = small, Patient(healthy)
    model, patient = model.to(dtype), patient.to(dtype)
    assert doctor(model, patient, (x.to(dtype), y, d)) == [] and next(model.parameters()).dtype == dtype
    wrong = Patient(lambda head, x, d: F.cross_entropy(head(x), d)).to(dtype)
    assert doctor(model, wrong, (x.to(dtype), y, d)).names() == ['not reversed']

def test_everything_stays(small):
    model, batch = small
    model = nn.Sequential(model.features, nn.BatchNorm1d(8), nn.Dropout(.5)).train()
    head, crit = nn.Sequential(nn.Dropout(.5), nn.Linear(8, 2)).train(), nn.Linear(8, 3)
    for p in model.parameters(): p.grad = torch.ones_like(p)
    head[0].eval()
    optimizer = torch.optim.SGD(model.parameters(), lr=.1)
    def objective(batch, z): return F.cross_entropy(crit(z), batch[1]), healthy(head, z, batch[2])
    before = [t.clone() for m in (model, head, crit) for t in m.state_dict().values()] + [torch.get_rng_state()]
    doctor(model, objective, batch, optimizer=optimizer)
    after = [t for m in (model, head, crit) for t in m.state_dict().values()] + [torch.get_rng_state()]
    assert all(map(torch.equal, before, after)) and all(m.training for m in model.modules()) and head.training and not head[0].training
    assert all(p.grad.eq(1).all() for p in model.parameters()) and all(p.grad is None for p in head.parameters()) and not optimizer.state

@pytest.mark.parametrize('domains, known, name', [([0, 1], 2, None), ([0, 1], 0, None), ([1, 1], 2, 'one domain only'), ([0, 0], 0, 'one domain only'), ([0, 1], 3, 'a domain is missing'), ([0, 2], 0, 'a domain is missing'), ([0, 1, 2], 3, None)])
def test_missing_domains(domains, known, name): assert [f.name for f in find_missing(torch.tensor(domains), known)] == [name] * (name is not None)

def test_forgotten_parameters():
    a, b = nn.Linear(2, 2), nn.Linear(2, 2)
    groups = {'backbone': [*a.parameters()], 'domain classifier': [*b.parameters()]}
    def found(*groups_): return [f.name for f in find_forgotten([torch.optim.SGD(list(groups_), lr=.1)], groups)]
    assert found({'params': a.parameters()}) == ['optimizer lacks the domain classifier'] and found({'params': b.parameters()}) == ['optimizer lacks the backbone']
    assert found({'params': [a.weight, *b.parameters()]}) == [] and found({'params': [*a.parameters(), b.weight]}) == ['optimizer lacks the domain classifier']
    assert found({'params': [*a.parameters()]}, {'params': [*b.parameters()], 'lr': 0.}) == ['optimizer lacks the domain classifier']

def test_before_the_first_step(small):
    model, batch = small
    objective = DomainAdversarial(DomainClassifier(8), steps=1000)
    found = doctor(model, objective, batch)
    assert found == [] and 'before the first step' in [n.name for n in found.notes] and 'detach' not in repr(found)
    objective.n.fill_(1000)
    assert doctor(model, objective, batch).names() == []

@pytest.mark.parametrize('lambd, names', [(3e-7, ['λ near 0']), (.9e-4, ['λ near 0']), (1.1e-4, []), (9., []), (11., ['λ far too large']), (0., ['λ near 0'])])
def test_constant_strength(small, lambd, names):
    model, batch = small
    objective = DomainAdversarial(DomainClassifier(8), alpha=None, lambd=lambd)
    assert doctor(model, objective, batch).names() == names
    patient = Patient(lambda head, x, d: F.cross_entropy(head(grad_reverse(x, lambd)), d))
    for ask in ({}, {'head': patient.head}): assert doctor(model, patient, batch, **ask).names() == names

def test_scales_in_the_loss(small):
    model, batch = small
    assert doctor(model, DomainAdversarial(DomainClassifier(8), alpha=None, lambd=.3, scales='loss'), batch) == []

class Halves(nn.Module):
    def __init__(self, split, norm):
        super().__init__()
        self.split, self.f, self.norm = split, nn.Linear(2, 8), norm

    def forward(self, x): return torch.cat([self.norm(self.f(h)) for h in (x.chunk(2) if self.split else [x])])

@pytest.mark.parametrize('split, norm, found', [(True, True, True), (False, True, False), (True, False, False)])
def test_statistics(split, norm, found):
    x, y, d = pictures()
    model = Halves(split, nn.BatchNorm1d(8) if norm else nn.LayerNorm(8))
    assert bool(find_apart(model, lambda batch, z: z.mean(), (x, y, d), d)) == found and not (norm and model.norm.running_mean.any())

class Centered(nn.Module):
    "The mean taken away by hand: of each half, or of the whole batch."
    def __init__(self, split):
        super().__init__()
        self.split, self.f = split, nn.Linear(2, 8)

    def forward(self, x):
        z = [self.f(part) for part in (x.chunk(2) if self.split else [x])]
        return torch.cat([part - part.mean(0) for part in z])

@pytest.mark.parametrize('split', [True, False])
def test_statistics_without_a_batch_norm(split):
    (x, y, d) = pictures()
    order = d.argsort(stable=True)
    assert bool(find_apart(Centered(split), lambda batch, z: z.mean(), (x[order], y, d[order]), d[order])) == split

@pytest.mark.parametrize('share, found', [(.98, False), (1., True)])
def test_when_a_loss_wants_the_wrong_domain(share, found):
    "Its gradient raises the logit of the own domain of all but a hundredth; a single class is no domain classifier."
    z, d = torch.zeros(100, 2, requires_grad=True), torch.arange(100) % 2
    sign = torch.where(torch.arange(100) < round(100 * share), 1., -1.)
    case = SimpleNamespace(loss=(sign * z[range(100), d]).sum(), domains=d)
    assert _wants_wrong(case, SimpleNamespace(output=z)) == found and _wants_wrong(case, None)
    one = torch.zeros(100, 1, requires_grad=True)
    assert not _wants_wrong(SimpleNamespace(loss=one.sum(), domains=0 * d), SimpleNamespace(output=one))

def test_a_clamp_that_is_known(small):
    model, batch = small
    objective = DomainAdversarial(DomainClassifier(8), alpha=None, lambd=.3, clamp=5.)
    learn(model, objective, batch, 5)
    assert doctor(model, objective, batch).names() == ['clamp never active']

def net(detach, frozen):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.f, self.c = nn.Linear(8, 16), nn.Linear(16, 3)
            self.f.requires_grad_(not frozen)

        def forward(self, x):
            e = self.f(x)
            return {'embedding': (e := e.detach() if detach else e), 'logits': self.c(e)}
    return Net()

@pytest.mark.parametrize('detach, frozen, name', [(True, False, 'no gradient to the backbone'), (False, True, 'frozen backbone'), (True, True, 'frozen backbone'), (False, False, None)])
def test_detached_and_frozen_models(detach, frozen, name):
    "Nothing adapts, and the domain loss reaches the features nevertheless"
    torch.manual_seed(0)
    d = torch.arange(64) % 2
    batch, head = (torch.randn(64, 8) + d[:, None], torch.randint(3, (64,)), d), nn.Linear(16, 2)
    def objective(batch, out): return {'softmax': F.cross_entropy(out['logits'], batch[1]), 'domain': healthy(head, out['embedding'], batch[2])}
    assert doctor(net(detach, frozen), objective, batch).names() == [name] * (name is not None)

def test_a_frozen_domain_classifier(small):
    model, batch = small
    patient = Patient(healthy)
    patient.head.requires_grad_(False)
    assert doctor(model, patient, batch, head=patient.head).names() == ['frozen domain classifier']

@pytest.mark.parametrize('loss, names', [(lambda h, x, d: F.cross_entropy(grad_reverse(h(x), .3), d), ['domain classifier reversed too']), (lambda h, x, d: -.3 * F.cross_entropy(h(x), d), ['domain classifier reversed too']),
                                         (lambda h, x, d: -F.cross_entropy(h(grad_reverse(x)), d), ['domain classifier reversed too', 'not reversed']), (lambda h, x, d: F.cross_entropy(h(grad_reverse(grad_reverse(x))), d), ['not reversed'])])
@pytest.mark.parametrize('known', [True, False])
def test_signs_with_and_without_the_head(small, loss, names, known):
    "A mirror behind the head, or a minus instead of a mirror: the domain classifier is trained to be wrong"
    model, batch = small
    patient = Patient(loss)
    learn(model, patient, batch, 10, lr=.01)
    found = doctor(model, patient, batch, **(dict(head=patient.head) if known else {})).names()
    assert [n for n in found if 'reversed' in n] == names

def smooth(z, d, **kw): return F.cross_entropy(z, d, label_smoothing=.1, weight=torch.tensor([1., 2.]), **kw)
def mean_difference(x, d): return (x[d == 0].mean(0) - x[d == 1].mean(0)).square().sum()

@pytest.mark.parametrize('outputs, loss, names', [
    (2, lambda h, x, d: F.cross_entropy(h(grad_reverse(x, .3)), 1 - d), []), (1, lambda h, x, d: F.binary_cross_entropy_with_logits(h(grad_reverse(x, .3))[:, 0], 1. - d), []),
    (1, lambda h, x, d: F.binary_cross_entropy_with_logits(h(x)[:, 0], 1. - d), ['not reversed']), (2, lambda h, x, d: F.cross_entropy(grad_reverse(h(x)), 1 - d), ['domain classifier reversed too']),
    (2, lambda h, x, d: smooth(h(grad_reverse(x, .3)), d), []), (2, lambda h, x, d: smooth(h(x), d), ['not reversed']), (2, lambda h, x, d: -smooth(h(x), d), ['domain classifier reversed too']),
    (1, lambda h, x, d: F.mse_loss(h(grad_reverse(x, .3))[:, 0], d.float()), []), (1, lambda h, x, d: F.mse_loss(h(x)[:, 0], d.float()), ['not reversed']),
    (1, lambda h, x, d: h(grad_reverse(x))[d == 0].mean() - h(grad_reverse(x))[d == 1].mean(), []), (1, lambda h, x, d: h(grad_reverse(x))[d == 1].mean() - h(grad_reverse(x))[d == 0].mean(), []),
    (2, lambda h, x, d: sum(F.cross_entropy(h(grad_reverse(x[d == k], .3)), d[d == k]) for k in (0, 1)), []), (2, lambda h, x, d: mean_difference(x, d), [])])
def test_losses_that_are_no_plain_cross_entropy(small, outputs, loss, names):
    "Labels the other way round, weights and smoothing, least squares, Wasserstein, one call per domain, no domain classifier at all"
    model, batch = small
    patient = Patient(loss, outputs)
    assert doctor(model, patient, batch).names() == names

def test_a_frozen_domain_classifier_that_nobody_named(small):
    model, batch = small
    patient = Patient(healthy)
    patient.head.requires_grad_(False)
    assert doctor(model, patient, batch).names() == ['frozen domain classifier']

@pytest.mark.parametrize('given, got', [({}, 'neither'), (dict(objective=len), 'only objective'), (dict(batch=(torch.zeros(2), torch.zeros(2))), 'only batch')])
def test_both_or_none(given, got):
    with pytest.raises(ValueError, match=f'expected both together with a model, got {got}$'): doctor(nn.Linear(2, 2), **given)

class Leak(nn.Module):
    "Embeddings of 1 that rise by the others' share of `amount`."
    def __init__(self, amount):
        super().__init__()
        self.amount = amount

    def forward(self, x): return torch.ones(len(x), 2) + self.amount * x.mean()

@pytest.mark.parametrize('amount, moved', [(1.05e-4, False), (1.15e-4, True)])
def test_how_far_an_embedding_moves(amount, moved):
    some = torch.arange(8)
    assert _moves(Leak(2 * amount), torch.zeros(16, 2), some, some + 8) == moved # half of the samples go from 0 to 1

def test_a_head_that_is_never_called(small):
    "A module that the objective does not call is no domain classifier of it; a function is asked."
    model, (x, y, d) = small
    head = nn.Linear(8, 2)
    seen = look(model, lambda batch, out: {'domain': F.cross_entropy(head(out.embedding), d)}, (x, y, d))
    def ask(given): return _find_call(SimpleNamespace(seen=seen, loss=seen.losses['domain'], domains=d, head=given))
    assert ask(head).module is head and ask(nn.Linear(8, 2)) is None and ask(lambda z: head(z)).output.shape == (len(d), 2)
