"A training that is looked at: what a look says, and that it changes nothing."
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from fer_nb.backbones import Output
from fer_nb.grl import DomainAdversarial, DomainClassifier, adversary_figure, factor, moments
from fer_nb.training import Batches, fit
from grl_patients import Small, pictures


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
    with pytest.raises(ValueError, match='watch: expected .x, y, domains., got 2 things'): next(moments([], (1, 2)))
    with pytest.raises(ValueError, match='watch: expected .x, y, domains., got 5'): next(moments([], 5))
    with pytest.raises(ValueError, match='every'): next(moments([], (1, 2, 3), every=0))
    with pytest.raises(ValueError, match='seen'): adversary_figure([], torch.ones(1), torch.ones(1))

def test_when_a_look_is_taken():
    x, y, d = torch.rand(20, 4), torch.zeros(20, dtype=torch.int64), torch.arange(20) % 2
    model, objective = Knows(0), DomainAdversarial(DomainClassifier(2), alpha=None)
    steps = [SimpleNamespace(n=n, total=45, model=model, objective=objective) for n in range(1, 46)]
    assert [m.n for m in moments(steps, (x, y, d))] == [1, 20, 40, 45]

class Knows(nn.Module):
    "Names the class of every picture of the domains it knows, and a wrong one for the others."
    def __init__(self, *domains):
        super().__init__()
        self.weight, self.domains = nn.Parameter(torch.ones(1)), torch.tensor(domains)

    def forward(self, x):
        right, domain = x[:, 0].long(), x[:, 1].long()
        said = torch.where(torch.isin(domain, self.domains), right, (right + 1) % 3)
        return Output(self.weight * torch.stack([x[:, 2], x[:, 3]], 1), nn.functional.one_hot(said, 3).float())

def asked(known, domains, share=1.):
    "Who knows these domains, seen on pictures of those; a share of the first domain's labels is true."
    d = torch.tensor(domains)
    y = torch.arange(len(d)) % 3
    x = torch.cat([torch.stack([y, d], 1).float(), torch.randn(len(d), 2)], 1)
    mine = (d == min(domains)).nonzero()[:, 0]
    wrong = mine[:round(len(mine) * (1 - share))]
    labels = y.clone()
    labels[wrong] = (y[wrong] + 2) % 3
    step = SimpleNamespace(n=1, total=1, model=Knows(*known), objective=DomainAdversarial(DomainClassifier(2, 4), alpha=None))
    return next(moments([step], (x, labels, d)))

@pytest.mark.parametrize('domains', [[0] * 8 + [1] * 24, [3] * 12 + [1] * 20, [2, 1, 3, 1] * 6])
def test_source_is_the_domain_of_the_smallest_number(domains):
    source, others = min(domains), set(domains) - {min(domains)}
    seen = asked([source], domains)
    assert (seen.source, seen.target) == (1, 0)
    seen = asked(others, domains)
    assert (seen.source, seen.target) == (0, 1)
    seen = asked([0, 1, 2, 3], domains, share=.75)
    assert (seen.source, seen.target) == (.75, 1)

def test_a_training_on_the_source_knows_the_source():
    "Two laboratories whose classes are swapped: whoever learns one is always wrong in the other."
    torch.manual_seed(0)
    x, y, d = torch.randn(90, 2), torch.arange(90) % 3, torch.arange(90) // 45
    x = .1 * x + 3 * nn.functional.one_hot((y + d) % 3, 3).float()[:, :2]
    objective = DomainAdversarial(DomainClassifier(8), alpha=None, lambd=0.)
    steps = fit(Small(), objective, Batches(x, torch.where(d == 0, y, -1), d, batch_size=30), epochs=30, lr=.2)
    *_, last = moments(steps, (x, y, d), every=1000)
    assert last.source > .95 and last.target < .05

def looked_at(train):
    "One look at a training step with a frozen BatchNorm; everything that could have changed, before and after."
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.BatchNorm1d(8), nn.Dropout(.5))
    head = nn.Sequential(nn.Linear(8, 4), nn.BatchNorm1d(4), nn.Dropout(.5), nn.Linear(4, 2))
    model.train(train), model[1].eval()
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = model
        def forward(self, x): return Output(self.body(x), self.body(x)[:, :3])
    class Head(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = head
        def forward(self, x, domains=None): return self.layers(x)
    net = Net().train(train)
    model[1].eval()
    objective = DomainAdversarial(DomainClassifier(8, head=Head()), alpha=None)
    everybody = [*net.modules(), *objective.modules()]
    def state(): return ([m.training for m in everybody], [t.clone() for t in (*net.state_dict().values(), *objective.state_dict().values())])
    before = state()
    step = SimpleNamespace(n=1, total=1, model=net, objective=objective)
    seen = [next(moments([step], pictures())) for _ in range(2)]
    return before, state(), seen, [p.grad for p in (*net.parameters(), *objective.parameters())]

@pytest.mark.parametrize('train', [True, False])
def test_a_look_changes_nothing(train):
    (modes, values), (modes_after, values_after), seen, gradients = looked_at(train)
    assert modes == modes_after and all(map(torch.equal, values, values_after))
    assert all(g is None for g in gradients)
    assert seen[0].adversary == seen[1].adversary and torch.equal(seen[0].embedding, seen[1].embedding)   # no dropout in either

@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
@pytest.mark.parametrize('where', ['cpu', 'cuda'])
def test_watched_pictures_may_be_on_any_device(where):
    x, y, d = pictures()
    batches, objective = Batches(x, torch.where(d == 0, y, -1), d, batch_size=40), DomainAdversarial(DomainClassifier(8), steps=6)
    seen = list(moments(fit(Small(), objective, batches, epochs=2), tuple(t.to(where) for t in (x, y, d)), every=2))
    assert [m.n for m in seen] == [1, 2, 4, 6] and all(m.embedding.device.type == 'cpu' for m in seen)
    figure = adversary_figure(seen, y.to(where), d.to(where))
    assert len(figure.axes) == 6

def test_the_distance_is_that_of_the_two_domains():
    "Pictures of one domain are bright: no network at its start makes them alike"
    torch.manual_seed(0)
    x, y, d = pictures()
    x = x + 9 * (d > 0).reshape(-1, *[1] * (x.dim() - 1))
    step, = (s for s in fit(Small(), DomainAdversarial(DomainClassifier(8), steps=1), Batches(x, y, d, batch_size=len(x)), epochs=1))
    seen, = moments([step], (x, y, d))
    assert seen.mmd > .3 and seen.proxy_a > 1.5
