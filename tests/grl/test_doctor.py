"The doctor on patients broken in every way it knows, and on both sides of every limit from which on it speaks."
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fer_nb.angular_softmax import AngularSoftmax
from fer_nb.backbones import Output
from fer_nb.embeddings import Run
from fer_nb.grl import ADVICE, Adversary, DomainAdversarial, DomainClassifier, Moment, doctor, grad_reverse
from grl_patients import Patient, Small, learn, pictures


@pytest.fixture
def clinic():
    torch.manual_seed(0)
    return Small(), pictures()

CE = F.cross_entropy
PATIENTS = {
    'dead domain head': (lambda head, x, d: -head(grad_reverse(x)).softmax(1).log().mean(), 1),
    'no gradient to the features': (lambda head, x, d: CE(head(x.detach()), d), 2),
    'not reversed': (lambda head, x, d: CE(head(x), d), 2),
    'λ applied twice': (lambda head, x, d: .3 * CE(head(grad_reverse(x, .3)), d), 2),
    'not finite': (lambda head, x, d: CE(head(grad_reverse(x)), d) * math.nan, 2),
}

@pytest.mark.parametrize('illness', PATIENTS)
def test_doctor_names_it(clinic, illness):
    model, batch = clinic
    patient = Patient(*PATIENTS[illness])
    found = doctor(model, patient, batch, head=None if 'dead' in illness else patient.head, lambd=.3 if 'λ' in illness else None)
    assert illness in found.names()
    others = set(PATIENTS) - {illness}
    assert not others & set(found.names()), found
    assert all(f.measured and f.advice == ADVICE[f.name] for f in found) and illness in repr(found)

@pytest.mark.parametrize('loss', [lambda head, x, d: CE(head(grad_reverse(grad_reverse(x))), d), lambda head, x, d: -CE(head(grad_reverse(x)), d)])
def test_doctor_counts_mirrors(clinic, loss):
    model, batch = clinic
    patient = Patient(loss)
    assert 'not reversed' in doctor(model, patient, batch, head=patient.head).names()

def test_doctor_without_the_head(clinic):
    model, batch = clinic
    assert doctor(model, Patient(PATIENTS['not reversed'][0]), batch).names() == ['not reversed']
    assert doctor(model, Patient(lambda head, x, d: CE(head(grad_reverse(x)), d)), batch).names() == []

def test_doctor_finds_the_healthy_healthy(clinic):
    model, batch = clinic
    objective = DomainAdversarial(DomainClassifier(8, hidden=(16,)), alpha=None, lambd=.5)
    learn(model, objective, batch)
    learn(model, objective, batch, only=True)   # in the midst of the game the detective may be fooled for a moment
    found = doctor(model, objective, batch)
    assert found == [] and 'No finding' in repr(found)

def test_doctor_on_clamps(clinic):
    model, batch = clinic
    objective = DomainAdversarial(DomainClassifier(8, hidden=(16,)), steps=100, clamp=5000.)
    learn(model, objective, batch, 60)
    assert 'clamp never active' in doctor(model, objective, batch).names()
    objective.n.fill_(0)
    found = doctor(model, objective, batch).names()
    assert 'clamp always active' in found and 'dead domain head' not in found and 'no gradient to the features' not in found

def test_doctor_on_a_saturated_detective(clinic):
    model, _ = clinic
    batch = pictures(gap=8.)
    objective = DomainAdversarial(DomainClassifier(8, hidden=(16,)), alpha=None, lambd=.5)
    learn(model, objective, batch, 800, lr=.5, only=True)
    assert doctor(model, objective, batch).names() == ['domain classifier saturated']

def test_doctor_on_a_blind_detective_and_on_domains_alike(clinic):
    model, batch = clinic
    objective = DomainAdversarial(DomainClassifier(8), alpha=None)
    nn.init.zeros_(objective.classifier.head.weight)
    with torch.no_grad(): objective.classifier.head.weight[0] = 1e-3
    young, alike = doctor(model, objective, batch), doctor(model, objective, pictures(gap=0.))
    assert young == alike == [] and [n.name for n in young.notes] == ['domain classifier at chance, not learned yet'] and '○' in repr(young)
    assert [n.name for n in alike.notes] == ['domain classifier at chance, domains alike']
    blind = DomainAdversarial(DomainClassifier(8, hidden=(4,)), alpha=None)
    blind.classifier.trunk[1] = nn.ReLU()
    nn.init.constant_(blind.classifier.trunk[0].bias, -100.)
    assert set(doctor(model, blind, batch).names()) & {'domain classifier at chance, but the domains differ', 'dead domain head'}

def far_side(clinic, **form):
    "All features point one way, both domains' vectors the other."
    model, batch = clinic
    head = AngularSoftmax(8, 2, s=64., **form)
    with torch.no_grad():
        model.features[2].bias.fill_(5.)
        head.weight.fill_(-1.)
    return model, DomainAdversarial(DomainClassifier(8, head=head), alpha=None), batch

def test_doctor_on_a_margin_that_gives_the_answer_away(clinic):
    model, objective, batch = far_side(clinic, m=.5)
    found = doctor(model, objective, batch)
    assert found.names() == ['the margin gives the answer away']
    assert 'its loss is 0.00' in found[0].measured and '50.0% right' in found[0].measured and "cosine to the own domain's vector -1.00" in found[0].measured
    assert 'monotone' in found[0].advice

@pytest.mark.parametrize('form', [dict(m=0.), dict(m=.5, monotone=True)])
def test_doctor_knows_which_margin_gives_nothing_away(clinic, form):
    assert 'the margin gives the answer away' not in doctor(*far_side(clinic, **form)).names()

def test_doctor_on_a_plain_margin_that_was_trained(clinic):
    "nobody puts it on the far side: its own training does"
    model, batch = clinic
    objective = DomainAdversarial(DomainClassifier(8, 2, (16,), AngularSoftmax(16, 2)), alpha=None, lambd=.01)
    learn(model, objective, batch, 300)
    assert 'the margin gives the answer away' in doctor(model, objective, batch).names()

def test_doctor_passes_a_healthy_angular_head(clinic):
    model, _ = clinic
    batch = pictures(gap=3.)
    objective = DomainAdversarial(DomainClassifier(8, 2, (16,), AngularSoftmax(16, 2, s=8., m=0.)), alpha=None, lambd=.1)
    learn(model, objective, batch, 300, only=True)
    assert not set(doctor(model, objective, batch).names()) & {'not reversed', 'the margin gives the answer away', 'λ applied twice', 'exploding domain loss'}

def test_doctor_on_an_explosion(clinic):
    model, batch = clinic
    objective = DomainAdversarial(DomainClassifier(8), alpha=None)
    learn(model, objective, batch, 200, only=True)
    with torch.no_grad():
        for p in objective.classifier.head.parameters(): p *= -30   # certain, and wrong
    assert 'exploding domain loss' in doctor(model, objective, batch).names()

def test_doctor_on_collapse(clinic):
    found = doctor(Small(collapsed=True), DomainAdversarial(DomainClassifier(8), alpha=None), clinic[1]).names()
    assert 'collapsed features' in found

def test_doctor_on_broken_weights(clinic):
    model, batch = clinic
    with torch.no_grad(): model.classifier.weight[0, 0] = math.inf
    assert doctor(model, DomainAdversarial(DomainClassifier(8), alpha=None), batch).names() == ['not finite']

def test_doctor_touches_nothing(clinic):
    model, batch = clinic
    objective = DomainAdversarial(DomainClassifier(8), steps=10)
    model.features.eval()
    before = [t.clone() for t in (*model.state_dict().values(), *objective.state_dict().values())]
    doctor(model, objective, batch)
    assert all(map(torch.equal, before, (*model.state_dict().values(), *objective.state_dict().values())))
    assert model.training and not model.features.training and objective.training
    assert all(p.grad is None for p in (*model.parameters(), *objective.parameters()))

def frames(values, spread=1.):
    run = Run(np.arange(20) % 2)
    for i, v in enumerate(values):
        x = np.random.default_rng(0).normal(size=(20, 2)) * (1 if i + 1 < len(values) else spread) + 5
        run.add(i + 1, x.astype(np.float32), np.zeros(20, np.uint8), losses={'softmax': .5, 'domain': v})
    return run

@pytest.mark.parametrize('values, name', [([.7, 2., 40.], 'exploding domain loss'), ([.7, .7, .7], 'dead domain head'), ([.7, .2, .01], 'domain loss near zero'), ([.7, math.nan, .7], 'not finite')])
def test_doctor_reads_a_run(values, name): assert doctor(frames(values)).names() == [name]

def test_doctor_sees_collapse_in_a_run(): assert doctor(frames([.7, .6, .65], spread=1e-5)).names() == ['collapsed features']
def test_doctor_passes_a_healthy_run(): assert doctor(frames([.7, .6, .65])) == []

def looks(*right):
    return [Moment(i, Adversary(1., math.inf, 0., r, .7, 1., 1.), 2., .3 + i, .5, .5, torch.zeros(4, 2)) for i, r in enumerate(right)]

def test_doctor_sees_a_chase():
    found = doctor(looks(.5, .09, .99, .06, .96))
    assert found.names() == ['features and domain classifier chase each other'] and '50%, 9%, 99%, 6%, 96%' in found[0].measured and 'MMD² between the domains went from 0.3 to 4.3' in found[0].measured
    assert found[0].advice == ADVICE[found[0].name]

@pytest.mark.parametrize('right', [(.5, .6, .4, .55), (.5, .9, .95, .99), (.99, .1, .2, .1), (.5, .1, .5, .9), (.5,)])
def test_doctor_sees_no_chase(right): assert doctor(looks(*right)) == []

@pytest.mark.parametrize('call, name', [(lambda m, b: doctor([]), 'subject'), (lambda m, b: doctor('model'), 'model: expected a CSV'), (lambda m, b: doctor(3), 'subject'), (lambda m, b: doctor(m), 'objective, batch'), (lambda m, b: doctor(m, nn.Identity(), b[0]), 'batch'), (lambda m, b: doctor(m, lambda batch, out: out.logits.mean(), b[:2]), 'objective: expected a domain loss'), (lambda m, b: doctor(m, 3, b), 'objective'), (lambda m, b: doctor(m, nn.Identity(), (b[0], [0, 1])), r'batch: expected tensors \(x, y, domains\)'), (lambda m, b: doctor(m, Patient(PATIENTS['not reversed'][0]), b, optimizer=3), 'optimizer'),
                                        (lambda m, b: doctor(m, Patient(PATIENTS['not reversed'][0]), b, term='adversary'), 'term'), (lambda m, b: doctor(Run([0, 1])), 'subject')])
def test_doctor_refuses(clinic, call, name):
    with pytest.raises(ValueError, match=name): call(*clinic)


# ---- both sides of every limit

class Through(nn.Module):
    "The pictures are the embeddings."
    def forward(self, x): return Output(x, x)

def spread_out(s, n=40):
    "Embeddings whose spread is s of their length."
    x = torch.zeros(n, 2)
    x[:, 0], x[:, 1] = math.sqrt(1 - s**2), s
    x[::2, 1] *= -1
    return x

@pytest.mark.parametrize('spread, found', [(9e-4, True), (1.1e-3, False), (.5, False)])
def test_where_a_collapse_begins(spread, found):
    x, d = spread_out(spread), torch.arange(40) // 20
    objective = DomainAdversarial(DomainClassifier(2), alpha=None)
    assert ('collapsed features' in doctor(Through(), objective, (x, d, d)).names()) == found
    run = Run(d.numpy())
    for n, s in enumerate((.5, spread)): run.add(n, spread_out(s).numpy(), np.zeros(40, np.uint8), losses={'domain': .7 - .1 * n})
    assert [f.measured[:34] for f in doctor(run)] == ["the embeddings' spread was 5.0e-01"] * found and doctor(run).names() == ["collapsed features"] * found

@pytest.mark.parametrize('above, found', [(200, 'clamp always active'), (199, 'clamp always active'), (197, None), (100, None), (1, None), (0, 'clamp never active')])
def test_where_a_clamp_is_always_or_never_active(above, found):
    "200 samples with a loss of 2.1 above the limit 1, or of 0.1 below it."
    d, sure = torch.arange(200) % 2, torch.where(torch.arange(200) < above, -1., 1.)
    detective = DomainClassifier(1)
    with torch.no_grad():
        detective.head.weight.copy_(torch.tensor([[-1.], [1.]]))
        detective.head.bias.zero_()
    x = ((2 * d - 1) * sure)[:, None]
    names = doctor(Through(), DomainAdversarial(detective, alpha=None, clamp=1.), (x, 0 * d, d)).names()
    assert [n for n in names if 'clamp' in n] == [found] * (found is not None)

@pytest.mark.parametrize('lambd, ratio, found', [(.3, .09, True), (.3, .09 * 1.04, True), (.3, .09 * 1.06, False), (.3, .09 * .96, True), (.3, .09 * .94, False), (.3, .3, False),
                                                 (.94, .94**2, True), (.96, .96**2 * .96, False), (2., 4., True), (2., 2., False)])
def test_where_lambda_was_applied_twice(clinic, lambd, ratio, found):
    model, batch = clinic
    patient = Patient(lambda head, x, d: CE(head(grad_reverse(x, ratio)), d))
    assert ('λ applied twice' in doctor(model, patient, batch, head=patient.head, lambd=lambd).names()) == found

class Says(nn.Module):
    "A last layer with given logits: in training, where it hears the domains, and in use."
    def __init__(self, training, use):
        super().__init__()
        self.training_logits, self.use = training, use

    def forward(self, x, domains): return (self.use if domains is None else self.training_logits) + 0 * x.sum()

def logits(d, nll, right):
    "Two logits a sample with that mean cross-entropy, of which so many are right: the wrong ones narrowly."
    own = torch.full((len(d),), -1e-4)
    own[:right] = 0
    missing = (nll * len(d) - F.softplus(-own[right:]).sum().item()) / right
    own[:right] = -math.log(math.expm1(missing))
    return torch.stack([-own * (d - .5), own * (d - .5)], 1)

def judged(trained, nll, right, d=torch.arange(200) % 2):
    "What the doctor says of a detective with that loss in training, and that loss and that many hits in use."
    use = logits(d, nll, right)
    assert CE(use, d).item() == pytest.approx(nll, rel=1e-4) and (use.argmax(1) == d).sum() == right
    head = Says(logits(d, trained, len(d)), use)
    found = doctor(Through(), DomainAdversarial(DomainClassifier(2, head=head), alpha=None), (torch.randn(len(d), 2), d, d))
    names = [f.name for f in (*found, *found.notes)]
    known = {'the margin gives the answer away': 'margin', 'exploding domain loss': 'exploding', 'domain classifier saturated': 'saturated'}
    return [known.get(n, 'chance') for n in names if n in known or 'at chance' in n]

GUESS = math.log(2)

@pytest.mark.parametrize('trained, right, found', [(.049, 108, 'margin'), (.051, 108, 'chance'), (.049, 112, None), (.049, 92, 'margin')])
def test_where_a_margin_gives_the_answer_away(trained, right, found):
    assert judged(trained * GUESS, .6, right) == [found] * (found is not None)

@pytest.mark.parametrize('nll, found', [(2.95, []), (3.05, ['exploding domain loss'])])
def test_where_an_explosion_begins(nll, found):
    "140 of 200 are right with a loss near zero; sixty are wrong, and sure of it."
    d, own = torch.arange(200) % 2, torch.full((200,), 20.)
    own[140:] = -nll * GUESS * 200 / 60
    use = torch.stack([-own * (d - .5), own * (d - .5)], 1)
    assert CE(use, d).item() == pytest.approx(nll * GUESS, rel=1e-3)
    objective = DomainAdversarial(DomainClassifier(2, head=Says(use, use)), alpha=None)
    names = doctor(Through(), objective, (torch.randn(200, 2), d, d)).names()
    assert [n for n in names if n.startswith(('exploding', 'domain classifier s'))] == found

@pytest.mark.parametrize('nll, right, found', [(.049, 200, ['saturated']), (.051, 200, []), (.049, 199, ['saturated']), (.049, 197, [])])
def test_where_a_detective_is_saturated(nll, right, found): assert judged(1., nll * GUESS, right) == found

@pytest.mark.parametrize('right, found', [(92, ['chance']), (109, ['chance']), (111, []), (150, [])])
def test_where_guessing_ends(right, found): assert judged(1., .6, right) == found

@pytest.mark.parametrize('rare, found', [(5, ['chance']), (4, [])])
def test_how_many_samples_of_a_domain_he_wants(rare, found):
    d = torch.zeros(100, dtype=torch.int64)
    d[100 - rare:] = 1
    assert judged(1., .6, 100 - rare, d) == found

@pytest.mark.parametrize('distance, name', [(.49, 'domains alike'), (.51, 'not learned yet')])
def test_where_domains_begin_to_differ(clinic, monkeypatch, distance, name):
    model, batch = clinic
    monkeypatch.setattr('fer_nb.embeddings.domain_distance', lambda a, b: SimpleNamespace(proxy_a=distance))
    objective = DomainAdversarial(DomainClassifier(8), alpha=None)
    nn.init.zeros_(objective.classifier.head.weight)
    with torch.no_grad(): objective.classifier.head.weight[0] = 1e-3
    found = doctor(model, objective, batch).notes
    assert [f.name for f in found] == [f'domain classifier at chance, {name}'] and f'{distance:.2f} of 2' in found[0].measured

@pytest.mark.parametrize('values, names', [
    ([.7, 2.09], []), ([.7, 2.11], ['exploding domain loss']),               # three times the first …
    ([.1, 2.07], []), ([.1, 2.09], ['exploding domain loss']),               # … or that of guessing
    ([0., 1., 2.9], []), ([0., 1., 3.1], ['exploding domain loss']),         # a clamp's first loss is zero
    ([.2, 1., .051], []), ([.2, 1., .049], ['domain loss near zero']), ([1., 0.], []),
    ([.7], []), ([.7, .7], []), ([.7, .7, .7], ['dead domain head']), ([.7, .7, .7001], [])])
def test_limits_in_a_run(values, names): assert doctor(frames(values)).names() == names

CHASE = ['features and domain classifier chase each other']

@pytest.mark.parametrize('right, found', [((.5, .76, .24, .76), True), ((.5, .74, .24, .76), False), ((.5, .76, .26, .76), False), ((.5, .24, .76, .24), True),
                                          ((.5, .9, .1), False), ((.9, .1, .9), False), ((.5, .9, .1, .1, .9), True)])
def test_where_a_chase_begins(right, found): assert doctor(looks(*right)).names() == CHASE * found
