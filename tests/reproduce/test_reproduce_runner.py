"Tables from end to end: in processes and parts, killed and gone on with, on real layouts."
import csv
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch

import dataset_trees as trees
import fer_nb.reproduce.runner as room
from fer_nb import papers
from _ddp_reproduce import main as alone
from fer_nb.files import append_line, read_lines
from fer_nb.wmnist import load_digits
from fer_nb.large_margin import EMOTIONET_AUS
from fer_nb.papers import Recipe
from fer_nb.reproduce import EXPERIMENTS, NETWORKS, Cell, Experiment, Training, at_scale, run
from fer_nb.reproduce.runner import Job, plan
from fer_nb.reproduce.trainings import LOSSES
from waiting import STUCK, wait_for

small = lambda name, **kw: run(name, scale="smoke", jobs=1, progress=False, **kw)
numbers = lambda cells: [(c["row"], c["column"], c["ours"]) for c in cells]


# ---- plans

def test_plan_holds_every_training_and_seed_once():
    e = EXPERIMENTS["000-table-2"]
    jobs = plan(e, "lab", 2, dict.fromkeys(("kdef", "ckplus", "jaffe", "tfeid"), "x"))
    assert len(jobs) == 2 * len(e.trainings()) and [job.seed for job in jobs.values()] == [0, 1] * 4
    assert all(key == f"{job.training.key()}-{job.seed}" for key, job in jobs.items())
    assert [job.training.start is not None for job in jobs.values()] == [False] * 2 + [True] * 6 # they need the first
    assert jobs[f"{at_scale(e.cells[0].training).key()}-0"].tests == ("ckplus", "jaffe", "kdef", "tfeid")

def test_content_is_that_of_the_sets_seen():
    a = Training(("jaffe",), start=Training(("kdef",), unlabeled=("tfeid",)))
    e = Experiment("x", "y", (Cell("r", "c", a, "ckplus:all", "accuracy"), Cell("s", "c", Recipe(), "mnist", "accuracy")))
    content = dict(kdef="1", jaffe="2", tfeid="3", ckplus="4", mnist="5", rafdb="6")
    digits, faces = plan(e, "paper", 1, content).values()
    assert faces.content == dict(ckplus="4", jaffe="2", kdef="1", tfeid="3") and digits.content == {"mnist": "5"} and digits.tests == ("mnist",)

@pytest.mark.parametrize("row, met", [(dict(tests=["a", "b"], data=dict(a="1", b="2")), True), (dict(tests=["b", "a", "c"], data=dict(a="1", b="2", c="3")), True), (dict(tests=["a"], data=dict(a="1", b="2")), False),
                                      (dict(tests=["a", "b"], data=dict(a="1", b="other")), False), (dict(tests=["a", "b"], data=dict(a="1")), False), ({}, False)])
def test_what_meets_a_job(row, met): assert Job(Training(("kdef",)), ("a", "b"), 0, dict(a="1", b="2")).met_by(row) is met


# ---- running them

@pytest.fixture(scope="module")
def out(tmp_path_factory): return tmp_path_factory.mktemp("reproduced")

@pytest.mark.slow
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_smoke_run_ends_with_a_table(name, out):
    cells = small(name, out=out)
    assert len(cells) == len(EXPERIMENTS[name].cells) and all(c["seeds"] == 1 for c in cells if c["measure"] not in EMOTIONET_AUS and "intra" not in c["measure"] and "avg" not in c["measure"])
    text = (out/f"{name}.md").read_text(encoding="utf-8")
    assert "embedded" in text and "trained on" in text
    recipe = json.loads((out/f"{name}.json").read_text(encoding="utf-8"))
    assert recipe["data"] == "embedded" and set(recipe["trainings"]) >= {at_scale(t, "smoke").key() for t in EXPERIMENTS[name].trainings()} and recipe["versions"]["torch"]
    assert (out/"figures"/f"{name} table.html").stat().st_size > 1000
    with (out/f"{name}.csv").open(encoding="utf-8") as file: assert len(list(csv.DictReader(file))) == len(cells)

@pytest.mark.slow
def test_figures_of_features_and_confusions(out):
    small("000-figures", out=out), small("004-table-2", out=out)
    names = {p.name for p in (out/"figures").iterdir()}
    assert any(n.startswith("000-figures features") for n in names) and any(n.startswith("004-table-2 confusion") for n in names)

def test_nothing_is_trained_twice(tmp_path, monkeypatch):
    first = small("003-table-3", out=tmp_path)
    monkeypatch.setattr(room, "train", lambda *a: pytest.fail("trained again"))
    assert numbers(small("003-table-3", out=tmp_path)) == numbers(first)

KILLED = STUCK.format(room="fer_nb.reproduce.runner", name="train", calls=2) + """
room.run('003-table-3', scale='smoke', seeds=2, jobs=1, out=sys.argv[1], progress=False)
"""

@pytest.mark.slow
def test_killed_and_started_again(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path/"killed")])
    rows = tmp_path/"killed/rows.jsonl"
    assert wait_for(lambda: process.poll() is not None or rows.exists() and 2 <= rows.read_text().count("\n"), pause=.02) and process.poll() is None
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    with rows.open("a") as file: file.write('{"training": "cut sh')
    assert not (tmp_path/"killed/003-table-3.md").exists()
    whole = small("003-table-3", seeds=2, out=tmp_path/"whole")
    assert numbers(small("003-table-3", seeds=2, out=tmp_path/"killed")) == numbers(whole)
    with pytest.warns(UserWarning, match="left out 1 lines"): kept = read_lines(rows)
    assert sorted(row["key"] for row in kept) == sorted(row["key"] for row in read_lines(tmp_path/"whole/rows.jsonl")) # nothing was glued to the piece
    assert (tmp_path/"killed/003-table-3.md").read_text() == (tmp_path/"whole/003-table-3.md").read_text()

@pytest.mark.slow
def test_in_processes_and_in_parts(tmp_path):
    whole = small("003-table-3", seeds=2)
    assert numbers(run("003-table-3", scale="smoke", seeds=2, jobs=2, progress=False)) == numbers(whole)
    for i in range(3): small("003-table-3", seeds=2, out=tmp_path, part=(i, 3))
    assert not (tmp_path/"003-table-3.md").exists() and [len(p.read_text().splitlines()) for p in tmp_path.glob("rows-?-of-3.jsonl")] == [2, 2, 2]
    assert numbers(small("003-table-3", seeds=2, out=tmp_path)) == numbers(whole) and not (tmp_path/"rows.jsonl").exists()

def test_rows_without_a_key_do_not_count(tmp_path):
    "Older ones: their trainings were named by all fields."
    first = small("003-table-3", out=tmp_path/"a")
    for row in read_lines(tmp_path/"a/rows.jsonl"):
        del row["key"]
        for m in row["measured"].values(): m["accuracy"] = -1.
        append_line(tmp_path/"b/rows.jsonl", row)
    assert numbers(small("003-table-3", out=tmp_path/"b")) == numbers(first)

def test_out_that_is_a_file(tmp_path):
    (tmp_path/"f").write_text("mine")
    with pytest.raises(ValueError, match="out: expected a folder, got the file"): small("003-table-3", out=tmp_path/"f")
    assert (tmp_path/"f").read_text() == "mine"


# ---- real sets, in their owners' layouts

def one_step(e):
    "The table's last method, cut down to one step on two pictures of each set."
    short = lambda t: t and replace(t, epochs=1, most=2, batch=4, weights="none", start=short(t.start))
    last = e.cells[-1].training
    return replace(e, cells=tuple(c._replace(training=short(last)) for c in e.cells if c.training == last))

LAST = {e.cells[-1].training: name for name, e in EXPERIMENTS.items() if name != "003-table-1"} # Wild-MNIST has a test of its own

@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", LAST.values())
@pytest.mark.slow
def test_takes_a_step_at_paper_scale(name, folders, monkeypatch):
    e = one_step(EXPERIMENTS[name])
    for network in ("vgg16fc", "vgg19taps"): # tests/backbones has them at their whole width
        monkeypatch.setitem(NETWORKS, network, partial(NETWORKS[network], width=1/8))
    needed = {s.partition(":")[0] for c in e.cells for s in (*c.training.sets, *c.training.unlabeled, c.test)}
    cells = run(e, {k: folders[k] for k in needed}, jobs=1, progress=False)
    assert all(c["scale"] == "paper" and "embedded" not in c["trained on"] + c["tested on"] for c in cells)
    assert any(c["seeds"] for c in cells)

@pytest.mark.slow
def test_other_pictures_are_other_rows(tmp_path, monkeypatch):
    "A row is only taken for done if the sets hold what they held then."
    home = tmp_path/"rafdb"
    trees.rafdb(home)
    e = one_step(EXPERIMENTS["003-table-2"])
    go = lambda: run(e, {"rafdb": home}, out=tmp_path/"out", jobs=1, progress=False)
    first = go()
    monkeypatch.setattr(room, "make_row", lambda *a: pytest.fail("trained again"))
    assert numbers(go()) == numbers(first)
    list_file = next(home.rglob("list_patition_label.txt"))
    lines = list_file.read_text().splitlines()
    list_file.write_text("\n".join(lines[:-1]))
    with pytest.raises(pytest.fail.Exception, match="trained again"): go()

def test_wild_mnist_from_idx_files(tmp_path):
    for part, n in (("train", 700), ("t10k", 70)): trees.idx_folder(tmp_path, n, part=part)
    e = EXPERIMENTS["003-table-1"]
    e = replace(e, cells=tuple(c._replace(training=replace(c.training, epochs=1, majority=20, batch_size=200)) for c in e.cells[-1:]))
    cells = run(e, {"mnist": tmp_path}, jobs=1, progress=False)
    assert cells[0]["trained on"] == cells[0]["tested on"] == "W-MNIST" and cells[0]["seeds"] == 1 and 0 <= cells[0]["ours"] <= 100

def test_a_diverged_training_is_a_row():
    e = EXPERIMENTS["003-table-1"]
    e = replace(e, cells=tuple(c._replace(training=replace(c.training, gamma=1e38)) for c in e.cells[-1:]))
    cell, = small(e)
    assert (cell["seeds"], cell["diverged"]) == (0, 1)

def measured(home):
    "What every training of `_ddp_reproduce.py` came to: name → numbers, confusions flat."
    rows = read_lines(home/"rows.jsonl")
    each = {str(row["training"]): next(iter(row["measured"].values())) for row in rows}
    return {name: {key: torch.tensor(value, dtype=torch.float64).flatten().tolist() for key, value in found.items()} for name, found in each.items()}

@pytest.fixture(scope="module")
def one_process(folders, tmp_path_factory):
    "Every kind of training by this process alone, and the folders of its sets."
    home = tmp_path_factory.mktemp("alone")
    for part in ("train", "t10k"):
        images, labels = load_digits(train=part == "train")
        few = torch.cat([(labels == k).nonzero()[:75, 0] for k in range(10)]) # whoever tests on fewer is done sooner
        images, labels = (trees.idx(t[few].byte().numpy()) for t in (images, labels))
        trees.idx_folder(home/"mnist", part=part, images=images, labels=labels)
    sets = {name: str(folders[name]) for name in ("rafdb", "fer2013", "emotionet")} | {"mnist": str(home/"mnist")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(NETWORKS, "resnet18", NETWORKS["resnet18"]) # put back after `alone`
        alone(sets, home)
    return sets, measured(home)

@pytest.mark.filterwarnings("ignore")
@pytest.mark.slow
def test_four_processes_make_the_same_table(one_process, tmp_path): # two: tests/losses, tests/arena, tests/grl and tests/test_targets.py
    sets, one = one_process
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "4"]
    done = subprocess.run([*torchrun, Path(__file__).parent/"_ddp_reproduce.py", json.dumps(sets), tmp_path], env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads((tmp_path/"ddp.json").read_text())["processes"] == 4
    several = measured(tmp_path)
    assert len(one) == len(several) == len(LOSSES) + len(papers.LOSSES)
    for name, found in one.items():
        for key, values in found.items(): assert several[name][key] == pytest.approx(values, rel=1e-4, nan_ok=True), (name, key)


# ---- bad input

@pytest.mark.parametrize("change, says", [
    (dict(seeds=0), "seeds: expected a whole number"), (dict(jobs=0), "jobs: expected a whole number"), (dict(jobs=1.5), "jobs: "), (dict(part=(2, 2)), "part: expected a whole number from 0 to 1, got 2"), (dict(part=3), "part: "),
    (dict(part=(0, 1.5)), "part: "), (dict(scale="huge"), "scale: expected one of paper, lab, smoke"), (dict(scale="paper"), "64 pixels wide"), (dict(experiment="005-table"), "name: expected one of 000-table-1")])
def test_bad_input(change, says):
    with pytest.raises(ValueError, match=says): run(**{"experiment": "003-table-3", "progress": False, **change})
