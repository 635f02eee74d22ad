"fit: an iterator of steps, its batches, what it refuses, several processes, half the bits."
import math
import random
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from accelerate import Accelerator
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.data import DataLoader, IterableDataset, TensorDataset, WeightedRandomSampler

from _ddp_training import check as ddp_check
from _kill_training import Follow, Net
from fer_nb.backbones import Output
from fer_nb.centers import CenterLoss
from fer_nb.training import Batches, Objective, Step, evaluate, fit, progress, staircase
from fer_nb.training.loop import _accelerator
from training_parts import X, Y, Constant, data, net, same, state


# ---------------------------------------------------------------- the iterator

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


def test_autograd_centers_learn_at_their_own_rate():
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


# ---------------------------------------------------------------- other sources

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


# ---------------------------------------------------------------- what it refuses, at the call

class Stream(IterableDataset):
    def __iter__(self): return iter([])


class Wrong(nn.Module):
    "An objective that returns what it was given."
    def __init__(self, result):
        super().__init__()
        self.result = result

    def forward(self, batch, output): return self.result


BAD = [
    (dict(model=3), "model: expected a torch.nn.Module, got int"),
    (dict(objective=F.cross_entropy), "objective: expected a torch.nn.Module, got function"),
    (dict(epochs=0), "epochs: expected a whole number of at least 1, got 0"),
    (dict(epochs=1.5), "epochs: .*1.5"),
    (dict(epochs=None), "epochs: .*None"),
    (dict(lr=0), "lr: expected a finite number above 0, got 0"),
    (dict(lr=-1), "lr: .*-1"),
    (dict(lr=math.nan), "lr: .*nan"),
    (dict(lr="fast"), "lr: .*'fast'"),
    (dict(center_lr=0), "center_lr: expected a finite number above 0, got 0"),
    (dict(clip=0), "clip: expected a finite number above 0, got 0"),
    (dict(seed=-1), "seed: expected a whole number of at least 0, got -1"),
    (dict(check_every=0), "check_every: .*got 0"),
    (dict(checkpoint_every=0), "checkpoint_every: .*got 0"),
    (dict(batches=7), "batches: expected Batches, a DataLoader or a list .*got int"),
    (dict(batches=X), "batches: .*got Tensor"),
    (dict(batches=[]), "batches: expected at least one batch, got none"),
    (dict(batches=[X]), r"batches: expected tuples \(x, y, …\) of tensors, got Tensor"),
    (dict(batches=[{"x": X}]), "batches: .*got dict"),
    (dict(batches=DataLoader(Stream())), "batches: .*got a stream"),
    (dict(batches=DataLoader(TensorDataset(X, Y), batch_size=None)), "batches: .*single samples"),
    (dict(batches=Batches(X, Y + 1)), "y: expected labels from 0 to 9, as many classes as the model has, got 1 to 10"),
    (dict(batches=Batches(X, Y - 1)), "y: .*got -1 to 8"),
    (dict(batches=Batches(X, Y.float())), r"y: expected labels \(B,\) of dtype int64, got \(40,\) of torch.float32"),
    (dict(batches=Batches(X[:, :, 1:], Y)), r"images: expected shape \(B, 1, 12, 12\)"),
    (dict(batches=Batches(X.to(torch.uint8), Y)), "images: expected a floating-point dtype, got torch.uint8"),
    (dict(model=nn.Sequential(nn.Flatten(), nn.Linear(144, 10))), r"model: expected one that returns Output\(embedding, logits\), got Tensor"),
    (dict(model=net().requires_grad_(False)), "model: expected parameters to train, got none"),
    (dict(objective=Wrong(torch.tensor(1.))), "objective: expected a dict of scalar losses, got Tensor"),
    (dict(objective=Wrong({})), "objective: expected a dict"),
    (dict(objective=Wrong({"a": 1.})), "objective: expected scalar tensors, got float for 'a'"),
    (dict(objective=Wrong({"a": torch.zeros(3)})), r"objective: expected scalar tensors, got \(3,\) for 'a'"),
    (dict(objective=Wrong({"total": torch.tensor(1.)})), "objective: expected another name for the loss 'total'"),
    (dict(objective=nn.Identity()), r"objective: expected one that takes \(batch, output\)"),
    (dict(optimizer="adam"), r"optimizer: expected a callable\(params\), got str"),
    (dict(optimizer=lambda params: None), "optimizer: expected a callable that returns a torch Optimizer, got NoneType"),
    (dict(schedule=.5), r"schedule: expected a callable\(n, total\) that returns a number"),
    (dict(schedule=lambda n, total: None), "schedule: expected"),
    (dict(accelerator="cuda"), "accelerator: expected an accelerate.Accelerator, got str"),
    (dict(schedule=lambda: 1.), r"schedule: expected a callable\(n, total\) .*takes 0 positional arguments"),
    (dict(checkpoint=__file__), "checkpoint: expected a folder, got the file"),
    (dict(checkpoint=5), "checkpoint: expected a path, got 5"),
    *[({name: value}, f"{name}: .*got {value!r}") for name in ("epochs", "lr", "center_lr", "clip", "seed", "check_every", "checkpoint_every") for value in (True, "7")],
    (dict(batches=Batches(X)), r"batches: expected tuples \(x, y, …\) of tensors, got \['Tensor'\]"),
]


@pytest.mark.parametrize("kwargs, message", BAD)
def test_fit_refuses_at_the_call(kwargs, message):
    with pytest.raises(ValueError, match=message): fit(**{"model": net(), "objective": Objective(), "batches": Batches(X, Y), **kwargs})


def test_fit_refuses_a_broken_model():
    model = net()
    model.classifier.weight.data[0, 0] = math.inf
    with pytest.raises(ValueError, match="model: expected finite weights, got NaN or infinity in classifier.weight"):
        fit(model, Objective(), Batches(X, Y))


def test_fit_refuses_accumulation():
    from accelerate import Accelerator
    with pytest.raises(ValueError, match="accelerator: expected gradient_accumulation_steps=1, got 4"):
        fit(net(), Objective(), Batches(X, Y), accelerator=Accelerator(gradient_accumulation_steps=4))


# ---------------------------------------------------------------- several processes, half the bits

@pytest.mark.slow
def test_two_processes_equal_one(ddp, tmp_path):
    (a, b), one = ddp(ddp_check, str(tmp_path / "two")), ddp_check(0, str(tmp_path / "one"))
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
    np.testing.assert_allclose(bits[:2], full[:2], rtol=2**-8) # the spacing of bfloat16; single precision is 65,536 times finer


# ---------------------------------------------------------------- progress

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


def test_import_is_quick():
    code = "import sys, fer_nb.batches, fer_nb.embeddings, fer_nb.training; print([m for m in ('accelerate', 'matplotlib', 'sklearn') if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"


class Flat(nn.Module):
    "The smallest network: one linear layer whose scores are the embedding, too."
    def __init__(self):
        super().__init__()
        self.dense = nn.Linear(144, 10)

    def forward(self, x):
        scores = self.dense(x.flatten(1))
        return Output(scores, scores)

def losses_and_centers(capture, cpu):
    "Of a short training whose last batch is smaller."
    torch.manual_seed(0)
    accelerator, term = Accelerator(cpu=cpu), CenterLoss(10, 10)
    steps = list(fit(Flat(), Objective(center=(term, .1)), Batches(X, Y, batch_size=16), 2, lr=.01, accelerator=accelerator, capture=capture))
    return torch.stack([step.losses["total"] for step in steps]).cpu(), term.centers.cpu()

def test_a_compiled_step_gives_the_same_losses(monkeypatch):
    "By the compiler's front end and autograd; its C++ back end takes 20 s and changes nothing of ours."
    made = []
    def compiled(module, mode, dynamic, compile=torch.compile):
        made.append(mode)
        return compile(module, backend="aot_eager", dynamic=dynamic)
    monkeypatch.setattr(torch, "compile", compiled)
    for ours, theirs in zip(losses_and_centers(True, cpu=True), losses_and_centers(False, cpu=True)): torch.testing.assert_close(ours, theirs)
    assert made == [None]

@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_cuda_graphs_give_the_same_losses():
    from accelerate.state import AcceleratorState
    AcceleratorState._reset_state(True)
    for ours, theirs in zip(losses_and_centers(True, cpu=False), losses_and_centers(False, cpu=False)): torch.testing.assert_close(ours, theirs)

def test_capture_is_a_choice():
    with pytest.raises(ValueError, match="capture: expected True or False, got 1"): fit(net(), Objective(), Batches(X, Y), capture=1)

def test_the_switch_reaches_the_training(monkeypatch):
    monkeypatch.setenv("FER_NB_DEVICE", "gpu")
    with pytest.raises(ValueError, match="^FER_NB_DEVICE: expected one of auto, cpu, cuda, mps, got 'gpu'"): fit(net(), Objective(), Batches(X, Y))

def test_cpu_is_asked_of_accelerate_where_there_is_a_gpu(monkeypatch):
    "Nothing of a GPU is touched that somebody else may be using"
    import accelerate
    asked = []
    monkeypatch.setattr(accelerate, "Accelerator", lambda cpu: asked.append(cpu))
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    for wish in ("cpu", "cuda"):
        monkeypatch.setenv("FER_NB_DEVICE", wish)
        _accelerator(None)
    assert asked == [True, False]

def test_a_process_that_trains_on_a_gpu_stays_there(monkeypatch):
    from accelerate.state import PartialState
    monkeypatch.setattr(PartialState, "_shared_state", dict(device=torch.device("cuda")))
    monkeypatch.setenv("FER_NB_DEVICE", "cpu")
    with pytest.raises(ValueError, match="^FER_NB_DEVICE: expected cuda, .*restart the kernel.*, got cpu"): fit(net(), Objective(), Batches(X, Y))
