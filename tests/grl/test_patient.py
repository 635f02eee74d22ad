"What the doctor sees of anybody's model and objective, and that it leaves both alone."
from dataclasses import dataclass
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fer_nb.backbones import Output
from fer_nb.grl import grad_reverse
from fer_nb.grl.patient import Kept, domain_terms, head_call, leaves, look, mirrored, parts, swapped, untouched


@pytest.fixture
def layers():
    torch.manual_seed(0)
    return nn.ModuleDict(dict(f=nn.Linear(2, 4), c=nn.Linear(4, 3), h=nn.Linear(4, 2)))

X, Y, D = torch.randn(12, 2), torch.arange(12) % 3, torch.arange(12) % 2

def test_leaves_are_what_a_tensor_depends_on(layers):
    z = layers.f(X)
    assert set(leaves(z)) == {id(p) for p in layers.f.parameters()} and leaves(z.detach(), None) == {}
    assert set(leaves(layers.h(z.detach()))) == {id(p) for p in layers.h.parameters()}

class Own(torch.autograd.Function):
    "Somebody's: two results, the first times a factor on the way back."
    @staticmethod
    def forward(ctx, x, factor):
        ctx.factor = factor
        return x.clone(), x.sum()

    @staticmethod
    def backward(ctx, grad, other):
        if ctx.factor is None: raise RuntimeError("nothing to give")
        return ctx.factor * grad, None

@pytest.mark.parametrize('factor, turned', [(-2., True), (2., False), (0., False), (None, False)])
def test_a_mirror_in_the_graph_is_found(layers, factor, turned):
    z = layers.f(X)
    assert mirrored(layers.c(grad_reverse(z, .3)).sum()) and not mirrored(layers.c(z).sum()) and not mirrored(z.detach())
    assert mirrored(layers.c(Own.apply(z, factor)[0]).sum()) is turned and all(p.grad is None for p in layers.parameters())

@dataclass
class Custom:
    feat: torch.Tensor
    class_output: torch.Tensor

@pytest.mark.parametrize('make', [Output, lambda z, c: (z, c), lambda z, c: [c, z], lambda z, c: (torch.arange(12), c, z), lambda z, c: dict(logits=c, embedding=z), lambda z, c: dict(a=z, b=c),
                                  lambda z, c: SimpleNamespace(features=z, logits=c), Custom, lambda z, c: dict(loss=c.mean(), z=z, scores=c)])
def test_embedding_and_logits_are_found(layers, make):
    z = layers.f(X)
    c = layers.c(z)
    found = parts(make(z, c))
    assert found.embedding is z and found.logits is c

def test_without_gradients_the_first_is_the_embedding():
    z, c = torch.randn(4, 8), torch.randn(4, 3)
    assert parts((z, c)).embedding is z and parts(z) == (z, None)

@pytest.mark.parametrize('output', [None, 3, {}, dict(loss=1.), (torch.arange(3),), SimpleNamespace(x=1)])
def test_other_outputs_are_refused(output):
    with pytest.raises(ValueError, match='model: expected an output with embedding and logits'): parts(output)

class Counts(nn.Module):
    "Everything that may change in a call."
    def __init__(self):
        super().__init__()
        self.norm, self.drop, self.n = nn.BatchNorm1d(2), nn.Dropout(), 0
        self.register_buffer('seen', torch.zeros(()))

    def forward(self, x):
        self.n += 1
        self.seen = self.seen + 1
        self.register_buffer(f'late{self.n}', x.detach().sum())
        with torch.no_grad(): self.norm.weight.add_(1)
        return self.drop(self.norm(x))

@pytest.mark.parametrize('dtype', [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize('announced', [True, False])
def test_everything_is_put_back(dtype, announced):
    m = Counts().to(dtype)
    m.norm.weight.grad = torch.ones(2, dtype=dtype)
    before, state, where = {k: v.clone() for k, v in m.state_dict().items()}, torch.get_rng_state(), m.norm.weight.data_ptr()
    with pytest.raises(KeyError), untouched(*[m] * announced, None, len, training=True):
        out = m(torch.randn(8, 2, dtype=torch.float64 if dtype == torch.float64 else torch.float32))
        assert m.n == 1 and out.dtype == (torch.float64 if dtype == torch.float64 else torch.float32) and torch.is_grad_enabled()
        raise KeyError
    after = m.state_dict()
    assert list(after) == list(before) and all(torch.equal(before[k], after[k]) and before[k].dtype == after[k].dtype for k in before)
    assert m.n == 0 and m.training and m.norm.weight.data_ptr() == where and m.norm.weight.grad.tolist() == [1, 1] and torch.equal(state, torch.get_rng_state())
    assert not torch.nn.modules.module._global_forward_pre_hooks

def test_modes_are_those_wanted():
    m = Counts()
    m.norm.eval()
    for training in (True, False, None):
        with untouched(m, training=training): assert (m.training, m.norm.training) == ((training, training) if training is not None else (True, False))
    assert m.training and not m.norm.training

def test_a_module_is_lent_once():
    m, kept = nn.Linear(2, 2), Kept()
    kept.keep(m)
    with torch.no_grad(): m.weight.zero_()
    kept.keep(m)
    kept.back()
    assert m.weight.any()

def test_a_tensor_that_two_layers_share_is_lent_once():
    a, b = nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False)
    b.weight = a.weight
    where, before = a.weight.data_ptr(), a.weight.detach().clone()
    with untouched(a, b), torch.no_grad(): b.weight.zero_()
    assert a.weight is b.weight and a.weight.data_ptr() == where and torch.equal(a.weight, before)

@pytest.mark.parametrize('result, names', [(torch.ones(()), ['total']), (torch.ones(1), ['total']), ((torch.ones(()), torch.ones(())), ['0', '1']), (dict(a=torch.ones(()), b=3), ['a']), (Output(torch.ones(()), torch.ones(())), ['embedding', 'logits'])])
def test_losses_have_names(result, names): assert list(look(nn.Identity(), lambda batch, out: result, (X,)).losses) == names

@pytest.mark.parametrize('result', [None, 3., torch.ones(2), {}, dict(a=torch.ones(2, 2))])
def test_other_losses_are_refused(result):
    with pytest.raises(ValueError, match='objective: expected one loss'): look(nn.Identity(), lambda batch, out: result, (X,))
    assert not torch.nn.modules.module._global_forward_hooks

def test_swapped_domains():
    assert swapped(torch.tensor([0, 2, 2, 5, 0])).tolist() == [2, 0, 0, 5, 2] and swapped(torch.tensor([1, 1])).tolist() == [1, 1]

@pytest.mark.parametrize('losses, names', [
    (lambda l, z, d: dict(cls=F.cross_entropy(l.c(z), Y), domain=z.mean()), ['domain']),
    (lambda l, z, d: (F.cross_entropy(l.c(z), Y), F.cross_entropy(l.h(z), d)), ['1']),
    (lambda l, z, d: dict(cls=F.cross_entropy(l.c(z)[d == 0], Y[d == 0]), x=F.cross_entropy(l.h(z), d)), ['x']),   # the class loss looks at the domains too
    (lambda l, z, d: dict(s=F.cross_entropy(l.h(z[d == 0]), d[d == 0]), t=F.cross_entropy(l.h(z[d == 1]), d[d == 1]), c=F.cross_entropy(l.c(z), Y)), ['s', 't']),
    (lambda l, z, d: dict(cls=F.cross_entropy(l.c(z), Y), adv_loss=z.mean()), ['adv_loss']), (lambda l, z, d: dict(cls=F.cross_entropy(l.c(z), Y)), [])])
def test_the_domain_loss_is_found(layers, losses, names):
    def model(x):
        z = layers.f(x)
        return z, layers.c(z)
    def at(d): return look(model, lambda batch, out: losses(layers, out[0], batch[2]), (X, Y, d))
    assert domain_terms(at(D), lambda d: at(d).losses, D) == names

def test_how_much_a_loss_must_change():
    "a millionth of it, or a billionth"
    def seen(a, b): return look(nn.Identity(), lambda batch, out: dict(a=torch.tensor(a), b=torch.tensor(b)), (X,))
    assert domain_terms(seen(1., 0.), lambda d: seen(1. + 5e-7, 1.5e-9).losses, D) == ['b']
    assert domain_terms(seen(1., 0.), lambda d: seen(1. + 2e-6, .5e-9).losses, D) == ['a']

def test_a_domain_classifier_that_is_called_by_name(layers):
    seen = look(layers.f, lambda batch, out: F.cross_entropy(layers.h(input=out), D), (X,))
    assert head_call(seen, seen.losses['total'], 12) is None

def test_the_domain_classifier_is_found(layers):
    net = nn.Sequential(layers.h, nn.Linear(2, 2))
    seen = look(lambda x: (z := layers.f(x), layers.c(z)), lambda batch, out: (F.cross_entropy(out[1], Y), F.cross_entropy(net(out[0]), D)), (X,))
    assert head_call(seen, seen.losses['1'], 12).module is net                          # the whole, no part of it
    assert head_call(seen, seen.losses['1'], 12, layers.h).module is layers.h           # if somebody knows better
    assert head_call(seen, seen.losses['0'], 12) is None and head_call(seen, seen.losses['1'], 11) is None

def test_another_thread_trains_on_undisturbed():
    "Hooks on all modules hear every thread; what is lent is this thread's alone"
    import threading
    other, seen = nn.Linear(3, 2), []
    weight = other.weight.data_ptr()
    def forward(): seen.append((other(torch.zeros(1, 3)), other.weight.data_ptr()))
    with untouched(nn.Linear(2, 2)):
        thread = threading.Thread(target=forward)
        thread.start()
        thread.join()
        assert seen[0][1] == weight                                    # not lent
        other(torch.zeros(1, 3))
        assert other.weight.data_ptr() != weight                       # lent
    assert other.weight.data_ptr() == weight
    def model(x):
        thread = threading.Thread(target=forward)
        thread.start()
        thread.join()
        return other(x)
    assert len(look(model, lambda batch, output: output.sum(), (torch.zeros(1, 3),)).calls) == 1
