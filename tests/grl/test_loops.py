"Loops of other people, watched: named rightly, changed in nothing."
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.modules import module as hooks
from torch.optim import optimizer as optim_hooks

from fer_nb.grl import doctor, grad_reverse, watch
from fer_nb.grl.loops import (_errors_apart, _heard, _Loss, _normalized, _tensors, _tried,
                              _weigh, _which)
from fer_nb.grl.steps import Slopes

def network(norm=False): return nn.Sequential(nn.Linear(4, 16), *([nn.BatchNorm1d(16)] if norm else []), nn.ReLU())

def batches(steps, seed=0):
    g = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        d = torch.arange(32) % 2
        yield torch.randn(32, 4, generator=g) + 2 * d[:, None], torch.randint(3, (32,), generator=g), d

def run(answer, loss=nn.CrossEntropyLoss(), outputs=2, weight=1., own=True, body=True, split=False, norm=False, steps=12, every=5, target=lambda d: d, head=None, frozen=False, lr=.05, zero=True, classes=lambda z: z):
    "A loop; what the doctor says of it."
    torch.manual_seed(0)
    model, critic, label = network(norm), head() if head else nn.Linear(16, outputs), nn.Linear(16, 3)
    model.requires_grad_(not frozen)
    optimizer = torch.optim.SGD([p for m, some in ((model, body), (critic, own), (label, True)) if some for p in m.parameters()], lr=lr)
    with watch(model, head=critic, every=every) as w:
        for x, y, d in batches(steps):
            if split: x, y, d = (torch.cat([t[d == 0], t[d == 1]]) for t in (x, y, d))
            z = torch.cat([model(x[:16]), model(x[16:])]) if split else model(x)
            out = answer(critic, z)
            total = F.cross_entropy(label(classes(z)), y) + weight * loss(out.squeeze(1) if outputs == 1 else out, target(d).float() if outputs == 1 else target(d))
            if zero: optimizer.zero_grad()
            total.backward()
            optimizer.step()
    assert w.steps == steps == len(w.curves['domain']) and 'gradient at backbone' in w.curves
    return doctor(w)

def mirror(critic, z): return critic(grad_reverse(z, .3))

@pytest.mark.parametrize('name, ask', [
    ('not reversed', dict(answer=lambda c, z: c(z))), ('domain classifier reversed too', dict(answer=lambda c, z: grad_reverse(c(z)))), ('domain classifier reversed too', dict(answer=lambda c, z: c(z), weight=-.3)),
    ('not reversed', dict(answer=mirror, weight=-1.)), ('no gradient to the features', dict(answer=lambda c, z: c(z.detach()))), ('λ near 0', dict(answer=lambda c, z: c(grad_reverse(z, 1e-6)))),
    ('λ far too large', dict(answer=lambda c, z: c(grad_reverse(z, 1.)), weight=200., steps=1)), ('λ applied twice', dict(answer=mirror, weight=.3)), ('softmax before cross-entropy', dict(answer=lambda c, z: mirror(c, z).softmax(1))),
    ('optimizer lacks the domain classifier', dict(answer=mirror, own=False)), ('optimizer lacks the backbone', dict(answer=mirror, body=False)), ('one domain only', dict(answer=mirror, target=lambda d: 0 * d)),
    ('statistics kept apart', dict(answer=mirror, split=True, norm=True)), ('frozen backbone', dict(answer=mirror, frozen=True)), ('domain classifier reversed too', dict(answer=lambda c, z: c(z), weight=-.3, outputs=1, loss=F.binary_cross_entropy_with_logits)),
    ('logarithm missing', dict(answer=lambda c, z: mirror(c, z).softmax(1), loss=nn.NLLLoss())), ('logarithm missing', dict(answer=mirror, loss=nn.NLLLoss())), ('gradients pile up', dict(answer=mirror, zero=False)),
    ('softmax before cross-entropy', dict(answer=lambda c, z: mirror(c, z).sigmoid(), outputs=1, loss=F.binary_cross_entropy_with_logits)), ('λ near 0', dict(answer=lambda c, z: c(grad_reverse(z, 0.)))),
    ('class loss reversed', dict(answer=mirror, classes=lambda z: grad_reverse(z, .3)))])
def test_named(name, ask): assert name in run(**ask).names()

def test_a_wrong_loss_is_not_taken_for_a_wrong_mirror():
    for loss in (dict(answer=lambda c, z: mirror(c, z).sigmoid(), outputs=1, loss=F.binary_cross_entropy_with_logits), dict(answer=mirror, loss=nn.NLLLoss())): assert len(run(**loss).names()) == 1

@pytest.mark.parametrize('ask', [dict(answer=mirror), dict(answer=mirror, split=True), dict(answer=mirror, norm=True), dict(answer=mirror, outputs=1, loss=F.binary_cross_entropy_with_logits), dict(answer=lambda c, z: mirror(c, z).log_softmax(1), loss=nn.NLLLoss()),
                                 dict(answer=lambda c, z: mirror(c, z).sigmoid(), outputs=1, loss=F.binary_cross_entropy), dict(answer=mirror, head=lambda: nn.Sequential(nn.Linear(16, 8), nn.Dropout(.3), nn.ReLU(), nn.Linear(8, 2)))])
def test_sent_home(ask): assert run(**ask) == []

@pytest.mark.parametrize('ask', [dict(target=lambda d: F.one_hot(d, 2).float()), dict(target=lambda d: .8 * F.one_hot(d, 2) + .1), dict(answer=lambda c, z: mirror(c, z).log_softmax(1), loss=lambda p, d: F.nll_loss(p.double(), d))])
def test_targets_and_widths_of_other_people(ask): assert run(**dict(answer=mirror) | ask) == []

@pytest.mark.parametrize('steps, names', [(1, []), (12, ['λ near 0'])])
def test_a_schedule_may_begin_at_zero(steps, names): assert run(answer=lambda c, z: c(grad_reverse(z, 0.)), steps=steps).names() == names

@pytest.mark.parametrize('zero, names', [(True, []), (False, ['gradients pile up'])])
@pytest.mark.parametrize('critic_first', [True, False])
def test_two_sides_in_turns_and_who_forgets_to_begin_anew(zero, names, critic_first):
    torch.manual_seed(0)
    model, critic, label = network(), nn.Linear(16, 1), nn.Linear(16, 3)
    ours, its = (torch.optim.SGD([p for m in some for p in m.parameters()], lr=.05) for some in ((model, label), (critic,)))
    with watch(model, head=critic, every=4) as w:
        for x, y, d in batches(20):
            for turn in (critic_first, not critic_first):
                if turn:
                    if zero: its.zero_grad()
                    F.binary_cross_entropy_with_logits(critic(model(x).detach())[:, 0], d.float()).backward()
                    its.step()
                else:
                    ours.zero_grad()
                    z = model(x)
                    (F.cross_entropy(label(z), y) + .3 * F.binary_cross_entropy_with_logits(critic(z)[:, 0], 1 - d.float())).backward()
                    ours.step()
    assert w.slopes and doctor(w).names() == names

def test_another_adversary_with_a_mirror_of_its_own_is_no_class_loss():
    torch.manual_seed(0)
    model, critic, other, label = network(), nn.Linear(16, 2), nn.Linear(16, 2), nn.Linear(16, 3)
    optimizer = torch.optim.SGD([p for m in (model, critic, other, label) for p in m.parameters()], lr=.05)
    with watch(model, head=critic, every=5) as w:
        for x, y, d in batches(12):
            z = model(x)
            total = F.cross_entropy(label(z), y) + F.cross_entropy(mirror(critic, z), d) + F.cross_entropy(mirror(other, z), d)
            optimizer.zero_grad()
            total.backward()
            optimizer.step()
    assert set(w.turned) == {True, False} and doctor(w) == []

@pytest.mark.parametrize('steps, names', [(12, []), (49, []), (50, ['domain loss stuck'])])
def test_a_loop_that_has_just_begun_is_not_stuck(steps, names):
    def guessing():
        head = nn.Linear(16, 2)
        nn.init.zeros_(head.weight), nn.init.zeros_(head.bias)
        return head
    assert run(answer=mirror, head=guessing, lr=1e-4, steps=steps).names() == names

def test_one_trial_step_of_many_does_not_decide():
    turned, right = Slopes(.01, -.01, 1., .3), Slopes(-.3, .2, 1., .3)
    assert _tried([right, right, turned], False) == [] == _tried([], False) and len(_tried([turned, turned, right], False)) == 2
    faint = Slopes(-.3, .2, 1., 1e-6)
    assert [f.name for f in _tried([faint], False)] == ['λ near 0'] and _tried([faint], True) == []

class Dann(nn.Module):
    "Everything in one model, with a loss for source and one for target: the commonest loop."
    def __init__(self, sign):
        super().__init__()
        self.f, self.c, self.d, self.sign = network(), nn.Linear(16, 3), nn.Linear(16, 2), sign

    def forward(self, x, alpha=.5):
        z = self.f(x)
        return self.c(z), self.d(self.sign * grad_reverse(z, alpha) + (1 - self.sign) * z)

@pytest.mark.parametrize('sign, names', [(1, []), (0, ['not reversed'])])
def test_a_domain_classifier_inside_the_model(sign, names):
    torch.manual_seed(0)
    model, adam = Dann(sign), None
    adam = torch.optim.Adam(model.parameters(), lr=1e-3)
    with watch(model, head=model.d, every=1) as w:
        for x, y, d in batches(5):
            classes, source = model(x[d == 0], alpha=.5)
            _, target = model(x[d == 1], alpha=.5)
            loss = F.cross_entropy(classes, y[d == 0]) + F.cross_entropy(source, d[d == 0]) + F.cross_entropy(target, d[d == 1])
            adam.zero_grad()
            loss.backward()
            adam.step()
    assert doctor(w).names() == names and len(w.slopes) == 5

def test_nothing_changes_and_nothing_stays():
    ends = []
    for every in (None, 1):
        torch.manual_seed(3)
        model, critic = nn.Sequential(network(norm=True), nn.Dropout(.5)), nn.Linear(16, 2)
        adam = torch.optim.Adam([*model.parameters(), *critic.parameters()])
        def go():
            for x, _, d in batches(6):
                adam.zero_grad()
                F.cross_entropy(critic(grad_reverse(model(x))), d).backward()
                adam.step()
        if every:
            with watch(model, head=critic, every=every) as w: go()
            assert len(w.slopes) == 6
        else: go()
        ends.append([*model.state_dict().values(), *critic.state_dict().values(), torch.get_rng_state()])
    assert all(map(torch.equal, *ends))
    assert not model._forward_hooks and not model._forward_pre_hooks and not critic._forward_hooks and not model[0][1]._forward_pre_hooks
    assert not optim_hooks._global_optimizer_pre_hooks and not hooks._global_forward_pre_hooks and w.calls == w.losses == []

def test_losses_of_single_samples():
    torch.manual_seed(0)
    model, critic = network(), nn.Linear(16, 2)
    sgd = torch.optim.SGD([*model.parameters(), *critic.parameters()], lr=.01)
    (x, _, d), = batches(1)
    with watch(model, head=critic, every=1) as w:
        z = model(x)
        two = [F.cross_entropy(critic(grad_reverse(z[some])), d[some], reduction='none') for some in (slice(0, 16), slice(16, 32))]
        (two[0].mean() + two[1].mean()).backward()
        sgd.step()
    assert w.curves['domain'] == pytest.approx([torch.cat(two).mean().item()])
    w0 = torch.tensor([1., 2.], requires_grad=True)
    w0.grad = torch.tensor([3., 6.])
    assert _weigh(Slopes(-1., 2., 1., .5), [w0], [torch.tensor([1., 2.])]) == Slopes(-1., 2., pytest.approx(3.), pytest.approx(1.5))

def test_gradients_of_a_second_loss_are_added():
    "As means: a loss may come as one value a sample."
    p = nn.Parameter(torch.ones(2))
    w = SimpleNamespace(odd=None, due=9, losses=[], ways=[], backbone=[], steps=1, every=2, trial=('slopes', [p], [torch.tensor([1., 1.])]))
    _heard(w, _Loss(torch.stack([2 * p[0], 4 * p[1]]), torch.zeros(2, 2), torch.zeros(2), 'nll_loss'))
    assert w.trial[2][0].tolist() == [2, 3]

def test_errors_apart_by_hand():
    a, b = torch.zeros(1), torch.ones(1)
    assert _errors_apart((a, 4 * b, 16), (b, 9 * b, 36)) == pytest.approx(2 ** .5) and _errors_apart((a, a, 2), (b, a, 2)) == pytest.approx(1e6)

@pytest.mark.parametrize('shape', [(3, 2), (3, 2, 4), (3, 2, 2, 2)])
def test_what_a_normalization_gets(shape):
    w, x = SimpleNamespace(paused=False, means={}), torch.arange(float(torch.Size(shape).numel())).reshape(shape)
    _normalized(w, norm := nn.BatchNorm1d(2), x)
    (mean, var, n), = w.means[id(norm)]
    rows = x.reshape(3, 2, -1).mean(2)
    assert mean.tolist() == rows.mean(0).tolist() and var.tolist() == rows.var(0).tolist() and n == 3

def watched(steps):
    "A reversed head, watched for so many steps"
    model, critic = network(), nn.Linear(16, 2)
    sgd = torch.optim.SGD([*model.parameters(), *critic.parameters()], lr=.01)
    with watch(model, head=critic) as w:
        for x, _, d in batches(steps):
            sgd.zero_grad()
            F.cross_entropy(mirror(critic, model(x)), d).backward()
            sgd.step()
    return w

def test_only_the_last_trial_step_counts():
    w = watched(2)
    w.slopes = [Slopes(1., -1., 1., 1.), Slopes(-1., 1., 1., .3)]
    assert doctor(w) == []

def test_hooks_go_when_the_loop_fails():
    model, critic = network(), nn.Linear(16, 2)
    with pytest.raises(ZeroDivisionError), watch(model, head=critic): 1 / 0
    assert not model._forward_hooks and not optim_hooks._global_optimizer_pre_hooks

@pytest.mark.parametrize('call, name', [(lambda m: watch(3, head=m), 'model'), (lambda m: watch(m, head=len), 'head'), (lambda m: watch(m, m, every=0), 'every')])
def test_refuses(call, name):
    with pytest.raises(ValueError, match=name), call(nn.Linear(2, 2)): pass

def test_a_loop_that_does_nothing():
    with watch(network(), head=nn.Linear(16, 2)) as w: pass
    with pytest.raises(ValueError, match='an optimizer took a step'): doctor(w)
    assert repr(w) == 'Watched(0 steps, 0 trial steps)'

@pytest.mark.parametrize('apart, found', [([4.9] * 4, False), ([5.1] * 4, True), ([5.1] * 2, False), ([5.1] * 3, True)])
def test_how_far_apart_means_are(apart, found):
    w = watched(4)
    w.apart = apart
    assert doctor(w).names() == ['statistics kept apart'] * found

def test_outputs_of_any_shape_are_looked_through():
    a, b, c = torch.ones(2, 3), torch.zeros(2, 1), torch.ones(2)
    assert [id(t) for t in _tensors((a, {'x': b, 'n': 3, 'none': None}, [c]))] == [id(a), id(b)] # c has no row for each sample

def test_which_call_gave_the_answers():
    asked = [(None, None, torch.arange(4.)[:, None]), (None, None, torch.ones(4, 1)), (None, None, torch.ones(3, 1))]
    assert [_which(asked, answers) for answers in (torch.arange(4.), torch.ones(4, 1), torch.ones(3), torch.zeros(4))] == [0, 1, 2, -1]

class Pair(nn.Module):
    "Gives features and logits, as most do."
    def __init__(self):
        super().__init__()
        self.f, self.c = network(), nn.Linear(16, 3)

    def forward(self, x):
        z = self.f(x)
        return z, self.c(z)

def apart(step, together=True, steps=60, every=3):
    "A loop with source and target one after the other, and an optimizer for each side or one for both; what the doctor says of it."
    torch.manual_seed(0)
    model, critic = Pair(), nn.Linear(16, 2)
    features, own = torch.optim.SGD(model.parameters(), lr=.02), torch.optim.SGD(critic.parameters(), lr=.1)
    if together: features.add_param_group(dict(params=[*critic.parameters()]))
    with watch(model, head=critic, every=every) as w:
        for x, y, d in batches(steps): step(model, critic, x, y, d, features, own)
    return doctor(w)

def descend(loss, *optimizers):
    for o in optimizers: o.zero_grad()
    loss.backward()
    for o in optimizers: o.step()

def below(way, blind=()):
    "Features of source and target below each other; those of the domains in `blind` have no way back."
    def step(model, critic, x, y, d, features, own):
        z, known = [], []
        for k in (0, 1):
            with torch.set_grad_enabled(k not in blind): out = model(x[d == k])
            z.append(out[0])
            if k == 0: classes = F.cross_entropy(out[1], y[d == k]) if k not in blind else 0
            known.append(d[d == k])
        descend(classes + F.cross_entropy(way(critic, torch.cat(z)), torch.cat(known)), features)
    return step

def in_two_losses(model, critic, x, y, d, features, own):
    "A loss for each domain; the target goes through under no_grad."
    z, logits = model(x[d == 0])
    with torch.no_grad(): other, _ = model(x[d == 1])
    descend(F.cross_entropy(logits, y[d == 0]) + F.cross_entropy(mirror(critic, z), d[d == 0]) + F.cross_entropy(mirror(critic, other), d[d == 1]), features)

def answers_below(way):
    "A call of the domain classifier for each domain, and one loss of both answers."
    def step(model, critic, x, y, d, features, own):
        (z, logits), (other, _) = model(x[d == 0]), model(x[d == 1])
        answers = torch.cat([way(critic, z), way(critic, other)])
        descend(F.cross_entropy(logits, y[d == 0]) + F.cross_entropy(answers, torch.cat([d[d == 0], d[d == 1]])), features)
    return step

def turns(labels):
    "The domain classifier's step, then one of the features alone, with other labels."
    def step(model, critic, x, y, d, features, own):
        descend(F.cross_entropy(critic(model(x)[0].detach()), d), own)
        z, logits = model(x)
        descend(F.cross_entropy(logits[d == 0], y[d == 0]) + .3 * F.cross_entropy(critic(z), labels(d)), features)
    return step

def only_the_target(model, critic, x, y, d, features, own):
    "As in ADDA: the target is to be taken for the source."
    descend(F.cross_entropy(critic(model(x)[0].detach()), d), own)
    (_, logits), (z, _) = model(x[d == 0]), model(x[d == 1])
    descend(F.cross_entropy(logits, y[d == 0]) + .3 * F.cross_entropy(critic(z), 0 * d[d == 1]), features)

def at_once(way):
    "One loss, a step of each optimizer."
    def step(model, critic, x, y, d, features, own):
        z, logits = model(x)
        descend(F.cross_entropy(logits[d == 0], y[d == 0]) + F.cross_entropy(way(critic, z), d), features, own)
    return step

def bare(critic, z): return critic(z)

@pytest.mark.parametrize('step, together, names', [
    (below(mirror), True, []), (below(bare), True, ['not reversed']), (below(mirror, [1]), True, ['no gradient to the features']), (below(mirror, [0]), True, ['no gradient to the features']),
    (in_two_losses, True, ['no gradient to the features']), (answers_below(mirror), True, []), (answers_below(lambda c, z: c(z.detach())), True, ['no gradient to the features']),
    (turns(lambda d: 1 - d), False, []), (only_the_target, False, []), (turns(lambda d: d), False, ['not reversed']),
    (at_once(mirror), False, []), (at_once(bare), False, ['not reversed'])])
def test_source_and_target_and_whose_turn_it_is(step, together, names): assert apart(step, together).names() == names

def test_a_curve_is_one_of_the_domain_classifiers_turns():
    "Between them the loss is that of the changed labels: no oscillation."
    def step(model, critic, x, y, d, features, own):
        descend(F.cross_entropy(critic(model(x)[0].detach()), d), own)
        descend(4 * F.cross_entropy(critic(model(x)[0]), 1 - d), features)
    for steps in (6, 9, 60): assert 'domain loss oscillates' not in apart(step, together=False, steps=steps).names()
