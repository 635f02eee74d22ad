"The papers' tables at lab scale: more seeds cost only themselves; and Table 1 on the real MNIST."
import os

import pytest

from dataset_trees import idx_folder
from fer_nb.files import read_csv
from fer_nb.reproduce import EXPERIMENTS, beside, runner, told_apart
from house import ROOT

import mnist_table
import papers


@pytest.fixture
def trained(monkeypatch):
    "Keys of what would be trained; nothing is."
    keys = []
    def make_row(job, *rest):
        keys.append((job.training.key(), job.seed))
        return {"training": job.training.key(), "seed": job.seed, "tests": list(job.tests), "data": dict(job.content), "diverged": "not trained"}
    monkeypatch.setattr(runner, "make_row", make_row)
    monkeypatch.setattr(runner, "write", lambda *args: None) # no figures
    return keys

def again(tmp_path, seeds):
    out = tmp_path/"again.csv"
    out.write_bytes(papers.RESULTS.read_bytes())
    papers.main(["--seeds", str(seeds), "--out", str(out), "--work", str(tmp_path/"work"), "--jobs", "1"])
    return read_csv(out)

def test_what_the_table_holds_is_not_trained_again(trained, tmp_path):
    again(tmp_path, papers.SEEDS)
    assert trained == [] and (tmp_path/"again.csv").read_bytes() == papers.RESULTS.read_bytes()

@pytest.fixture
def fewest():
    "The tables that have no more seeds than the program makes, all but the sweep."
    rows = read_csv(papers.RESULTS)
    return {r["experiment"] for r in rows if len(r["each"].split()) == papers.SEEDS and r["experiment"] != "001-sweep"}

def test_one_seed_more_trains_that_seed_alone(trained, fewest, tmp_path):
    before, made = read_csv(papers.RESULTS), again(tmp_path, papers.SEEDS + 1)
    assert {seed for _, seed in trained} == {papers.SEEDS}
    for old, new in zip(before, made, strict=True):
        if new["experiment"] in fewest: assert int(new["seeds"]) + int(new["diverged"]) == len(new["each"].split()) == papers.SEEDS + 1
        else: assert new == old # the sweep, and what has more seeds already
    assert {new["experiment"] for new in made if int(new["diverged"])} == fewest

def test_an_interruption_keeps_the_tables_that_are_finished(trained, fewest, monkeypatch, tmp_path):
    first, second, third, *_ = (name for name in EXPERIMENTS if name in fewest)
    def run(name, **settings):
        if name == third: raise KeyboardInterrupt
        return runner.run(name, **settings)
    monkeypatch.setattr(papers, "run", run)
    with pytest.raises(KeyboardInterrupt): again(tmp_path, papers.SEEDS + 1)
    made = {r["experiment"]: r for r in read_csv(tmp_path/"again.csv")}
    assert list(made) == list(EXPERIMENTS) and {name for name, r in made.items() if int(r["diverged"])} == {first, second}

def test_a_table_of_other_rows_is_refused():
    rows = read_csv(papers.RESULTS)
    with pytest.raises(AssertionError): papers.known([*rows[1:], rows[0]])


# ---- the real MNIST

def test_the_real_table_is_the_papers():
    cells = [c for c in EXPERIMENTS["003-table-1"].cells if c.measure == "accuracy"]
    assert [c.paper for c in cells] == list(mnist_table.PRINTED.values()) and [c.row for c in cells] == list(mnist_table.RECIPES)
    for r, c in zip(mnist_table.RECIPES.values(), cells): # what is not in PROTOCOL is the paper preset's
        assert (r.loss, r.lam, r.gamma, r.alpha, r.scaling, r.centers, r.batch_size) == (c.training.loss, c.training.lam, c.training.gamma, .5, "code", "rule", 128)

def test_counts_of_mnist():
    assert [sum(part) for part in mnist_table.COUNTS] == [60_000, 10_000]

def test_the_shipped_table_has_whole_seeds():
    rows = read_csv(mnist_table.RESULTS)
    seeds = sorted({int(r["seed"]) for r in rows})
    assert list(rows[0]) == mnist_table.FIELDS and seeds == list(range(len(seeds))) and len(seeds) >= mnist_table.SEEDS
    assert [(r["method"], int(r["seed"])) for r in rows] == [(m, s) for s in seeds for m in mnist_table.RECIPES]
    assert all({k: str(v) for k, v in mnist_table.PROTOCOL.items()}.items() <= r.items() and r["tested"] == "10000" and r["images"] == "37499" for r in rows)

def test_words_of_the_room_are_those_of_the_table():
    rows, room = read_csv(mnist_table.RESULTS), (ROOT/"nbs/22_reproduce/07_seeds.ipynb").read_text(encoding="utf-8")
    assert "| DDA λ=0.01 γ=7 | 97.34 | 92.04 ± 4.60 | -5.30      | 95.56 ± 0.22   | -1.78      |" in beside(rows, mnist_table.PRINTED, mnist_table.READOUTS)
    told = told_apart(rows, mnist_table.PRINTED, mnist_table.READOUTS)
    for words in ("+3.80 [+2.46, +5.13]", "+1.72 [+1.22, +2.21]"): assert words in told and words in room

def test_another_set_of_digits_is_refused(tmp_path):
    for part in ("train", "t10k"): idx_folder(tmp_path, 10, part=part)
    with pytest.raises(ValueError, match="^data: expected MNIST, with .* digits of the classes, got "): mnist_table.cell(dict(method="softmax", seed=0, data=str(tmp_path)))

@pytest.mark.skipif("MNIST" not in os.environ, reason="set MNIST to a folder with its four IDX files")
def test_a_row_of_the_real_thing(monkeypatch):
    monkeypatch.setitem(mnist_table.RECIPES, "softmax", mnist_table.replace(mnist_table.RECIPES["softmax"], majority=30, epochs=1))
    row = mnist_table.cell(dict(method="softmax", seed=0, data=os.environ["MNIST"]))
    assert set(row) <= set(mnist_table.FIELDS) and 0 <= float(row["linear"]) <= 100
