"Every table of the papers: fer_nb.reproduce, from the installed package."
import csv
import json
import math
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

import dataset_trees as trees
import fer_nb.reproduce as room
from fer_nb.backbones import Output
from fer_nb.datasets import DATASETS
from fer_nb.reproduce import EXPERIMENTS, LOSSES, Cell, Experiment, Training, at_scale, build, check_data, collect, find, load_vggface, markdown, measure, objective, run, show

torch.set_num_threads(1)
small = lambda name, **kw: run(name, scale="smoke", jobs=1, progress=False, **kw)
numbers = lambda cells: [(c["row"], c["column"], c["ours"]) for c in cells]


# ---- the papers' numbers

def printed(name, row, column): return next(c.paper for c in EXPERIMENTS[name].cells if (c.row, c.column) == (row, column))

@pytest.mark.parametrize("name, row, column, value", [
    ("000-table-1", "CK", "KDEF+CK+JAFFE", 98.92), ("000-table-1", "JAFFE", "KDEF+CK, loss", 3.86), ("000-table-2", "TFEID", "then JAFFE", 58.69), ("000-table-3", "KDEF", "clamp 5,000", 79.08),
    ("000-table-4", "CK", "baseline, loss", 5.62), ("001-table-1", "UDAT-AS with margin", "RAF-DB → FER2013", 44.41), ("001-table-2", "Train on target", "FER2013 → RAF-DB", 84.78),
    ("002-table-1", "large margin, semi-supervised", "Avg. Acc.", 67.26), ("002-table-2", "large margin, transfer", "AU43", 47.2), ("003-table-1", "DDA λ=0.01 γ=7", "Acc.", 97.34), ("003-table-2", "DDA λ=0.01 γ=5", "Avg. Acc.", 79.71),
    ("003-table-3", "softmax", "Acc.", 61.46), ("004-table-1", "softmax + separate", "average inter", .75), ("004-table-2", "softmax", "RAF-DB compound", 56.94), ("004-table-3", "trained on RAF-DB", "MMI", 69.71),
    ("004-figure-4", "λ = 0.9", "RAF-DB", 86.38), ("004-features", "512", "RAF-DB", 86.41)])
def test_printed_numbers(name, row, column, value): assert printed(name, row, column) == value

def test_averages_of_table_2_are_those_of_its_columns():
    "By them the columns were put together again; the centre loss's do not fit, as the notebook says."
    full, short = room.EMOTIONET_AUS, {"AU1", "AU4", "AU5", "AU6", "AU12", "AU25", "AU26"}
    for row, fits in (("island loss, transfer", True), ("large margin, transfer", True), ("center loss, supervised", False)):
        f1 = {c.column: c.paper for c in EXPERIMENTS["002-table-2"].cells if c.row == row}
        assert (abs(sum(f1[a] for a in short) / 7 - f1["avg small"]) < .05) == fits and (abs(sum(f1[a] for a in full) / 12 - f1["avg full"]) < .06) == fits

def test_recipes_are_plain_data():
    assert len(EXPERIMENTS) >= 18 and all(name == e.name for name, e in EXPERIMENTS.items())
    used = {t for e in EXPERIMENTS.values() for t in e.trainings()}
    assert {t.loss for t in used} == set(LOSSES) and {t.network for t in used} == {*room.NETWORKS, "lenets++"} - {"labcnn"}
    assert len({t.key() for t in used}) == len(used)
    json.dumps([room.asdict(t) for t in used])

def test_every_experiment_shows_itself():
    for name, e in EXPERIMENTS.items():
        text = show(name)
        assert e.title in text and f"{len(e.trainings())} trainings" in text
        for cell in e.cells:
            if cell.paper is not None: assert f"{cell.paper:.2f}" in text


# ---- running them

@pytest.fixture(scope="module")
def out(tmp_path_factory): return tmp_path_factory.mktemp("reproduced")

@pytest.mark.parametrize("name", EXPERIMENTS)
def test_smoke_run_ends_with_a_table(name, out):
    cells = small(name, out=out)
    assert len(cells) == len(EXPERIMENTS[name].cells) and all(c["seeds"] == 1 for c in cells if c["measure"] not in room.EMOTIONET_AUS and "intra" not in c["measure"] and "avg" not in c["measure"])
    text = (out/f"{name}.md").read_text(encoding="utf-8")
    assert "embedded" in text and "trained on" in text
    recipe = json.loads((out/f"{name}.json").read_text(encoding="utf-8"))
    assert recipe["data"] == "embedded" and set(recipe["trainings"]) >= {at_scale(t, "smoke").key() for t in EXPERIMENTS[name].trainings()} and recipe["versions"]["torch"]
    assert (out/"figures"/f"{name} table.html").stat().st_size > 1000
    with (out/f"{name}.csv").open(encoding="utf-8") as file: assert len(list(csv.DictReader(file))) == len(cells)

def test_figures_of_features_and_confusions(out):
    small("000-figures", out=out), small("004-table-2", out=out)
    names = {p.name for p in (out/"figures").iterdir()}
    assert any(n.startswith("000-figures features") for n in names) and any(n.startswith("004-table-2 confusion") for n in names)

def test_figures_as_png(tmp_path):
    pytest.importorskip("kaleido")
    import plotly.graph_objects as go
    room._save({"a/b": go.Figure(go.Scatter(y=[1, 2])), "c": go.Figure()}, tmp_path/"figures", png=True)
    assert {p.name for p in (tmp_path/"figures").iterdir()} >= {"a-b.html", "c.html"}
    for name in ("a-b", "c"): assert (tmp_path/f"figures/{name}.png").read_bytes()[:4] == b"\x89PNG"

def test_nothing_is_trained_twice(tmp_path, monkeypatch):
    first = small("003-table-3", out=tmp_path)
    monkeypatch.setattr(room, "train", lambda *a: pytest.fail("trained again"))
    assert numbers(small("003-table-3", out=tmp_path)) == numbers(first)

def test_killed_and_started_again(tmp_path):
    code = f"import torch; torch.set_num_threads(1)\nfrom fer_nb.reproduce import run\nrun('003-table-3', scale='smoke', seeds=2, jobs=1, out={str(tmp_path/'killed')!r}, progress=False)"
    process = subprocess.Popen([sys.executable, "-c", code])
    rows = tmp_path/"killed/rows.jsonl"
    end = time.monotonic() + 120
    while not (rows.exists() and rows.read_text().count("\n") >= 2):
        assert process.poll() is None and time.monotonic() < end
        time.sleep(.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    with rows.open("a") as file: file.write('{"training": "cut sh')
    assert not (tmp_path/"killed/003-table-3.md").exists()
    whole = small("003-table-3", seeds=2, out=tmp_path/"whole")
    assert numbers(small("003-table-3", seeds=2, out=tmp_path/"killed")) == numbers(whole)
    for line in rows.read_text().splitlines(): json.loads(line) # nothing was glued to the piece
    assert (tmp_path/"killed/003-table-3.md").read_text() == (tmp_path/"whole/003-table-3.md").read_text()

def test_in_processes_and_in_parts(tmp_path):
    whole = small("003-table-3", seeds=2)
    assert numbers(run("003-table-3", scale="smoke", seeds=2, jobs=2, progress=False)) == numbers(whole)
    for i in range(3): small("003-table-3", seeds=2, out=tmp_path, part=(i, 3))
    assert not (tmp_path/"003-table-3.md").exists() and [len(p.read_text().splitlines()) for p in tmp_path.glob("rows-?-of-3.jsonl")] == [2, 2, 2]
    assert numbers(small("003-table-3", seeds=2, out=tmp_path)) == numbers(whole)

def test_mean_spread_and_difference():
    t = Training(("kdef",))
    e = Experiment("x", "y", (Cell("r", "c", t, "kdef", "accuracy", 50.), Cell("r", "d", t, "kdef", "loss")))
    rows = [{"training": at_scale(t, "lab").key(), "seed": s, "measured": {"kdef": {"accuracy": a, "loss": math.nan}}} for s, a in enumerate((60., 70.))] + [{"training": at_scale(t, "lab").key(), "seed": 2, "diverged": "NaN"}]
    a, b = collect(e, rows, "lab", {})
    assert (a["ours"], a["seeds"], a["diverged"], a["difference"]) == (65., 2, 1, 15.) and a["sd"] == pytest.approx(50**.5) and math.isnan(b["ours"])
    assert "65.0 ± 7.1 (1 diverged)" in markdown([a, b]) and "+15.0" in markdown([a]) and "embedded lab_color" in markdown([a])

def test_measure_by_hand():
    class Told(nn.Module):
        def __init__(self): super().__init__(); self.p = nn.Parameter(torch.zeros(1))
        def forward(self, x): return Output(x, x)
    x = torch.tensor([[3., 0, 0, 0, 0, 0, 0], [0, 3, 0, 0, 0, 0, 0], [3, 0, 0, 0, 0, 0, 0]])
    m, e, y = measure(Told(), torch.utils.data.TensorDataset(x, torch.tensor([0, 1, 1])), 7)
    assert m["accuracy"] == pytest.approx(200 / 3) and m["average"] == pytest.approx(75.) and m["confusion"][1][:2] == [1, 1]
    log = math.log(math.exp(3) + 6)
    assert m["loss"] == pytest.approx((log - 3 + log - 3 + log) / 3) and m["intra neutral"] == pytest.approx(1.)


# ---- real sets, in their owners' layouts

@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    home, builders = tmp_path_factory.mktemp("sets"), dict(affectnet=trees.affectnet_npy, fer2013=trees.fer2013_folders)
    return {name: builders.get(name, getattr(trees, name, None))(home/name) or home/name for name in DATASETS}

def one_step(e):
    "The table's last method, cut down to one step on two pictures of each set."
    short = lambda t: t and replace(t, epochs=1, most=2, batch=4, weights="none", start=short(t.start))
    last = e.cells[-1].training
    return replace(e, cells=tuple(c._replace(training=short(last)) for c in e.cells if c.training == last))

@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", {e.cells[-1].training: name for name, e in EXPERIMENTS.items() if name != "003-table-1"}.values()) # Wild-MNIST has a test of its own
def test_takes_a_step_at_paper_scale(name, folders):
    e = one_step(EXPERIMENTS[name])
    needed = {s.partition(":")[0] for c in e.cells for s in (*c.training.sets, *c.training.unlabeled, c.test)}
    cells = run(e, {k: folders[k] for k in needed}, jobs=1, progress=False)
    assert all(c["scale"] == "paper" and "embedded" not in c["trained on"] + c["tested on"] for c in cells)
    assert any(c["seeds"] for c in cells)

@pytest.mark.filterwarnings("ignore")
def test_reports_expected_counts(folders):
    report, _ = check_data(EXPERIMENTS["000-table-1"], folders)
    assert "expected 980 pictures, found 28" in report and "TFEID" in report and "JAFFE" in report and "CK+" in report
    assert "expected 12271 pictures in train, found 14" in check_data(EXPERIMENTS["003-table-2"], folders)[0]

def test_other_pictures_are_other_rows(tmp_path, monkeypatch):
    "A row is only taken for done if the sets hold what they held then."
    home = tmp_path/"rafdb"
    trees.rafdb(home)
    e = one_step(EXPERIMENTS["003-table-2"])
    go = lambda: run(e, {"rafdb": home}, out=tmp_path/"out", jobs=1, progress=False)
    first = go()
    monkeypatch.setattr(room, "_train_row", lambda *a: pytest.fail("trained again"))
    assert numbers(go()) == numbers(first)
    list_file = next(home.rglob("list_patition_label.txt"))
    lines = list_file.read_text().splitlines()
    list_file.write_text("\n".join(lines[:-1]))
    with pytest.raises(pytest.fail.Exception, match="trained again"): go()

def test_wild_mnist_from_idx_files(tmp_path):
    for part, n in (("train", 700), ("t10k", 70)): trees.idx_folder(tmp_path, n, part=part)
    e = EXPERIMENTS["003-table-1"]
    e = replace(e, cells=tuple(c._replace(training=replace(c.training, epochs=1, most=20, batch=200)) for c in e.cells[-1:]))
    cells = run(e, {"mnist": tmp_path}, jobs=1, progress=False)
    assert cells[0]["tested on"] == "W-MNIST" and cells[0]["seeds"] == 1 and 0 <= cells[0]["ours"] <= 100
    assert "expected 60000 and 10000 pictures, found 700 and 70" in check_data(e, {"mnist": tmp_path})[0]
    with pytest.raises(ValueError, match="missing: mnist.*(?s:.)*train-images-idx3-ubyte"): check_data(e, {"kdef": tmp_path})

def test_two_processes_make_the_same_table(folders, tmp_path):
    here, env = Path(__file__).parent, {**os.environ, "OMP_NUM_THREADS": "1"}
    sets = json.dumps({name: str(folders[name]) for name in ("rafdb", "fer2013")})
    for name, start in (("one", [sys.executable, "-W", "ignore"]), ("two", [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"])):
        done = subprocess.run([*start, here/"_ddp_reproduce.py", sets, tmp_path/name], env=env, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr[-2000:]
    one, two = ({row["training"]: row["measured"]["rafdb"] for row in map(json.loads, (tmp_path/name/"rows.jsonl").read_text().splitlines())} for name in ("one", "two"))
    assert len(one) == len(two) == 5 and json.loads((tmp_path/"two/ddp.json").read_text())["processes"] == 2
    for key in one:
        for measure in ("loss", "average inter"): assert one[key][measure] == pytest.approx(two[key][measure], rel=1e-4)
        assert one[key]["confusion"] == two[key]["confusion"]
    assert len({round(m["loss"], 6) for m in one.values()}) == 5 # they are five different trainings

def test_missing_sets_are_named_with_their_layout(folders):
    with pytest.raises(ValueError, match="(?s)missing: ckplus, jaffe, tfeid.*never mixed.*KA.AN1.39.tiff"): run("000-table-1", {"kdef": folders["kdef"]})
    with pytest.raises(ValueError, match="expected names among kdef"): check_data(EXPERIMENTS["000-table-1"], {"kdf": "x"})
    assert check_data(EXPERIMENTS["004-table-3"], {})[0] == "embedded pictures: wild_gray for AffectNet, video_gray for CK, lab_color for MMI, wild_color for RAF-DB"


# ---- weights, losses, bad input

def test_vggface_from_a_file(tmp_path):
    t = Training(("rafdb",), network="vgg16fc", weights="vggface", size=64)
    torch.manual_seed(0)
    net, other = build(t, 7, "none"), build(replace(t, weights="none"), 1000, "none")
    torch.save(other.state_dict(), tmp_path/"face.pt")
    again = build(t, 7, tmp_path/"face.pt")
    convs = lambda m: [c.weight for c in m.modules() if isinstance(c, nn.Conv2d)]
    assert all(a.equal(b) for a, b in zip(convs(again), convs(other))) and not convs(net)[0].equal(convs(other)[0])
    assert again.fc[0].weight.equal(other.fc[0].weight)
    with pytest.raises(ValueError, match="cannot be fetched for you"): build(t, 7)
    torch.save({"a.weight": torch.zeros(3, 3)}, tmp_path/"no.pt")
    with pytest.raises(ValueError, match="thirteen convolutions"): load_vggface(net, tmp_path/"no.pt")
    (tmp_path/"text.pt").write_text("no")
    with pytest.raises(ValueError, match="expected a file with the state dict"): load_vggface(net, tmp_path/"text.pt")

@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_reaches_the_network(loss):
    torch.manual_seed(0)
    t = Training(("kdef",), loss, ("jaffe",), lam=.1, gamma=1., clamp=5.)
    x = torch.randn(8, 16, requires_grad=True)
    outputs = 12 if loss.startswith("au") else 7
    head = nn.Linear(16, outputs)
    y = torch.rand(8, 12) if loss.startswith("au") else torch.arange(8) % 7
    term = objective(t, outputs, 16, 10)
    for _ in range(3): losses = term((x, y, torch.arange(8) % 2), Output(x, head(x)))
    sum(losses.values()).backward()
    assert x.grad.abs().sum() > 0 and all(v.isfinite() for v in losses.values())

def test_sizing_by_hand():
    t = Training(("rafdb",), batch=10, epochs=2)
    one, more, adam = (room.sizing(x, {"rafdb": 100, "fer2013": 300}) for x in (t, replace(t, batch=20), replace(t, adam=True, loss="udat", unlabeled=("fer2013",))))
    assert one.weights == 11_180_103 and one.seen == 200 and adam.seen == 2 * 2 * 300 # the smaller set is gone through again
    assert one.flops == pytest.approx(3 * 2 * 1.814e9, rel=.03) # counted without the images' own gradient
    kept = (more.memory - one.memory) / 10
    assert one.memory == pytest.approx(3 * 4 * one.weights + 10 * kept) and adam.memory - one.memory == pytest.approx(4 * one.weights)
    assert 2e7 < kept < 4e7 # twenty convolutions and batch norms: between 5 and 10 million numbers a picture
    assert one.hours(1e12) == pytest.approx(one.flops * 200 / 1e12 / 3600) and one.hours(1e12, 8, .5) == pytest.approx(one.hours(1e12) / 4)
    with pytest.raises(ValueError, match="got Wild-MNIST"): room.sizing(EXPERIMENTS["003-table-1"].trainings()[0], {})

def test_learning_rate_falls_in_steps():
    t = Training(("rafdb",), epochs=60, decay=10., every=20)
    assert [room._falling(t, n, 600) for n in (0, 199, 200, 400)] == pytest.approx([1, 1, .1, .01])

@pytest.mark.parametrize("change, says", [(dict(seeds=0), "seeds: expected a whole number"), (dict(jobs=0), "jobs: expected"), (dict(part=(2, 2)), "part: expected"), (dict(scale="huge"), "scale: expected one of paper, lab, smoke"),
                                          (dict(scale="paper"), "64 pixels wide"), (dict(experiment="005-table"), "name: expected one of 000-table-1")])
def test_bad_input(change, says):
    with pytest.raises(ValueError, match=says): run(**{"experiment": "003-table-3", "progress": False, **change})
    with pytest.raises(ValueError, match="name: expected one of"): find("table 1")
