"A training step as a file: what comes out of it is what `fit` does, for every loss, and a loss of one's own."
import sys
from itertools import islice

import pytest
import torch
from torch import nn

from fer_nb.backbones import Output
from fer_nb.page import TracedStep, export_step, trace_look, trace_step
from fer_nb.page.step import _start, _stepped, _Together
from fer_nb.papers import LOSSES, Recipe, build, wild_data
from fer_nb.training import Batches, Objective, cosine, fit

OURS = ("softmax", "center", "island", "dda", "separate", "margin", "angular")


def as_torch(traced):
    "What runs the operations one by one."
    return lambda given: dict(zip(traced.outputs, traced.graph(*given.values())))

def as_engine(traced):
    "What runs the file."
    ort = pytest.importorskip("onnxruntime")
    alone = ort.SessionOptions()
    alone.intra_op_num_threads = 1                                                # others would wait for work at full speed
    engine = ort.InferenceSession(export_step(traced), alone)
    asked = [i.name for i in engine.get_inputs()]
    assert [o.name for o in engine.get_outputs()] == traced.outputs
    return lambda given: dict(zip(traced.outputs, map(torch.tensor, engine.run(None, {k: given[k].numpy() for k in asked}))))

def taken(model, objective, x, y, lr=.05, center_lr=.3):
    "What comes out of a step in float64 that is taken and not written down."
    both = _Together(model, objective).train()
    out = _stepped(both, _start(both), x, y, *(torch.tensor(rate, dtype=torch.float64) for rate in (lr, center_lr)), 5.)
    return {name: t.detach() for name, t in out.items()}

def away(a, b): return float((a.double() - b.double()).abs().max() / b.double().abs().max().clamp(min=1e-9)) if b.numel() else 0.

def training(recipe, dtype):
    "`fit` as the recipe wants it, in a precision."
    model, objective = build(recipe)
    data = wild_data(recipe)
    batches = Batches(data.x.to(dtype), data.y, batch_size=recipe.batch_size, seed=recipe.seed)
    return fit(model.to(dtype), objective.to(dtype), batches, recipe.epochs, lr=recipe.lr, schedule=cosine(), clip=recipe.clip, center_lr=recipe.alpha)

def following(recipe, runs, dtype):
    "How far the written steps are from those of `fit`, each from where `fit` stands: after each the farthest so far, relative to the largest number."
    farthest = 0.
    for taken in training(recipe, dtype):
        x, y = taken.batch
        if taken.n == 1:
            traced = trace_step(*(m.to(dtype) for m in build(recipe)), x, y, recipe.clip)
            run, now = runs(traced), dict(traced.start)
        rates = dict(lr=torch.tensor(taken.lr, dtype=dtype), center_lr=torch.tensor(recipe.alpha * taken.lr / recipe.lr, dtype=dtype))
        out = run({**now, "x": x, "y": y, **rates})
        there = {f"model.{n}": t for n, t in taken.model.state_dict().items()} | {f"objective.{n}": t for n, t in taken.objective.state_dict().items()}
        now = {name: out[f"new/{name}"] if name.startswith("momenta/") else there[name.partition("/")[2]].clone() for name in now}
        pairs = [(out[f"new/{name}"], t) for name, t in now.items()] + [(out[f"loss/{name}"], t) for name, t in taken.losses.items()]
        pairs += [(out["embedding"], taken.output.embedding), (out["logits"], taken.output.logits), (out["gradient"], taken.grad_norm)]
        farthest = max(farthest, *(away(a, b) for a, b in pairs))
        yield farthest

def followed(recipe, steps, runs, dtype): return next(islice(following(recipe, runs, dtype), steps - 1, None))

def mostly_slow(values, quick="dda"): return [v if v == quick else pytest.param(v, marks=pytest.mark.slow) for v in values]

def small(loss, **more): return Recipe(loss, batch_size=130, **more) # 15 batches, all alike

@pytest.mark.parametrize("loss", mostly_slow(LOSSES))
def test_the_operations_are_those_of_fit(loss): assert followed(small(loss), 3, as_torch, torch.float64) < 1e-9

@pytest.mark.slow
def test_ten_steps_and_a_hundred():
    away = list(islice(following(small("dda"), as_engine, torch.float32), 100))
    assert away[9] < 1e-4 and away[99] < 1e-3

@pytest.mark.slow
@pytest.mark.parametrize("change", [dict(scaling="code"), dict(centers="autograd"), dict(clip=None), dict(width=.1, size=28), dict(feat_dim=3)])
def test_other_settings(change): assert followed(small("dda", **change), 2, as_torch, torch.float64) < 1e-9

class Huber(nn.Module):
    "A loss that nobody has seen before."
    def __init__(self):
        super().__init__()
        self.ring = nn.Parameter(torch.tensor(1.5))
        self.register_buffer("mean", torch.zeros(2))
    def forward(self, x, y):
        with torch.no_grad(): self.mean.mul_(.9).add_(x.mean(0), alpha=.1)
        return nn.functional.huber_loss((x - self.mean).norm(dim=1), self.ring.expand(len(x)))

class Net(nn.Module):
    def __init__(self, *layers):
        super().__init__()
        self.body, self.head = nn.Sequential(*layers, nn.Flatten(), nn.LazyLinear(2)), nn.Linear(2, 3)
    def forward(self, x):
        e = self.body(x)
        return Output(e, self.head(e))

def parts(*layers):
    torch.manual_seed(0)
    x, model = torch.randn(6, 1, 8, 8), Net(*layers)
    model(x)
    return model, x, torch.arange(6) % 3

@pytest.mark.parametrize("runs", [as_torch, pytest.param(as_engine, marks=pytest.mark.slow)])
@pytest.mark.slow
def test_a_loss_and_a_network_of_ones_own(runs):
    model, x, y = parts(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2, padding=1), nn.Conv2d(4, 2, 3, bias=False), nn.Tanh())
    objective = Objective(huber=(Huber(), .3))
    traced = trace_step(model, objective, x, y, clip=.1)
    out = runs(traced)({**traced.start, "x": x, "y": y, "lr": torch.tensor(.1), "center_lr": torch.tensor(.7)})
    losses = objective((x, y), model(x))
    sum(losses.values()).backward()
    norm = nn.utils.clip_grad_norm_([*model.parameters(), *objective.parameters()], .1)
    torch.testing.assert_close(out["gradient"], norm)
    torch.testing.assert_close(out["loss/huber"], losses["huber"].detach())
    for p in model.parameters(): p.data -= .1 * (p.grad + 5e-4 * p.data)
    for name, p in model.named_parameters(): torch.testing.assert_close(out[f"new/weights/model.{name}"], p.detach())
    ring = objective.terms["huber"].ring
    torch.testing.assert_close(out["new/weights/objective.terms.huber.ring"], (ring - .7 * ring.grad).detach())
    torch.testing.assert_close(out["new/others/objective.terms.huber.mean"], objective.terms["huber"].mean)
    assert "momenta/objective.terms.huber.ring" not in traced.start

def test_writing_down_changes_nothing():
    model, objective = build(small("dda"))
    before = {n: t.clone() for m in (model, objective) for n, t in m.state_dict().items()}
    trace_step(model, objective, torch.randn(10, 1, 14, 14), torch.arange(10))
    assert all(t.equal(before[n]) for m in (model, objective) for n, t in m.state_dict().items()) and all(p.grad is None for p in model.parameters())

def test_layers_that_cannot_be_written_down():
    model, x, y = parts(nn.Conv2d(1, 2, 3, stride=2))
    says = "model: expected convolutions of stride 1 without groups or dilation, got another one"
    with pytest.raises(ValueError, match=says): trace_step(model, Objective(), x, y)

@pytest.mark.parametrize("loss", mostly_slow(OURS))
def test_a_smaller_batch_is_filled_up(loss):
    "A label of -100 does not count: the step is that of the batch without it."
    x, y = (t[:40] for t in wild_data(small(loss))[:2])
    few = y.clone()
    few[25:] = -100
    made = lambda: [m.double() for m in build(small(loss))]
    step, rates = trace_step(*made(), x.double(), y), [torch.tensor(.1, dtype=torch.float64)] * 2
    filled = dict(zip(step.outputs, step.graph(*step.start.values(), x.double(), few, *rates)))
    alone = taken(*made(), x[:25].double(), y[:25], .1, .1)
    assert filled.keys() == alone.keys() and all(away(filled[name], alone[name]) < 1e-9 for name in alone if name not in ("embedding", "logits"))

@pytest.mark.parametrize("runs", [as_torch, pytest.param(as_engine, marks=pytest.mark.slow)])
@pytest.mark.parametrize("loss", mostly_slow(OURS))
@pytest.mark.slow
def test_a_look_says_what_pulls(loss, runs):
    "Each loss alone, in evaluation; samples that do not count are not pulled, and nothing moves."
    model, objective = build(small(loss))
    x, y = (t[:40] for t in wild_data(small(loss))[:2])
    y = torch.where(torch.arange(40) < 30, y, -100)
    objective.train()((x, y), model.train()(x)) # centers go to where samples are
    before = {n: t.clone() for n, t in objective.state_dict().items()}
    look = trace_look(model, objective, x, y)
    out = runs(look)({**look.start, "x": x, "y": y})
    assert model.training and objective.training and look.given == ("x", "y")
    output = model.eval()(x)
    losses = objective.eval()((x, y), output)
    pulls = {f"pull/{n}": torch.autograd.grad(v, output.embedding, retain_graph=True)[0] for n, v in losses.items()}
    assert out.keys() == {"embedding", "logits", *pulls} and pulls
    for name, t in {"embedding": output.embedding, "logits": output.logits, **pulls}.items(): assert away(out[name], t.detach()) < 1e-4
    assert all((out[name][30:] == 0).all() and out[name][:30].any() for name in pulls)
    assert all(t.equal(before[n]) for n, t in objective.state_dict().items())

class Steady(nn.Module):
    "A loss that does not depend on the embedding."
    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.tensor(2.))
    def forward(self, x, y): return self.w.square()

def test_what_does_not_pull_is_zero():
    model, x, y = parts(nn.ReLU())
    look = trace_look(model, Objective(still=(Steady(), 1.)), x, y)
    out = dict(zip(look.outputs, look.graph(*look.start.values(), x, y)))
    assert (out["pull/still"] == 0).all() and out["pull/softmax"].any()

@pytest.mark.parametrize("change, says", [
    (dict(x=3), "x: expected a tensor, got int"), (dict(y=torch.zeros(2, 2)), "y: expected"), (dict(clip=0), "clip: expected a finite number above 0, got 0"),
    (dict(model=len), "model: expected a torch.nn.Module, got"), (dict(objective=None), "objective: expected a torch.nn.Module, got")])
def test_bad_input(change, says):
    model, x, y = parts()
    traces = (trace_step,) if "clip" in change else (trace_step, trace_look)
    for trace in traces:
        with pytest.raises(ValueError, match=says): trace(**dict(model=model, objective=Objective(), x=x, y=y) | change)

def test_a_file_needs_a_step_and_the_page_extra(monkeypatch):
    with pytest.raises(ValueError, match="step: expected what trace_step returns"): export_step(3)
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(ImportError, match=r'export_step: expected the packages of the page extra; .*pip install "fer_nb\[page\]"'):
        export_step(TracedStep(None, {}, []))
