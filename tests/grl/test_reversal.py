"Gradient reversal, schedule, clamping, and the adversarial objective, alone and in two processes."
import copy
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import nn
from torch.nn import functional as F

from fer_nb.angular_softmax import AngularSoftmax
from fer_nb.backbones import Output
from fer_nb.grl import (DomainAdversarial, DomainClassifier, GradientReversal, clamped_domain_loss, factor, grad_reverse)
from grl_patients import Small, pictures

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

def test_strength_of_its_own():
    x = torch.ones(2, requires_grad=True)
    assert torch.autograd.grad(grad_reverse(x).sum(), x)[0].tolist() == [-1, -1]
    objective = DomainAdversarial(DomainClassifier(4), steps=10)
    objective.n.fill_(5)
    assert objective.schedule()[0].item() == pytest.approx(math.tanh(2.5)) and objective.schedule()[1] == math.inf

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

def test_layer_keeps_its_place_and_its_strength():
    layer, other = GradientReversal(.3), GradientReversal(1.)
    assert layer.lambd == .3 and list(layer.state_dict()) == ['_lambd'] and 'lambd=0.3' in repr(layer)
    other.load_state_dict(layer.state_dict())
    assert other.lambd == .3
    other.load_state_dict({})                                      # of a time when it was not saved
    assert other.lambd == .3
    other.reset_parameters()
    assert other.lambd == 1.

def test_strength_survives_deferred_initialization():
    "Meta device, `to_empty`, then either the state or `reset_parameters`, as Hugging Face and FSDP do."
    state = nn.Sequential(GradientReversal(.3)).state_dict()
    for fill in (lambda net: net.load_state_dict(state), lambda net: net[0].reset_parameters()):
        with torch.device('meta'): net = nn.Sequential(GradientReversal(.3))
        net.to_empty(device='cpu')
        net[0]._lambd.fill_(-80399.5)                              # whatever lay in memory
        fill(net)
        assert net[0].lambd == .3

@pytest.mark.parametrize('dtype', [torch.float64, torch.float32, torch.bfloat16])
def test_strength_is_exact_in_the_dtype_of_the_input(dtype):
    x = torch.ones(3, dtype=dtype, requires_grad=True)
    for layer in (GradientReversal(.3), GradientReversal(.3).to(dtype), GradientReversal(.3).half(), lambda x: grad_reverse(x, .3)):
        gradient, = torch.autograd.grad(layer(x).sum(), x)
        assert torch.equal(gradient, torch.full((3,), -.3, dtype=torch.float64).to(dtype))

def test_a_layer_that_works_in_place_may_follow():
    net = nn.Sequential(nn.Linear(4, 4), GradientReversal(.5), nn.ReLU(inplace=True), nn.Linear(4, 2))
    x = torch.randn(3, 4)
    net(x).sum().backward()
    plain = nn.Sequential(net[0], nn.ReLU(), net[3])
    wanted, = torch.autograd.grad(plain(x).sum(), net[0].weight)
    torch.testing.assert_close(net[0].weight.grad, -.5 * wanted)

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

@pytest.mark.parametrize('label', [0, 3])
def test_one_label_counts_whole(label):
    (x, y, d), output = case()
    y = torch.full_like(y, -1)
    y[4] = label
    losses = DomainAdversarial(DomainClassifier(4, 3), alpha=None).double()((x, y, d), output)
    torch.testing.assert_close(losses['softmax'], F.cross_entropy(output.logits[4:5], y[4:5]))

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
    objective = DomainAdversarial(DomainClassifier(4, 3), steps=10, clamp=2.)
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

def test_a_schedule_without_its_number_of_steps():
    with pytest.raises(ValueError, match="steps: expected the schedule's number of steps, or alpha=None, got None"): DomainAdversarial(DomainClassifier(4))

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


def test_the_schedule_can_follow_an_optimizer():
    "With accumulation over two batches the third step is n = 3, not 6"
    (batch, output), steps = case(), []
    objective = DomainAdversarial(DomainClassifier(4, 3), steps=50).double()
    optimizer = torch.optim.SGD(objective.parameters(), lr=.1)
    objective.follow(optimizer)
    for i in range(6):
        sum(objective(batch, output).values()).backward(retain_graph=True)
        if i % 2: optimizer.step(), optimizer.zero_grad()
        steps.append(objective.n.item())
    assert steps == [0, 1, 1, 2, 2, 3]
    with pytest.raises(ValueError, match='optimizer: expected a torch.optim.Optimizer, got list'): objective.follow([])

def test_looking_without_gradients_counts_no_step():
    (batch, output), objective = case(), DomainAdversarial(DomainClassifier(4, 3), steps=50).double()
    with torch.no_grad(): objective(batch, output)
    assert objective.n == 0
    objective(batch, output)
    assert objective.n == 1
    objective.reset_parameters()
    assert objective.n == 0


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

SHARES = {'every second': [slice(0, None, 2), slice(1, None, 2)], 'two and six': [slice(0, 2), slice(2, None)], 'one has no label': [slice(1, 2), slice(2, None)]}

def train_shares(rank, shares): return {kind: together(kind, SHARES[shares][rank], nn.parallel.DistributedDataParallel) for kind in ('reversal', 'loss', 'angular')}

@pytest.mark.parametrize('shares', SHARES)
@pytest.mark.slow
def test_two_processes_do_what_one_does(ddp, shares):
    first, second = ddp(train_shares, shares)
    for kind in first:
        alone, n = together(kind, slice(1 if shares == 'one has no label' else 0, None))
        start = [p.detach() for p in Both(kind).double().parameters()]
        assert first[kind][1] == second[kind][1] == n == 6
        for ours, theirs, one, was in zip(first[kind][0], second[kind][0], alone, start):
            assert torch.equal(ours, theirs) and not torch.equal(one, was), kind
            torch.testing.assert_close(ours, one, rtol=1e-9, atol=1e-11, msg=lambda m: f'{kind}: {m}')
