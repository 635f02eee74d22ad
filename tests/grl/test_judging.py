"How good is the domain classifier: at chance and why, saturated, exploding; the limits are in test_doctor."
import math
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from fer_nb.grl.judging import after_own_steps, guesses, hits, judge
from fer_nb.grl.patient import Call

D = torch.arange(60) % 2

def asked(head, x): return Call(head, (x,), head(x))

@pytest.fixture
def x():
    torch.manual_seed(0)
    return torch.randn(60, 4) + 3 * D[:, None]

def blind():
    head = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    nn.init.constant_(head[0].bias, -100.)
    return head

@pytest.mark.parametrize('z, kind, right', [([[1., 0.], [1., 0.]], 'logits', [True, False]), ([.2, .2], 'logits', [False, True]), ([.2, .8], 'probabilities', [True, True]), ([[-1.], [.3]], 'logits', [True, True]), ([0., 0.], 'logits', [True, False]), ([.5, .5], 'probabilities', [True, False])])
def test_hits(z, kind, right): assert hits(torch.tensor(z), torch.tensor([0, 1]), kind).tolist() == right

def test_own_steps_help_whom_can_learn(x):
    for head, better in ((nn.Linear(4, 2), True), (nn.Linear(4, 1), True), (blind(), False)):
        before, grads = [p.detach().clone() for p in head.parameters()], [setattr(p, 'grad', torch.ones_like(p)) for p in head.parameters()]
        assert (after_own_steps(asked(head, x), D) > .9) == better
        assert all(map(torch.equal, before, head.parameters())) and all(p.grad.eq(1).all() for p in head.parameters()) and len(grads) == len(before)

def test_own_steps_are_small(x):
    "A hundred of .05 do not get over a bias of −20."
    head = nn.Linear(4, 1)
    nn.init.zeros_(head.weight), nn.init.constant_(head.bias, -20.)
    assert after_own_steps(asked(head, torch.zeros(60, 4)), D) == .5 and after_own_steps(asked(head, D[:, None].float().expand(60, 4) / 4), D) == .5

def test_a_head_that_wants_more_arguments(x):
    class Two(nn.Linear):
        def forward(self, x, *, alpha): return super().forward(x)
    head = Two(4, 2)
    assert after_own_steps(Call(head, (x,), head(x, alpha=1)), D) is None

def test_guesses_of_a_silent_head(x):
    head = nn.Linear(4, 2)
    with torch.no_grad(): head.weight.zero_(), head.bias.copy_(torch.tensor([.1, 0.]))
    seen = guesses(asked(head, x), D)
    assert seen.accuracy == seen.chance == .5 and seen.guessing == pytest.approx(math.log(2)) and seen.nll == pytest.approx(math.log(2), rel=.01) and seen.counts.tolist() == [30, 30]

def test_domains_that_have_no_samples():
    "They are counted, and it is no matter of guessing that they are known; of a single domain two are assumed."
    three, one = nn.Linear(4, 3), nn.Linear(4, 1)
    seen = guesses(asked(three, torch.randn(60, 4)), D)
    assert seen.counts.tolist() == [30, 30, 0] and seen.guessing == pytest.approx(math.log(2))
    alone = guesses(Call(one, (torch.randn(60, 4),), torch.zeros(60)), 0 * D)
    assert alone.counts.tolist() == [60, 0] and alone.guessing == pytest.approx(math.log(2)) and alone.chance == 1
    nn.init.zeros_(three.weight)
    assert len(judge(asked(three, torch.randn(60, 4)), D)) == 1

def test_the_commonest_domain_is_held_against_the_others(monkeypatch):
    sizes, d = [], torch.tensor([0] * 6 + [1] * 9 + [2] * 5)
    monkeypatch.setattr('fer_nb.embeddings.domain_distance', lambda a, b: sizes.append((len(a), len(b))) or SimpleNamespace(proxy_a=0.))
    head = nn.Linear(4, 3)
    nn.init.zeros_(head.weight)
    assert len(judge(asked(head, torch.randn(20, 4)), d)) == 1 and sizes == [(9, 11)]

def test_the_gradient_at_the_embeddings(x):
    head = nn.Linear(4, 2)
    assert guesses(asked(head, x.requires_grad_()), D).plain > 0 and guesses(asked(head, x.detach()), D).plain == 0

@pytest.mark.parametrize('head, x_of, name', [(blind, lambda x: x, 'but the domains differ'), (lambda: nn.Linear(4, 2), lambda x: x - 3 * D[:, None], 'domains alike')])
def test_why_it_guesses(x, head, x_of, name):
    head = head()
    if isinstance(head, nn.Linear): nn.init.zeros_(head.weight)
    found, = judge(asked(head, x_of(x)), D)
    assert found.name == f'domain classifier at chance, {name}' and ('; after 100 steps of its own 50.0%' in found.measured) == ('differ' in name)
