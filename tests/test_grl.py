"Gradient reversal, schedule, clamping, the adversarial objective, and the doctor on patients broken in every way he knows."
import copy
import math

import numpy as np
import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
import torch.nn.functional as F
from hypothesis import given, settings, strategies as st
from torch import nn

from fer_nb.angular_softmax import AngularSoftmax
from fer_nb.backbones import Output
from fer_nb.embeddings import Run
from fer_nb.grl import (ADVICE, Adversary, DomainAdversarial, DomainClassifier, GradientReversal, Moment, adversary_figure, clamped_domain_loss, doctor, factor,
                        grad_reverse, moments)
from fer_nb.training import Batches, fit

double = torch.float64


# ---- the mirror

@pytest.mark.parametrize('dtype', [torch.float64, torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize('lambd', [0., .3, 1., -2.])
def test_mirror_turns_the_gradient(dtype, lambd):
    x = torch.randn(3, 4, dtype=dtype, requires_grad=True)
    out = grad_reverse(x, lambd)
    assert torch.equal(out, x) and out.dtype == dtype
    weights = torch.randn(3, 4, dtype=dtype)
    (out * weights).sum().backward()
    torch.testing.assert_close(x.grad, -torch.tensor(lambd).to(dtype) * weights)

def test_mirror_takes_a_tensor_and_does_not_differentiate_it():
    x, lambd = torch.ones(2, requires_grad=True), torch.tensor(.5, requires_grad=True)
    grad_reverse(x, lambd).sum().backward()
    assert x.grad.tolist() == [-.5, -.5] and lambd.grad is None

def test_mirror_twice_differentiable():
    x = torch.randn(5, dtype=double, requires_grad=True)
    window = lambda x: grad_reverse(x, -1.).sin() * 2
    assert torch.autograd.gradcheck(window, x) and torch.autograd.gradgradcheck(window, x)
    first, = torch.autograd.grad((grad_reverse(x, .5) ** 3).sum(), x, create_graph=True)
    torch.testing.assert_close(first, -.5 * 3 * x ** 2)
    second, = torch.autograd.grad(first.sum(), x)
    torch.testing.assert_close(second, .25 * 6 * x)   # the way back passes the mirror again

def test_mirror_compiles_once_for_all_strengths():
    layer, graphs = GradientReversal(), []
    compiled = torch.compile(layer, fullgraph=True, backend=lambda graph, inputs: graphs.append(1) or graph.forward)
    for i in range(10):
        layer.lambd = i / 10
        x = torch.randn(3, requires_grad=True)
        compiled(x).sum().backward()
        torch.testing.assert_close(x.grad, torch.full((3,), -i / 10))
    assert len(graphs) == 1

def test_mirror_function_compiles_with_a_changing_number():
    compiled = torch.compile(lambda x, lambd: grad_reverse(x, lambd), fullgraph=True, backend='aot_eager')
    for i in range(10):
        x = torch.randn(3, requires_grad=True)
        compiled(x, i / 7).sum().backward()
        torch.testing.assert_close(x.grad, torch.full((3,), -i / 7))

def test_mirror_under_vmap():
    slopes = torch.func.vmap(torch.func.grad(lambda x: grad_reverse(x, .5).square().sum()))(torch.ones(4, 3))
    torch.testing.assert_close(slopes, -torch.ones(4, 3))

def test_layer_keeps_its_place_and_no_state():
    layer = GradientReversal(.25)
    assert layer.lambd == .25 and not layer.state_dict() and 'lambd=0.25' in repr(layer)

@pytest.mark.parametrize('wrong', [math.nan, math.inf, 'a', True, None, torch.ones(2)])
def test_mirror_refuses_strength(wrong):
    with pytest.raises(ValueError, match='lambd'): grad_reverse(torch.ones(2), wrong)

@pytest.mark.parametrize('wrong', [[1.], torch.ones(2, dtype=torch.int64), None])
def test_mirror_refuses_input(wrong):
    with pytest.raises(ValueError, match='x: expected'): grad_reverse(wrong)


# ---- schedule and clamp

@settings(deadline=None, max_examples=50)
@given(st.floats(0, 1), st.floats(0, 30))
def test_factor_is_equation_5(progress, alpha):
    assert factor(progress, alpha) == pytest.approx(2 / (1 + math.exp(-alpha * progress)) - 1, abs=1e-12)
    assert factor(torch.tensor(progress, dtype=double), alpha).item() == pytest.approx(factor(progress, alpha), abs=1e-12)

def test_factor_ends(): assert factor(0.) == 0 and factor(1.) == pytest.approx(.99990920) and factor(.5, 0.) == 0

@pytest.mark.parametrize('progress, alpha, name', [(-.1, 10., 'progress'), (1.1, 10., 'progress'), ('x', 10., 'progress'), (.5, -1., 'alpha'), (.5, math.inf, 'alpha'), (.5, None, 'alpha'), (True, 1., 'progress')])
def test_factor_refuses(progress, alpha, name):
    with pytest.raises(ValueError, match=name): factor(progress, alpha)

@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(0, 50), min_size=1, max_size=9), st.floats(0, 60))
def test_clamp_is_min_per_sample_before_the_mean(values, limit):
    nll = torch.tensor(values, dtype=double, requires_grad=True)
    loss = clamped_domain_loss(nll, limit)
    assert loss.item() == pytest.approx(sum(min(v, limit) for v in values) / len(values), abs=1e-9)
    loss.backward()
    for v, g in zip(values, nll.grad.tolist()):
        if v > limit: assert g == 0
        if v < limit: assert g == pytest.approx(1 / len(values))

@pytest.mark.parametrize('nll, limit, name', [(torch.ones(2, 2), 1., 'nll'), (torch.ones(0), 1., 'nll'), (torch.ones(2, dtype=torch.int64), 1., 'nll'), ([1.], 1., 'nll'), (torch.ones(2), -1., 'limit'), (torch.ones(2), math.nan, 'limit'), (torch.ones(2), 'x', 'limit')])
def test_clamp_refuses(nll, limit, name):
    with pytest.raises(ValueError, match=name): clamped_domain_loss(nll, limit)


# ---- detective and objective

def test_detective_layers():
    assert [tuple(p.shape) for p in DomainClassifier(600, 4).parameters()] == [(4, 600), (4,)]
    assert [tuple(p.shape) for p in DomainClassifier(8, 2, (16, 5)).parameters()] == [(16, 8), (16,), (5, 16), (5,), (2, 5), (2,)]

def test_detective_with_a_head_of_its_own():
    class Margin(nn.Module):
        def forward(self, x, domains): return x if domains is None else x + domains[:, None]
    detective = DomainClassifier(3, 3, head=Margin())
    x = torch.randn(2, 3)
    assert torch.equal(detective(x), x) and torch.equal(detective(x, torch.tensor([1, 2])), x + torch.tensor([[1.], [2.]]))

@pytest.mark.parametrize('args', [(0,), (8, 1), (8, 2, (0,)), (8., 2), (8, True), (8, 2, ('a',))])
def test_detective_refuses(args):
    with pytest.raises(ValueError, match='expected a whole number'): DomainClassifier(*args)


def case(dtype=double, B=12, K=5, D=3, d=4, seed=0):
    g = torch.Generator().manual_seed(seed)
    x, logits = torch.randn(B, d, generator=g, dtype=dtype, requires_grad=True), torch.randn(B, K, generator=g, dtype=dtype, requires_grad=True)
    domains = torch.arange(B) % D
    y = torch.where(domains == 0, torch.arange(B) % K, -1)
    return (x, y, domains), Output(x, logits)

def reference(batch, output, W, b, lam, limit):
    "Losses and gradients in NumPy"
    x, z, y, d = output.embedding.detach().numpy(), output.logits.detach().numpy(), batch[1].numpy(), batch[2].numpy()
    s = x @ W.T + b
    p = np.exp(s) / np.exp(s).sum(1, keepdims=True)
    nll = -np.log(p[np.arange(len(d)), d])
    q = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    rows = np.flatnonzero(y >= 0)
    delta = (p - np.eye(len(W))[d]) * (nll < limit)[:, None] / len(d)
    return -np.log(q[rows, y[rows]]).mean(), np.minimum(nll, limit).mean(), -lam * delta @ W, delta.T @ x

@pytest.mark.parametrize('scales', ['reversal', 'loss'])
@pytest.mark.parametrize('clamp', [None, 1.2])
def test_objective_against_numpy(scales, clamp):
    batch, output = case()
    objective = DomainAdversarial(DomainClassifier(4, 3), steps=50, clamp=clamp, lambd=.7, scales=scales).double()
    objective.n.fill_(12)
    share = torch.tanh(torch.tensor(12 / 50 * 5)).item()
    lam, limit = .7 * share, math.inf if clamp is None else clamp * share
    W, b = (p.detach().numpy().copy() for p in objective.classifier.parameters())
    losses = objective(batch, output)
    softmax, domain, at_x, at_W = reference(batch, output, W, b, lam, limit)
    assert losses['softmax'].item() == pytest.approx(softmax, abs=1e-10)
    assert losses['domain'].item() == pytest.approx(domain * (lam if scales == 'loss' else 1), abs=1e-6)
    losses['domain'].backward()
    np.testing.assert_allclose(output.embedding.grad, at_x, atol=1e-6)
    np.testing.assert_allclose(objective.classifier.head.weight.grad, at_W * (lam if scales == 'loss' else 1), atol=1e-6)
    assert objective.n == 13

def test_no_gradient_at_the_first_step_with_a_clamp():
    batch, output = case()
    objective = DomainAdversarial(DomainClassifier(4, 3), steps=50, clamp=5000.).double()
    objective(batch, output)['domain'].backward()
    assert output.embedding.grad.norm() == 0 and objective.classifier.head.weight.grad.norm() == 0

def test_first_step_without_a_clamp_teaches_the_detective_only():
    batch, output = case()
    objective = DomainAdversarial(DomainClassifier(4, 3), steps=50).double()
    objective(batch, output)['domain'].backward()
    assert output.embedding.grad.norm() == 0 and objective.classifier.head.weight.grad.norm() > 0

def test_lambda_zero_is_no_adaptation():
    batch, output = case()
    objective = DomainAdversarial(DomainClassifier(4, 3), alpha=None, lambd=0.).double()
    sum(objective(batch, output).values()).backward()
    assert output.embedding.grad.norm() == 0 and output.logits.grad.norm() > 0

def test_no_label_at_all_is_no_nan():
    batch, output = case()
    losses = DomainAdversarial(DomainClassifier(4, 3), alpha=None).double()((batch[0], torch.full_like(batch[1], -1), batch[2]), output)
    assert losses['softmax'] == 0 and losses['domain'].isfinite()

def test_unlabelled_pictures_teach_no_class():
    batch, output = case()
    DomainAdversarial(DomainClassifier(4, 3), alpha=None).double()(batch, output)['softmax'].backward()
    assert (output.logits.grad[batch[1] < 0] == 0).all() and (output.logits.grad[batch[1] >= 0] != 0).any()

def test_steps_are_counted_in_training_only_and_saved():
    batch, output = case()
    objective = DomainAdversarial(DomainClassifier(4, 3), steps=10).double()
    for _ in range(3): objective(batch, output)
    objective.eval()(batch, output)
    assert objective.n == 3
    other = DomainAdversarial(DomainClassifier(4, 3), steps=10).double()
    other.load_state_dict(objective.state_dict())
    assert other.schedule()[0] == objective.schedule()[0] == factor(torch.tensor(.3))
    objective.n.fill_(99)
    assert objective.schedule()[0] == factor(torch.tensor(1.))

def test_objective_compiles():
    objective, compiled_graphs = DomainAdversarial(DomainClassifier(4, 3), steps=10, clamp=2.), []
    plain = copy.deepcopy(objective)
    compiled = torch.compile(objective, backend='aot_eager', fullgraph=True)
    for _ in range(4):
        (batch, output), (_, again) = case(torch.float32), case(torch.float32)
        a, b = objective and compiled(batch, output), plain(batch, again)
        sum(a.values()).backward(); sum(b.values()).backward()
        torch.testing.assert_close(output.embedding.grad, again.embedding.grad)
    assert objective.n == plain.n == 4

def test_low_precision_accumulates_in_float32():
    batch, output = case(torch.bfloat16)
    losses = DomainAdversarial(DomainClassifier(4, 3), alpha=None).to(torch.bfloat16)(batch, output)
    assert losses['domain'].dtype == torch.float32 and losses['domain'].isfinite()

@pytest.mark.parametrize('change', [dict(steps=None), dict(steps=0), dict(steps=1.5), dict(steps=True), dict(alpha=-1.), dict(lambd=-1.), dict(lambd=math.nan), dict(clamp=-1.), dict(clamp='x'), dict(scales='both')])
def test_objective_refuses_settings(change):
    with pytest.raises(ValueError, match=next(iter(change))): DomainAdversarial(DomainClassifier(4), **{'steps': 10, **change})

def test_objective_refuses_batches():
    objective, (batch, output) = DomainAdversarial(DomainClassifier(4, 3), alpha=None).double(), case()
    with pytest.raises(ValueError, match='batch: expected'): objective(batch[:2], output)
    with pytest.raises(ValueError, match='domains: expected numbers from 0 to 2, got 0 to 7'): objective((*batch[:2], torch.where(batch[2] == 2, 7, batch[2])), output)
    with pytest.raises(ValueError, match='domains'): objective((*batch[:2], batch[2][:-1]), output)
    with pytest.raises(ValueError, match='domains'): objective((*batch[:2], batch[2].float()), output)

@pytest.mark.parametrize('alpha, n, share', [(10., 0, 0.), (10., 12, math.tanh(1.2)), (10., 99, math.tanh(5)), (None, 0, 1.), (None, 7, 1.), (0., 50, 0.)])
def test_schedule(alpha, n, share):
    for clamp in (None, 0., 3.):
        objective = DomainAdversarial(DomainClassifier(4), steps=50, alpha=alpha, lambd=.5, clamp=clamp)
        objective.n.fill_(n)
        lambd, limit = objective.schedule()
        assert lambd.shape == limit.shape == () and lambd.item() == pytest.approx(.5 * share)
        assert limit.item() == (math.inf if clamp is None else pytest.approx(clamp * share))

def test_look_changes_nothing():
    batch, output = case()
    objective = DomainAdversarial(DomainClassifier(4, 3), steps=50, clamp=3., lambd=.5).double()
    objective.n.fill_(20)
    seen = objective.look(batch, output)
    assert objective.n == 20 and objective.training and output.embedding.grad is None and objective.classifier.head.weight.grad is None
    W, b = (p.detach().numpy() for p in objective.classifier.parameters())
    lam, limit = (t.item() for t in objective.schedule())
    _, _, at_x, _ = reference(batch, output, W, b, lam, limit)
    assert seen.lambd == pytest.approx(.5 * math.tanh(2)) and seen.limit == pytest.approx(3 * math.tanh(2))
    assert seen.reversed == pytest.approx(np.linalg.norm(at_x), abs=1e-6)
    _, _, plain, _ = reference(batch, output, W, b, 1., math.inf)
    assert seen.plain == pytest.approx(np.linalg.norm(plain), abs=1e-6)


# ---- the doctor

class Small(nn.Module):
    def __init__(self, collapsed=False):
        super().__init__()
        self.features, self.classifier = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 8)), nn.Linear(8, 3)
        if collapsed: nn.init.zeros_(self.features[2].weight)

    def forward(self, x):
        x = self.features(x)
        return Output(x, self.classifier(x))

class Patient(nn.Module):
    def __init__(self, loss, outputs=2):
        super().__init__()
        self.head, self.loss = nn.Linear(8, outputs), loss

    def forward(self, batch, output): return {'domain': self.loss(self.head, output.embedding, batch[2])}

def pictures(gap=1.5, n=60):
    g = torch.Generator().manual_seed(0)
    x, d = torch.randn(2 * n, 2, generator=g), torch.arange(2).repeat_interleave(n)
    return x + gap * d[:, None], torch.arange(2 * n) % 3, d

def learn(model, objective, batch, steps=200, lr=.05, only=False):
    sgd = torch.optim.SGD([*([] if only else model.parameters()), *objective.parameters()], lr=lr)
    for _ in range(steps):
        sgd.zero_grad()
        sum(objective(batch, model(batch[0])).values()).backward()
        sgd.step()

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
    assert 'domain classifier at chance, but the domains differ' in doctor(model, objective, batch).names()
    assert 'domain classifier at chance, domains alike' in doctor(model, objective, pictures(gap=0.)).names()

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
    assert 'his loss is 0.00' in found[0].measured and '50.0% right' in found[0].measured and "cosine to the own domain's vector -1.00" in found[0].measured
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

@pytest.mark.parametrize('call, name', [(lambda m, b: doctor([]), 'subject'), (lambda m, b: doctor('model'), 'subject'), (lambda m, b: doctor(m), 'objective, batch'), (lambda m, b: doctor(m, nn.Identity(), b[:2]), 'batch'),
                                        (lambda m, b: doctor(m, Patient(PATIENTS['not reversed'][0]), b, term='adversary'), 'term'), (lambda m, b: doctor(Run([0, 1])), 'subject')])
def test_doctor_refuses(clinic, call, name):
    with pytest.raises(ValueError, match=name): call(*clinic)


# ---- with fit

def test_trains_with_fit_and_is_looked_at():
    torch.manual_seed(0)
    x, y, d = pictures()
    batches = Batches(x, torch.where(d == 0, y, -1), d, batch_size=40)
    objective = DomainAdversarial(DomainClassifier(8), steps=len(batches) * 3)
    seen = list(moments(fit(Small(), objective, batches, epochs=3, lr=.05), (x, y, d), every=2))
    assert [m.n for m in seen] == [1, 2, 4, 6, 8, 9] and objective.n == 9
    assert [m.adversary.lambd for m in seen] == pytest.approx([factor(m.n / 9) for m in seen])
    assert all(0 <= m.source <= 1 and 0 <= m.target <= 1 and 0 <= m.proxy_a <= 2 and m.embedding.shape == (120, 8) for m in seen)
    figure = adversary_figure(seen, y, d)
    assert len(figure.axes) == 6
    lines = {line.get_label(): line.get_ydata() for line in figure.axes[4].lines}
    assert list(lines['reversed, as it arrives']) == [m.adversary.reversed for m in seen]

def test_moments_refuse():
    with pytest.raises(ValueError, match='watch'): next(moments([], (1, 2)))
    with pytest.raises(ValueError, match='every'): next(moments([], (1, 2, 3), every=0))
    with pytest.raises(ValueError, match='seen'): adversary_figure([], torch.ones(1), torch.ones(1))


# ---- two processes

class Both(nn.Module):
    def __init__(self, kind):
        super().__init__()
        torch.manual_seed(0)
        self.model, head = Small(), AngularSoftmax(6, 2, s=8., m=.3) if kind == 'angular' else None
        self.objective = DomainAdversarial(DomainClassifier(8, 2, (6,), head), steps=9, lambd=.5, clamp=1.5, scales='loss' if kind == 'loss' else 'reversal')

    def forward(self, *batch): return sum(self.objective(batch, self.model(batch[0])).values())

def together(kind, share, wrap=lambda m: m):
    "Three steps on this process's share of the batches; weights and counted steps."
    both = Both(kind).double()
    net, sgd = wrap(both), torch.optim.SGD(both.parameters(), lr=.1)
    both.objective.n.fill_(3)   # at step 0 the clamp silences everybody
    for _ in range(3):
        x, y, d = pictures(n=8)
        y = torch.where(d == 0, y, -1)
        sgd.zero_grad()
        net(*(t[share] for t in (x.double(), y, d))).backward()
        sgd.step()
    return [p.detach().clone() for p in both.parameters()], both.objective.n.item()

def adversary_worker(rank, store, folder):
    torch.set_num_threads(1)
    dist.init_process_group('gloo', init_method=f'file://{store}', rank=rank, world_size=2)
    torch.save({kind: together(kind, slice(rank, None, 2), nn.parallel.DistributedDataParallel) for kind in ('reversal', 'loss', 'angular')}, f'{folder}/{rank}.pt')
    dist.destroy_process_group()

def test_two_processes_do_what_one_does(tmp_path):
    mp.spawn(adversary_worker, args=(tmp_path/'store', tmp_path), nprocs=2)
    first, second = (torch.load(tmp_path/f'{rank}.pt') for rank in (0, 1))
    for kind in first:
        alone, n = together(kind, slice(None))
        start = [p.detach() for p in Both(kind).double().parameters()]
        assert first[kind][1] == second[kind][1] == n == 6
        for ours, theirs, one, was in zip(first[kind][0], second[kind][0], alone, start):
            assert torch.equal(ours, theirs) and not torch.equal(one, was), kind
            torch.testing.assert_close(ours, one, rtol=1e-9, atol=1e-11, msg=lambda m: f'{kind}: {m}')
