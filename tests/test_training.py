"fit, Batches, Objective, checkpoints, NonFiniteLoss, evaluate."
import math
import os
import random
import signal
import socket
import subprocess
import sys
import time
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings, strategies as st
from sklearn.metrics import balanced_accuracy_score, confusion_matrix
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.data import DataLoader, IterableDataset, TensorDataset, WeightedRandomSampler

import fer_nb.training as training
from _ddp_training import main as ddp_main
from _kill_training import Follow, Net, steps as noisy_steps
from fer_nb.backbones import LeNetsPP, Output
from fer_nb.centers import CenterLoss
from fer_nb.training import (Batches, NonFiniteLoss, Objective, Score, Step, confusion_figure, cosine, curves_figure, evaluate,
                             fit, progress, readout, schedule_figure, score, staircase)

here = Path(__file__).parent


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)
    torch.manual_seed(0)


def data(n=40, classes=10, size=12, seed=0):
    g = torch.Generator().manual_seed(seed)
    return torch.randn(n, 1, size, size, generator=g), torch.randint(classes, (n,), generator=g)


def net(seed=0, **kwargs):
    torch.manual_seed(seed)
    return LeNetsPP(**{"width": .05, "in_size": 12, **kwargs})


def state(*modules): return [t.clone() for m in modules for t in m.state_dict().values()]


def same(a, b): return len(a) == len(b) and all(torch.equal(s, t) for s, t in zip(a, b))


class Constant(nn.Module):
    "A term that gives what it is told to: one value per training-mode call, then 0."
    def __init__(self, *values):
        super().__init__()
        self.values = list(values)

    def forward(self, x, y): return x.sum() * 0 + (self.values.pop(0) if self.training and self.values else 0.)


# ---------------------------------------------------------------- Batches

@given(n=st.integers(1, 60), size=st.integers(1, 20), seed=st.integers(0, 5), epoch=st.integers(0, 5), world=st.integers(1, 4), shuffle=st.booleans())
@settings(max_examples=80, deadline=None)
def test_batches_cover_everything_in_equal_shares(n, size, seed, epoch, world, shuffle):
    batches, whole = Batches(torch.arange(n), torch.arange(n) * 2, batch_size=size, seed=seed, shuffle=shuffle), training._processes
    try:
        shares = []
        for rank in range(world):
            training._processes = lambda rank=rank: (rank, world)
            shares.append(list(batches.iterate(epoch)))
            assert len(shares[-1]) == len(batches) == math.ceil(n / (size * world))
    finally: training._processes = whole
    for parts in zip(*shares):
        assert len({len(x) for x, _ in parts}) == 1 and len(parts[0][0]) <= size  # equal shares
        assert all(torch.equal(y, 2 * x) for x, y in parts)                      # rows stay together
    seen = torch.cat([x for share in shares for x, _ in share])
    assert sorted(set(seen.tolist())) == list(range(n)) and len(seen) < n + world # everything, hardly anything twice
    union = torch.cat([torch.stack([x for x, _ in parts], 1).flatten() for parts in zip(*shares)])
    assert torch.equal(union[:n], batches.order(epoch))                          # the order does not depend on the number of processes
    assert shuffle or torch.equal(union[:n], torch.arange(n))


@given(start=st.integers(0, 9), seed=st.integers(0, 3), epoch=st.integers(0, 3))
@settings(max_examples=20, deadline=None)
def test_batches_skip(start, seed, epoch):
    batches = Batches(torch.arange(40), batch_size=4, seed=seed)
    assert all(torch.equal(a[0], b[0]) for a, b in zip(batches.iterate(epoch, start), list(batches.iterate(epoch))[start:], strict=True))


def test_batches_order_depends_on_seed_and_epoch_only():
    a, b = Batches(torch.arange(50), seed=1), Batches(torch.arange(50), seed=1)
    torch.manual_seed(99); np.random.seed(99); list(a)
    assert torch.equal(a.order(3), b.order(3))
    orders = {tuple(Batches(torch.arange(50), seed=s).order(e).tolist()) for s in range(3) for e in range(3)}
    assert len(orders) == 9


def test_batches_set_epoch_and_to():
    batches = Batches(torch.arange(30), batch_size=30)
    first = next(iter(batches))[0]
    batches.set_epoch(2)
    assert not torch.equal(first, next(iter(batches))[0]) and torch.equal(next(iter(batches))[0], batches.order(2))
    moved = batches.to("meta")
    assert moved.tensors[0].device.type == "meta" and batches.tensors[0].device.type == "cpu" and moved.batch_size == 30


def test_batches_leave_random_state_alone():
    before = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
    list(Batches(*data()))
    assert torch.equal(before[0], torch.get_rng_state()) and (before[1] == np.random.get_state()[1]).all() and before[2] == random.getstate()


@pytest.mark.parametrize("args, kwargs, message", [
    ((), {}, "tensors: expected at least one"),
    (([1, 2],), {}, "tensors: .*got list at position 0"),
    ((torch.tensor(1.),), {}, "tensors: .*first axis"),
    ((torch.zeros(3), torch.zeros(4)), {}, "tensors: expected the same length, got 3 and, at position 1, 4"),
    ((torch.zeros(0, 2),), {}, "tensors: expected at least one sample, got none"),
    ((torch.zeros(3),), {"batch_size": 0}, "batch_size: expected a whole number of at least 1, got 0"),
    ((torch.zeros(3),), {"batch_size": 1.5}, "batch_size: .*1.5"),
    ((torch.zeros(3),), {"seed": -1}, "seed: expected a whole number of at least 0, got -1"),
])
def test_batches_refuse(args, kwargs, message):
    with pytest.raises(ValueError, match=message): Batches(*args, **kwargs)


# ---------------------------------------------------------------- Objective and schedules

def test_objective_terms():
    x, y, logits = torch.randn(5, 2), torch.randint(3, (5,)), torch.randn(5, 3)
    center = CenterLoss(3, 2).eval()
    objective = Objective(center=(center, .5), plain=Constant()).eval()
    losses = objective((None, y), Output(x, logits))
    assert list(losses) == ["softmax", "center", "plain"] and all(v.shape == () for v in losses.values())
    torch.testing.assert_close(losses["softmax"], F.cross_entropy(logits, y))
    torch.testing.assert_close(losses["center"], .5 * center(x, y))
    objective.weights["center"] = 2.
    torch.testing.assert_close(objective((None, y), Output(x, logits))["center"], 2 * center(x, y))
    assert "terms.center.centers" in objective.state_dict()


@pytest.mark.parametrize("terms, message", [
    ({"softmax": nn.Identity()}, "softmax: expected another name"),
    ({"total": nn.Identity()}, "total: expected another name"),
    ({"center": 3}, "center: expected a module or a pair .*int"),
    ({"center": (nn.Identity(), "much")}, "center: expected a finite weight, got 'much'"),
    ({"center": (nn.Identity(), math.nan)}, "center: expected a finite weight, got nan"),
])
def test_objective_refuses(terms, message):
    with pytest.raises(ValueError, match=message): Objective(**terms)


def test_staircase_is_the_papers():
    schedule, per_epoch = staircase(20 / 100, 1 / 1.25), 157
    for epoch in range(100):
        expected = .001 / 1.25 ** (epoch // 20)
        for n in (epoch * per_epoch, (epoch + 1) * per_epoch - 1):
            assert math.isclose(.001 * schedule(n, 100 * per_epoch), expected, rel_tol=1e-12)


@given(stairs=st.integers(1, 12), per_epoch=st.integers(1, 400), epochs=st.integers(1, 40))
@settings(max_examples=60, deadline=None)
def test_staircase_steps_are_where_they_should_be(stairs, per_epoch, epochs):
    total, schedule = stairs * epochs * per_epoch, staircase(epochs / (stairs * epochs), .5)
    for k in range(stairs):
        assert schedule(k * epochs * per_epoch, total) == .5**k == schedule((k + 1) * epochs * per_epoch - 1, total)


def test_cosine():
    schedule = cosine(10)
    values = [schedule(n, 100) for n in range(100)]
    assert values[0] == .1 and max(values) == values[9] > .97 and values == values[:10] + sorted(values[10:], reverse=True)
    assert 0 < values[-1] < .001 and cosine(0)(0, 5) == 1 and 0 < cosine(34)(0, 5) < .03


@pytest.mark.parametrize("make, message", [
    (lambda: cosine(-1), "warmup: .*-1"), (lambda: cosine(1.5), "warmup: .*1.5"), (lambda: staircase(20), "every: expected a fraction .*got 20"),
    (lambda: staircase(0), "every: .*got 0"), (lambda: staircase(.2, 0), "factor: expected a positive number, got 0")])
def test_schedules_refuse(make, message):
    with pytest.raises(ValueError, match=message): make()


# ---------------------------------------------------------------- fit: the iterator

def test_steps():
    x, y = data(40)
    model, objective = net(), Objective(center=(CenterLoss(10, 2), .1))
    steps = list(fit(model, objective, Batches(x, y, batch_size=16), epochs=3, lr=.1, schedule=staircase(1/3, .5)))
    assert [s.n for s in steps] == list(range(1, 10)) and [s.epoch for s in steps] == [1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert [s.lr for s in steps] == [.1] * 3 + [.05] * 3 + [.025] * 3 and {s.total for s in steps} == {9}
    for s in steps:
        assert isinstance(s, Step) and s.model is model and s.objective is objective and list(s.losses) == ["softmax", "center", "total"]
        assert all(isinstance(v, torch.Tensor) and v.shape == () and not v.requires_grad for v in [*s.losses.values(), s.grad_norm])
        assert isinstance(s.output, Output) and not s.output.logits.requires_grad and len(s.batch[0]) == len(s.output.embedding)
        torch.testing.assert_close(s.losses["total"], s.losses["softmax"] + s.losses["center"])
        torch.testing.assert_close(s.losses["softmax"], F.cross_entropy(s.output.logits, s.batch[1]))
    assert [len(s.batch[0]) for s in steps[:3]] == [16, 16, 8]
    assert model.training and all(p.grad is None for p in model.parameters())


def test_equals_the_plain_loop():
    x, y = data(64)
    model, plain, batches = net(), net().to(memory_format=torch.channels_last), Batches(x, y, batch_size=16)
    sgd = torch.optim.SGD(plain.parameters(), lr=.1, momentum=.9, weight_decay=5e-4)
    for step in fit(model, Objective(), batches, epochs=2, lr=.1, clip=.1): pass
    for epoch in range(2):
        batches.set_epoch(epoch)
        for a, b in batches:
            sgd.zero_grad()
            F.cross_entropy(plain(a).logits, b).backward()
            norm = nn.utils.clip_grad_norm_(plain.parameters(), .1)
            sgd.step()
    torch.testing.assert_close(state(model), state(plain), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(step.grad_norm, norm, rtol=1e-4, atol=1e-6)
    assert norm > .1 # or clipping was not tried


def test_calling_changes_nothing():
    x, y = data()
    model, objective = Net(), Objective(follow=Follow())
    model.eval(); model.body[0].train(); objective.train()
    modes, before, rng = [m.training for m in model.modules()], state(model, objective), torch.get_rng_state()
    steps = fit(model, objective, Batches(x[:, :, :6, :6], y % 4, batch_size=8), epochs=1)
    assert same(before, state(model, objective)) and torch.equal(rng, torch.get_rng_state()) and modes == [m.training for m in model.modules()]
    next(steps)
    assert not same(before, state(model, objective))


def test_pausing_and_looking_change_nothing():
    x, y = data()
    models = net(), net()
    for step in fit(models[0], Objective(), Batches(x, y, batch_size=8), epochs=2): pass
    steps = fit(models[1], Objective(), Batches(x, y, batch_size=8), epochs=2)
    for _ in range(3): next(steps)
    evaluate(models[1], x, y)
    for step in steps: evaluate(step.model, x, y)
    assert same(state(models[0]), state(models[1]))


def test_a_model_left_in_evaluation_mode_trains_on():
    steps = fit(model := net(), Objective(), Batches(*data(), batch_size=8))
    next(steps); model.eval(); next(steps)
    assert model.training


def test_stopping_leaves_nothing_behind(tmp_path):
    model = net()
    before = set(sys._current_frames())
    for step in fit(model, Objective(), Batches(*data(), batch_size=4), checkpoint=tmp_path, checkpoint_every=1):
        if step.n == 3: break
    del step
    assert all(p.grad is None for p in model.parameters()) and set(sys._current_frames()) == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["step_000000001.pt", "step_000000002.pt"]
    assert not any(m._forward_hooks or m._backward_hooks for m in model.modules())


def test_weights_and_rates_change_live():
    x, y = data()
    rate, objective = [1.], Objective(plain=Constant(*[1.] * 6))
    steps = fit(net(), objective, Batches(x, y, batch_size=8), lr=.1, schedule=lambda n, total: rate[0])
    assert next(steps).losses["plain"] == 1 and next(steps).lr == .1
    objective.weights["plain"], rate[0] = 3., .5
    step = next(steps)
    assert step.losses["plain"] == 3 and step.lr == .05


def test_interrupt_leaves_a_usable_model():
    class Pressed(nn.Module):
        def forward(self, x, y):
            self.calls = getattr(self, "calls", 0) + self.training
            if self.calls == 3: raise KeyboardInterrupt
            return x.sum() * 0
    model, (x, y) = net(), data()
    with pytest.raises(KeyboardInterrupt):
        for step in fit(model, Objective(pressed=Pressed()), Batches(x, y, batch_size=8)): last = state(model)
    assert same(last, state(model)) and 0 <= evaluate(model, x, y).accuracy <= 1
    next(fit(model, Objective(), Batches(x, y)))


def test_nothing_waits_for_the_device_between_checks():
    class Reads(TorchDispatchMode):
        count = 0
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            Reads.count += func in (torch.ops.aten._local_scalar_dense.default, torch.ops.aten.is_nonzero.default)
            return func(*args, **kwargs or {})
    class Plain(nn.Module): # looks at no value, as a term on a GPU
        def forward(self, x, y): return x.square().mean()
    steps, counts = fit(net(), Objective(plain=Plain()), Batches(*data(400), batch_size=8), epochs=1, check_every=10, clip=1.), []
    next(steps)
    for n in range(2, 31):
        with Reads(): Reads.count = 0; next(steps); counts.append((n, Reads.count))
    assert {n for n, count in counts if count} <= {10, 20, 30}


def test_optimizer_and_clip():
    x, y = data()
    seen = {}
    def adam(params):
        seen["optimizer"] = torch.optim.AdamW(params, lr=1e-3)
        return seen["optimizer"]
    objective = Objective(center=(CenterLoss(10, 2, centers="autograd"), .1))
    step = next(fit(net(), objective, Batches(x, y), optimizer=adam, center_lr=.3, schedule=lambda n, total: .5))
    assert step.lr == 5e-4 and [g["lr"] for g in seen["optimizer"].param_groups] == [5e-4, .15]
    assert seen["optimizer"].param_groups[1]["weight_decay"] == 0
    before = state(model := net())
    step = next(fit(model, Objective(), Batches(x * 100, y), lr=1., clip=None, optimizer=lambda p: torch.optim.SGD(p, lr=1.)))
    moved = torch.cat([(a - b).flatten() for a, b in zip(state(model), before)]).norm()
    torch.testing.assert_close(moved, step.grad_norm, rtol=1e-4, atol=0)
    assert moved > 5


def test_autograd_centres_learn_at_their_own_rate():
    x, y = data()
    center = CenterLoss(10, 2, centers="autograd")
    before, c = center.centers.detach().clone(), center.centers
    model = net()
    step = next(fit(model, Objective(center=(center, 1.)), Batches(x, y), lr=.01, center_lr=.25, clip=None))
    c.grad = None
    center.centers.data, after = before.clone(), c.detach().clone()
    loss = center(step.output.embedding, step.batch[1])
    gradient, = torch.autograd.grad(loss, c)
    torch.testing.assert_close(after, before - .25 * gradient)


def test_frozen_parameters_stay():
    model = net()
    model.features.requires_grad_(False)
    before = state(model.features)
    for step in fit(model, Objective(), Batches(*data()), epochs=2): pass
    assert same(before, state(model.features))


def test_seeds_add_up():
    x, y = torch.randn(64, 1, 12, 12), torch.arange(64) % 10
    first = lambda batches, **kw: next(fit(net(), Objective(), batches, **kw)).batch[0]
    a = first(Batches(x, y, batch_size=8, seed=3))
    assert torch.equal(a, first(Batches(x, y, batch_size=8), seed=3)) and torch.equal(a, first(Batches(x, y, batch_size=8, seed=1), seed=2))
    assert not torch.equal(a, first(Batches(x, y, batch_size=8)))


# ---------------------------------------------------------------- fit: other sources

def test_dataloader_is_seeded_and_left_alone():
    x, y = data(40)
    loader = DataLoader(TensorDataset(x, y, torch.arange(40)), batch_size=16, shuffle=True)
    sampler, order = loader.sampler, []
    for seed in (0, 0, 1):
        torch.rand(random.randrange(5))
        order.append([step.batch[2].tolist() for step in fit(net(), Objective(), loader, epochs=2, seed=seed)])
    assert order[0] == order[1] != order[2] and order[0][:3] != order[0][3:]
    for epoch in (order[0][:3], order[0][3:]): assert sorted(sum(epoch, [])) == list(range(40)) and [len(b) for b in epoch] == [16, 16, 8]
    assert loader.sampler is sampler and sampler.generator is None


def test_dataloader_options_survive():
    x, y = data(40)
    loader = DataLoader(TensorDataset(x, y), batch_size=16, drop_last=True, sampler=WeightedRandomSampler([1.] * 5 + [0.] * 35, 40),
                        collate_fn=lambda rows: (torch.stack([r[0] for r in rows]) * 0 + 7, torch.stack([r[1] for r in rows])))
    runs = [list(fit(net(), Objective(), loader, epochs=1)) for _ in range(2)]
    assert len(runs[0]) == 2 and (runs[0][0].batch[0] == 7).all()
    assert torch.equal(runs[0][0].batch[1], runs[1][0].batch[1]) and set(runs[0][0].batch[1].tolist()) <= set(y[:5].tolist())


def test_dataloader_with_workers():
    x, y = data(24)
    loader = DataLoader(TensorDataset(x, y), batch_size=8, shuffle=True, num_workers=1)
    a, b = net(), net()
    for step in fit(a, Objective(), loader, epochs=1): pass
    for step in fit(b, Objective(), DataLoader(TensorDataset(x, y), batch_size=8, shuffle=True), epochs=1): pass
    assert same(state(a), state(b))


def test_list_of_batches():
    x, y = data(16)
    steps = list(fit(net(), Objective(), [(x[:8], y[:8]), [x[8:], y[8:]]], epochs=2))
    assert len(steps) == 4 and torch.equal(steps[1].batch[0], x[8:]) and torch.equal(steps[3].batch[0], x[8:])


def test_labels_of_later_batches_are_checked():
    x, y = data(16)
    with pytest.raises(ValueError, match="y: expected labels from 0 to 9, .*got 11 to 11"):
        for step in fit(net(), Objective(), [(x, y), (x[:1], torch.tensor([11]))], epochs=1): pass
    assert step.n == 1


# ---------------------------------------------------------------- fit: what it refuses, at the call

class Stream(IterableDataset):
    def __iter__(self): return iter([])


class Wrong(nn.Module):
    "An objective that returns what it was given."
    def __init__(self, result):
        super().__init__()
        self.result = result

    def forward(self, batch, output): return self.result


X, Y = data()
BAD = [
    (dict(model=3), TypeError, "model: expected a torch.nn.Module, got int"),
    (dict(objective=F.cross_entropy), TypeError, "objective: expected a torch.nn.Module, got function"),
    (dict(epochs=0), ValueError, "epochs: expected a whole number of at least 1, got 0"),
    (dict(epochs=1.5), ValueError, "epochs: .*1.5"),
    (dict(epochs=None), ValueError, "epochs: .*None"),
    (dict(lr=0), ValueError, "lr: expected a positive number, got 0"),
    (dict(lr=-1), ValueError, "lr: .*-1"),
    (dict(lr=math.nan), ValueError, "lr: .*nan"),
    (dict(lr="fast"), ValueError, "lr: .*'fast'"),
    (dict(center_lr=0), ValueError, "center_lr: expected a positive number, got 0"),
    (dict(clip=0), ValueError, "clip: expected a positive number, got 0"),
    (dict(seed=-1), ValueError, "seed: expected a whole number of at least 0, got -1"),
    (dict(check_every=0), ValueError, "check_every: .*got 0"),
    (dict(checkpoint_every=0), ValueError, "checkpoint_every: .*got 0"),
    (dict(batches=7), ValueError, "batches: expected Batches, a DataLoader or a list .*got int"),
    (dict(batches=X), ValueError, "batches: .*got Tensor"),
    (dict(batches=[]), ValueError, "batches: expected at least one batch, got none"),
    (dict(batches=[X]), ValueError, r"batches: expected tuples \(x, y, …\) of tensors, got Tensor"),
    (dict(batches=[{"x": X}]), ValueError, "batches: .*got dict"),
    (dict(batches=DataLoader(Stream())), ValueError, "batches: .*got a stream"),
    (dict(batches=DataLoader(TensorDataset(X, Y), batch_size=None)), ValueError, "batches: .*single samples"),
    (dict(batches=Batches(X, Y + 1)), ValueError, "y: expected labels from 0 to 9, as many classes as the model has, got 1 to 10"),
    (dict(batches=Batches(X, Y - 1)), ValueError, "y: .*got -1 to 8"),
    (dict(batches=Batches(X, Y.float())), ValueError, r"y: expected labels \(B,\) of dtype int64, got \(40,\) of torch.float32"),
    (dict(batches=Batches(X[:, :, 1:], Y)), ValueError, r"images: expected shape \(B, 1, 12, 12\)"),
    (dict(batches=Batches(X.to(torch.uint8), Y)), ValueError, r"x: expected images the model can take, got \(2, 1, 12, 12\) of torch.uint8"),
    (dict(model=nn.Sequential(nn.Flatten(), nn.Linear(144, 10))), ValueError, r"model: expected one that returns Output\(embedding, logits\), got Tensor"),
    (dict(model=net().requires_grad_(False)), ValueError, "model: expected parameters to train, got none"),
    (dict(objective=Wrong(torch.tensor(1.))), ValueError, "objective: expected a dict of scalar losses, got Tensor"),
    (dict(objective=Wrong({})), ValueError, "objective: expected a dict"),
    (dict(objective=Wrong({"a": 1.})), ValueError, "objective: expected scalar tensors, got float for 'a'"),
    (dict(objective=Wrong({"a": torch.zeros(3)})), ValueError, r"objective: expected scalar tensors, got \(3,\) for 'a'"),
    (dict(objective=Wrong({"total": torch.tensor(1.)})), ValueError, "objective: expected another name for the loss 'total'"),
    (dict(objective=nn.Identity()), ValueError, r"objective: expected one that takes \(batch, output\)"),
    (dict(optimizer="adam"), ValueError, r"optimizer: expected a callable\(params\), got str"),
    (dict(optimizer=lambda params: None), ValueError, "optimizer: expected a callable that returns a torch Optimizer, got NoneType"),
    (dict(schedule=.5), ValueError, r"schedule: expected a callable\(n, total\) that returns a number"),
    (dict(schedule=lambda n, total: None), ValueError, "schedule: expected"),
    (dict(accelerator="cuda"), ValueError, "accelerator: expected an accelerate.Accelerator, got str"),
    (dict(checkpoint=__file__), ValueError, "checkpoint: expected a folder, got the file"),
]


@pytest.mark.parametrize("kwargs, kind, message", BAD)
def test_fit_refuses_at_the_call(kwargs, kind, message):
    with pytest.raises(kind, match=message): fit(**{"model": net(), "objective": Objective(), "batches": Batches(X, Y), **kwargs})


def test_fit_refuses_a_broken_model():
    model = net()
    model.classifier.weight.data[0, 0] = math.inf
    with pytest.raises(ValueError, match="model: expected finite weights, got NaN or infinity in classifier.weight"):
        fit(model, Objective(), Batches(X, Y))


def test_fit_refuses_accumulation():
    from accelerate import Accelerator
    with pytest.raises(ValueError, match="accelerator: expected gradient_accumulation_steps=1, got 4"):
        fit(net(), Objective(), Batches(X, Y), accelerator=Accelerator(gradient_accumulation_steps=4))


# ---------------------------------------------------------------- NonFiniteLoss

def broken(objective, x=X, model=None, **kwargs):
    "Train until it breaks; the error, and how many steps came out."
    taken, model = 0, model or net()
    with pytest.raises(NonFiniteLoss) as caught:
        for step in fit(model, objective, Batches(x, Y, batch_size=8, shuffle=False), **{"epochs": 3, "lr": .01, **kwargs}): taken = step.n
    return caught.value, taken


def after(steps, objective=None, model=None, **kwargs):
    "What is trained after so many good steps."
    model, objective = model or net(), objective or Objective()
    for step in fit(model, objective, Batches(X, Y, batch_size=8, shuffle=False), **{"epochs": 3, "lr": .01, **kwargs}):
        if step.n == steps: break
    return state(model, objective)


def test_bad_batch():
    x, model, objective = X.clone(), net(), Objective()
    x[25, 0, 2, 2] = math.nan # fourth batch
    error, taken = broken(objective, x, model)
    assert (error.step, error.term, error.good, taken) == (4, "softmax", 3, 3) and "batch itself" in error.cause
    assert str(error) == ("step 4: softmax not finite. Likely cause: the batch itself holds NaN or infinity, look at the data. "
                          "Model and objective are back in the state after step 3.")
    assert same(state(model, objective), after(3)) and isinstance(error, FloatingPointError)


def test_bad_term():
    objective = Objective(odd=Constant(0, 0, 0, math.inf))
    error, taken = broken(objective)
    assert (error.step, error.terms, taken) == (4, ["odd"], 3) and "the term itself" in error.cause and "softmax" in error.cause


def test_bad_slope():
    class Root(nn.Module):
        def forward(self, x, y): return (x - x.detach()).abs().sqrt().sum()
    model = net()
    before = state(model)
    error, taken = broken(Objective(root=Root()), model=model)
    assert (error.step, error.term, error.good, taken) == (1, "gradient", 0, 0) and "slope" in error.cause
    assert same(before, state(model)) and "before the first step" in str(error)


def test_divergence():
    class Push(nn.Module):
        def forward(self, x, y): return x.square().sum()
    model = net()
    error, taken = broken(Objective(push=Push()), model=model, lr=.5, clip=None)
    assert 1 < error.step < 15 and "diverging" in error.cause and "clip=5" in error.cause and "0.5 now" in error.cause
    assert all(t.isfinite().all() for t in state(model)) and model(X).logits.isfinite().all()
    error, _ = broken(Objective(push=Push()), lr=50., clip=1e6)
    assert "1e+06 now" in error.cause


@pytest.mark.parametrize("bad_step, good", [(4, 0), (6, 4), (8, 4), (9, 4), (10, 8)])
def test_checks_now_and_then(bad_step, good):
    "Looking every 4 steps: the error names the step that broke; the state is the last that is known to be good."
    model, objective = net(), Objective(follow=Follow10(), odd=Constant(*[0.] * (bad_step - 1), math.nan))
    error, taken = broken(objective, model=model, check_every=4)
    assert (error.step, error.term, error.good) == (bad_step, "odd", good) and taken == 4 * math.ceil(bad_step / 4) - 1
    reference, clean = net(), Objective(follow=Follow10(), odd=Constant())
    if good: after(good, clean, reference)
    assert same(state(model, objective), state(reference, clean))


class Follow10(Follow):
    def __init__(self):
        super().__init__()
        self.centers = torch.zeros(10, 2)


def test_the_end_is_checked_too():
    error, taken = broken(Objective(odd=Constant(*[0.] * 14, math.nan)), check_every=100)
    assert error.step == 15 and taken == 14


def test_one_can_go_on_after_it():
    model = net()
    broken(Objective(odd=Constant(0, 0, math.nan)), model=model)
    assert [step.n for step in fit(model, Objective(), Batches(X, Y), epochs=2)] == [1, 2]


# ---------------------------------------------------------------- checkpoints

def finish(steps):
    "Run to the end; the numbers of the steps, and what was trained."
    seen = []
    for step in steps: seen.append(step.n)
    return seen, state(step.model, step.objective)


@pytest.mark.parametrize("stop", [1, 4, 5, 9, 13, 35])
def test_resume_equals_uninterrupted(tmp_path, stop):
    "Batch norm, dropout, a moving buffer, and a data set that draws from three generators."
    _, whole = finish(noisy_steps())
    for step in noisy_steps(tmp_path):
        if step.n == stop: break
    torch.rand(3); random.random(); np.random.rand()
    seen, resumed = finish(noisy_steps(tmp_path))
    assert seen == list(range(4 * ((stop - 1) // 4) + 1, 37)) and same(whole, resumed)


def test_kill_at_any_moment(tmp_path):
    _, whole = finish(noisy_steps())
    rng = random.Random(time.time_ns())
    for stop in (rng.randrange(1, 16), rng.randrange(3, 14)):
        run = subprocess.Popen([sys.executable, here / "_kill_training.py", tmp_path], stdout=subprocess.PIPE, text=True)
        first = int(run.stdout.readline())
        for _ in range(stop): run.stdout.readline()
        time.sleep(rng.random() * .01)
        os.kill(run.pid, signal.SIGKILL)
        rest = [int(line) for line in run.stdout.read().split()]
        run.wait()
        assert run.returncode == -signal.SIGKILL, (first, stop, rest)
        last = max([first + stop, *rest])
    saved = 4 * ((last - 1) // 4)
    seen, resumed = finish(noisy_steps(tmp_path))
    assert saved + 1 - 4 <= seen[0] <= last + 4 and (seen[0] - 1) % 4 == 0 and seen[-1] == 36 and same(whole, resumed), (seen, last)


def batches_run(folder=None, epochs=2, model=None, objective=None, batches=None, **kwargs):
    return fit(model or net(), objective or Objective(), batches or Batches(X, Y, batch_size=8), epochs, checkpoint=folder,
               **{"lr": .02, "checkpoint_every": 3, **kwargs})


def test_files(tmp_path):
    folder, names = tmp_path / "new" / "run", lambda: [p.name for p in sorted(folder.iterdir())]
    steps = batches_run(folder)
    next(steps)
    assert not folder.exists()
    for _ in range(6): next(steps)
    assert names() == ["step_000000003.pt", "step_000000006.pt"]
    assert next(steps).n == 8 and finish(steps)[0] == [9, 10] and names() == ["step_000000009.pt", "step_000000010.pt"]


def test_finished_training_yields_nothing_more(tmp_path):
    _, trained = finish(batches_run(tmp_path))
    model = net(seed=9)
    assert list(batches_run(tmp_path, model=model)) == [] and same(trained, state(model))


def test_last_step_is_saved_before_it_is_handed_out(tmp_path):
    for step in batches_run(tmp_path):
        if step.n == step.total: break
    assert (tmp_path / "step_000000010.pt").exists()


def test_default_is_once_an_epoch(tmp_path):
    for step in batches_run(tmp_path, epochs=3, checkpoint_every=None):
        if step.n == 11: break
    assert [p.name for p in sorted(tmp_path.iterdir())] == ["step_000000005.pt", "step_000000010.pt"]


@pytest.mark.parametrize("damage", [lambda p: p.write_bytes(p.read_bytes()[:-300]), lambda p: p.write_bytes(b""), lambda p: p.write_bytes(b"x" * 999),
                                    lambda p: flip(p)])
def test_damaged_newest_falls_back(tmp_path, damage):
    _, whole = finish(batches_run())
    for step in batches_run(tmp_path):
        if step.n == 8: break
    damage(tmp_path / "step_000000006.pt")
    (tmp_path / "step_000000007.partial").write_bytes(b"half")
    with pytest.warns(UserWarning, match="step_000000006.pt cannot be read"): steps = batches_run(tmp_path)
    seen, resumed = finish(steps)
    assert seen[0] == 4 and same(whole, resumed) and len(list(tmp_path.iterdir())) == 2


def flip(path):
    "One bit in the middle of the largest tensor."
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 3] ^= 16
    path.write_bytes(raw)


def test_all_damaged(tmp_path):
    for step in batches_run(tmp_path):
        if step.n == 8: break
    for path in tmp_path.iterdir(): path.write_bytes(b"")
    with pytest.warns(UserWarning), pytest.raises(ValueError, match="checkpoint: expected a readable file in .*got 2 damaged"): batches_run(tmp_path)


def test_half_written_file_is_never_taken_for_a_checkpoint(tmp_path, monkeypatch):
    steps = batches_run(tmp_path)
    for _ in range(3): next(steps)
    def fails(state, file): file.write(b"half"); raise OSError("disk full")
    monkeypatch.setattr(torch, "save", fails)
    with pytest.raises(OSError, match="disk full"): next(steps)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kwargs, message", [
    (dict(epochs=3), "steps 10 in the checkpoint, 15 now"),
    (dict(lr=.03), "optimizer .*0.02.* in the checkpoint, .*0.03.* now|optimizer lr 0.02 in the checkpoint, 0.03 now"),
    (dict(clip=None), "clip 5.0 in the checkpoint, None now"),
    (dict(seed=1), "batches seed 0 in the checkpoint, 1 now"),
    (dict(schedule=cosine(3)), "schedule"),
    (dict(optimizer=lambda p: torch.optim.Adam(p, lr=.02)), "optimizer SGD in the checkpoint, Adam now|optimizer"),
    (dict(batches=Batches(X[:39], Y[:39], batch_size=8)), r"batches samples \[40, 1, 12, 12\] in the checkpoint, \[39, 1, 12, 12\] now"),
    (dict(batches=Batches(X, Y.flip(0).clamp(max=8), batch_size=8)), "batches labels"),
    (dict(batches=Batches(X, Y, batch_size=4)), "batches per epoch 5 in the checkpoint, 10 now|batches"),
    (dict(model=LeNetsPP(width=.1, in_size=12)), r"shapes model.features.0.weight \[2, 1, 5, 5\] in the checkpoint, \[3, 1, 5, 5\] now"),
    (dict(objective=Objective(center=(CenterLoss(10, 2), .1))), "shapes objective.terms.center.centers None in the checkpoint"),
    (dict(objective=Objective(plain=Constant())), "objective"),
])
def test_another_recipe_is_refused(tmp_path, kwargs, message):
    for step in batches_run(tmp_path):
        if step.n == 5: break
    with pytest.raises(ValueError, match=f"checkpoint: expected one of this training, got another recipe in .*({message})"): batches_run(tmp_path, **kwargs)


def test_same_recipe_is_not_refused(tmp_path):
    kwargs = lambda: dict(schedule=cosine(4), objective=Objective(center=(CenterLoss(10, 2), .1)), optimizer=lambda p: torch.optim.AdamW(p, lr=1e-3))
    _, whole = finish((torch.manual_seed(4), batches_run(**kwargs()))[1])
    torch.manual_seed(4)
    for step in batches_run(tmp_path, **kwargs()):
        if step.n == 5: break
    assert same(whole, finish(batches_run(tmp_path, **kwargs()))[1])


def test_a_broken_state_is_never_saved(tmp_path):
    with pytest.raises(NonFiniteLoss):
        for step in batches_run(tmp_path, objective=Objective(odd=Constant(0, 0, 0, 0, math.nan)), check_every=100): pass
    assert [p.name for p in tmp_path.iterdir()] == ["step_000000003.pt"]


# ---------------------------------------------------------------- several processes, half the bits

def test_two_processes_equal_one(tmp_path):
    from accelerate.state import AcceleratorState
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    env = {**os.environ, "OMP_NUM_THREADS": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2"}
    runs = [subprocess.Popen([sys.executable, here / "_ddp_training.py", tmp_path, tmp_path / "two"], stderr=subprocess.PIPE, text=True,
                             env={**env, "RANK": str(rank), "LOCAL_RANK": str(rank)}) for rank in range(2)]
    AcceleratorState._reset_state(True)
    try: ddp_main(tmp_path, tmp_path / "one")
    finally:
        AcceleratorState._reset_state(True)
        errors = [run.communicate(timeout=300)[1] for run in runs]
    assert [run.returncode for run in runs] == [0, 0], errors
    one, a, b = (torch.load(tmp_path / f"{name}.pt") for name in ("1_0", "2_0", "2_1"))
    assert one["steps"] == a["steps"] == b["steps"] == 6
    for part in ("weights", "resumed", "restored"):
        assert same(a[part], b[part])
        torch.testing.assert_close(a[part], one[part], rtol=1e-8, atol=1e-9)
    torch.testing.assert_close(a["norm"], one["norm"])
    assert same(a["weights"], a["resumed"]) and same(one["weights"], one["resumed"])
    assert [sorted(p + q) for p, q in zip(a["samples"][:-1], b["samples"])] == [sorted(p) for p in one["samples"][:-1]]
    assert one["error"][::2] == a["error"][::2] == b["error"][::2] == (2, 1) and "batch itself" in a["error"][1]


def test_bf16():
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState
    AcceleratorState._reset_state(True)
    seen = {}
    class Look(nn.Module):
        def forward(self, x, y):
            seen.update(x=x.dtype, autocast=torch.is_autocast_enabled("cpu"))
            return x.square().mean()
    try:
        x, y = data(32)
        model = net(width=.25)
        model.features[0].register_forward_hook(lambda module, args, out: seen.update(conv=out.dtype))
        steps = list(fit(model, Objective(look=(Look(), .1)), Batches(x, y, batch_size=16), epochs=3, accelerator=Accelerator(mixed_precision="bf16")))
        assert seen == {"x": torch.float32, "autocast": False, "conv": torch.bfloat16}
        assert steps[-1].output.embedding.dtype == torch.float32 and isinstance(steps[-1].output, Output)
        assert all(p.dtype == torch.float32 for p in model.parameters()) and "forward" not in vars(model)
        bits = [float(s.losses["total"]) for s in steps]
    finally: AcceleratorState._reset_state(True)
    full = [float(s.losses["total"]) for s in fit(net(width=.25), Objective(look=(Look(), .1)), Batches(x, y, batch_size=16), epochs=3)]
    assert bits != full
    np.testing.assert_allclose(bits[:2], full[:2], rtol=.05)


# ---------------------------------------------------------------- evaluate

class Table(nn.Module):
    "Looks up its answers: x holds row numbers."
    def __init__(self, embedding, logits):
        super().__init__()
        self.embedding, self.logits = nn.Parameter(embedding), nn.Parameter(logits)
        self.drop = nn.Dropout(.9)

    def forward(self, x): return Output(self.drop(self.embedding[x]), self.drop(self.logits[x]))


TABLE = Table(torch.tensor([[0., 0.], [1., 0.], [4., 4.], [5., 4.]]), torch.tensor([[2., 1., 0.], [1., .9, 0.], [0., 0., 1.], [0., 3., 1.]]))


@pytest.mark.parametrize("head, kwargs, predicted", [
    ("linear", {}, [0, 0, 2, 1]),
    ("prior", {"prior": [80, 10, 10]}, [1, 1, 2, 1]),
    ("prior", {"prior": torch.tensor([.8, .1, .1])}, [1, 1, 2, 1]),
    ("prior", {"prior": [1, 1, 1]}, [0, 0, 2, 1]),
    ("center", {"centers": torch.tensor([[1., .5], [5., 5.], [-1., 0.]])}, [2, 0, 1, 1]),
])
def test_heads(head, kwargs, predicted):
    y = torch.tensor([0, 1, 2, 1])
    s = evaluate(TABLE, torch.arange(4), y, head=head, batch_size=3, **kwargs)
    assert isinstance(s, Score) and s.accuracy == np.mean([a == b for a, b in zip(predicted, y.tolist())])
    assert (s.confusion == confusion_matrix(y, predicted, labels=range(3))).all() and s.confusion.sum() == 4


def test_evaluate_restores_modes_and_random_state():
    TABLE.train(); TABLE.drop.eval()
    rng = torch.get_rng_state()
    evaluate(TABLE, torch.arange(4), torch.tensor([0, 1, 2, 1]))
    assert TABLE.training and not TABLE.drop.training and torch.equal(rng, torch.get_rng_state())
    TABLE.eval()
    evaluate(TABLE, torch.arange(4), torch.tensor([0, 1, 2, 1]))
    assert not TABLE.training
    TABLE.train()
    with pytest.raises(ValueError): evaluate(TABLE, torch.arange(4), torch.tensor([0, 1, 2, 7]))
    assert TABLE.training and TABLE.drop.training


def test_absent_class():
    s = score(torch.tensor([0, 0, 2]), torch.tensor([0, 1, 2]), 4)
    assert np.isnan(s.recall[[1, 3]]).all() and s.recall[[0, 2]].tolist() == [.5, 1.] and s.balanced_accuracy == .75


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=30))
@settings(max_examples=50, deadline=None)
def test_score_is_sklearns(pairs):
    y, p = torch.tensor(pairs).T
    s = score(y, p, 4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = balanced_accuracy_score(y, p)
    np.testing.assert_allclose([s.balanced_accuracy, s.accuracy], [expected, (y == p).float().mean()], rtol=1e-6)


@pytest.mark.parametrize("kwargs, message", [
    (dict(head="best"), "head: expected .*'best'"),
    (dict(head="center"), 'centers: expected them for head="center", got None'),
    (dict(head="center", centers=torch.zeros(3, 5)), r"centers: expected shape \(K, 2\), got \(3, 5\)"),
    (dict(head="prior"), 'prior: expected them for head="prior", got None'),
    (dict(head="prior", prior=[1, 2]), r"prior: expected shape \(3,\), got \(2,\)"),
    (dict(head="prior", prior=[1, 0, 2]), "prior: expected positive numbers"),
    (dict(batch_size=0), "batch_size: .*got 0"),
    (dict(y=torch.tensor([0, 1])), "y: expected as many labels as samples .*4 samples and 2 labels"),
    (dict(x=torch.zeros(0, dtype=torch.int64), y=torch.zeros(0, dtype=torch.int64)), "y: .*0 samples and 0 labels"),
    (dict(y=torch.tensor([0, 1, 2, 3])), "y: expected labels from 0 to 2"),
])
def test_evaluate_refuses(kwargs, message):
    arguments = {"x": torch.arange(4), "y": torch.tensor([0, 1, 2, 1]), **kwargs}
    with pytest.raises(ValueError, match=message): evaluate(TABLE, arguments.pop("x"), arguments.pop("y"), **arguments)


# ---------------------------------------------------------------- progress and pictures

def test_progress(capsys):
    looks = []
    class Loss(float):
        def __float__(self): looks.append(1); return 1.5
    steps = (SimpleNamespace(n=n, total=503, losses={"total": Loss()}) for n in range(4, 504))
    assert [s.n for s in progress(steps)] == list(range(4, 504))
    assert len(looks) < 20
    shown = capsys.readouterr().err
    assert "503/503" in shown and "total=1.500" in shown
    assert list(progress(iter([]))) == []


def test_closing_progress_closes_the_training():
    model = net()
    steps = progress(fit(model, Objective(), Batches(X, Y)))
    next(steps)
    steps.close()
    assert all(p.grad is None for p in model.parameters())


def test_pictures():
    lines = schedule_figure({"a": cosine(), "b": staircase()}, 50, lr=.1).axes[0].lines
    assert len(lines) == 2 and len(lines[0].get_ydata()) == 50 and lines[1].get_ydata()[0] == .1
    fig = curves_figure({"whole": ([1, 2, 3], [1, 1, 1]), "cut": ([1, 5], [1, 9])})
    assert [len(ax.lines) for ax in fig.axes] == [3, 3] and fig.axes[0].lines[2].get_ydata() == [5]
    s = score(torch.tensor([0, 0, 1]), torch.tensor([0, 1, 1]), 2)
    image = confusion_figure({"one": s, "two": s}, ["<b>", "x"]).axes[0].images[0].get_array()
    assert image.tolist() == [[.5, .5], [0, 1]]


def test_import_is_quick():
    code = "import sys, fer_nb.training; print([m for m in ('accelerate', 'matplotlib', 'sklearn') if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"
