"The class at a glance: who is shown, what is damaged, what a tile says, how large the page is."
import base64
import json
import os
import re
import zipfile

import numpy as np
import pytest

from fer_nb.cli import main
from fer_nb.embeddings import Run
from fer_nb.wall import _curve, _film, _fitted, _preview, _thinned, class_runs, wall
from fer_nb.wmnist import data_file
from test_hostile_names import NAMES


def a_run(name="softmax", frames=3, n=30, d=2, seed=0, **more):
    "Three classes around 1, 2 and 3 on the first axis; the last is always taken for the first"
    run, rng = Run(np.arange(n) % 3, name=name, recipe=dict(loss="softmax", lr=.05), **more), np.random.default_rng(seed)
    for i in range(frames):
        x = rng.normal(size=(n, d)) * .01
        x[:, 0] += 1 + run.labels
        run.add(10 * (i + 1), x, np.where(run.labels == 2, 0, run.labels), epoch=i, centers=np.pad([[1.], [2.], [3.]], ((0, 0), (0, d - 1))), losses=dict(softmax=2., total=3 - i))
    return run

def written(at, run=None, age=0):
    at.parent.mkdir(parents=True, exist_ok=True)
    (run or a_run()).save(at)
    os.utime(at, (1e9 - age, 1e9 - age))

def data_of(page):
    "What the page is told"
    return json.loads(re.search(r'<script type="application/json" id="fer-nb-data">(.*?)</script>', page.decode(), re.S)[1])


def test_the_newest_run_of_every_student(tmp_path):
    written(tmp_path/"Ada.npz", a_run("old"), 9)
    written(tmp_path/"Ada/second.npz", a_run("new"), 1)
    written(tmp_path/"Ada/first.npz", a_run("older"), 5)
    written(tmp_path/"Emmy/x.npz")
    written(tmp_path/".hidden/x.npz")
    written(tmp_path/".part.npz")
    written(tmp_path/"deep/er/x.npz")
    (tmp_path/"notes.txt").write_text("no run")
    found = class_runs(tmp_path)
    assert {name: run.name for name, run in found.runs.items()} == dict(Ada="new", Emmy="softmax") and found.damaged == {} and found.when["Ada"] == 1e9 - 1

def bomb(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file, file.open("frames.npy", "w", force_zip64=True) as part:
        for _ in range(201): part.write(bytes(1_000_000))

DAMAGED = {
    "empty": lambda path: path.write_bytes(b""), "text": lambda path: path.write_text("no run"), "short": lambda path: path.write_bytes(data_file("wild_dda.npz").read_bytes()[:5000]),
    "foreign": lambda path: np.savez(path, a=1), "folder": lambda path: path.mkdir(), "nowhere": lambda path: path.symlink_to("nothing"), "pipe": os.mkfifo, "bomb": bomb,
    "no frame": lambda path: Run([0, 1]).save(path), "one dimension": lambda path: a_run(d=1).save(path),
}

@pytest.mark.parametrize("kind", DAMAGED)
def test_what_cannot_be_read_is_named_and_stops_nobody(tmp_path, kind):
    DAMAGED[kind](tmp_path/"Tim.npz")
    written(tmp_path/"Ada.npz")
    made = wall(tmp_path)
    (file, why), = made.found.damaged.items()
    assert file == "Tim.npz" and why and str(tmp_path) not in why and list(made.found.runs) == ["Ada"]
    assert data_of(made.page())["damaged"] == {file: why} and repr(made) == "Wall(1 runs, 1 damaged files)"

def test_the_run_before_a_damaged_one_is_shown(tmp_path):
    written(tmp_path/"Ada/1.npz", a_run("good"), 9)
    (tmp_path/"Ada/2.npz").write_text("cut short")
    found = class_runs(tmp_path)
    assert found.runs["Ada"].name == "good" and list(found.damaged) == ["Ada/2.npz"]

def test_an_empty_folder_is_a_page_too(tmp_path):
    assert data_of(wall(tmp_path).page())["tiles"] == []

@pytest.mark.parametrize("folder", ["nowhere", "", None, 5])
def test_a_folder_is_needed(tmp_path, monkeypatch, folder):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="^folder: expected "): wall(folder)

def test_a_tile_says_what_the_run_says(tmp_path):
    run = a_run()
    run.findings = [dict(name="domain loss stuck", measured="m", advice="a", frame=1)]
    written(tmp_path/"Ada.npz", run)
    tile, = data_of(wall(tmp_path).page())["tiles"]
    assert (tile["name"], tile["run"], tile["loss"], tile["losses"], tile["step"], tile["epoch"]) == ("Ada", "softmax", 1, [3, 2, 1], 30, 2)
    assert tile["linear"] == pytest.approx(200 / 3, abs=.01) and tile["center"] == 100 # two of three recalls are 1; each point is at its own center
    assert tile["findings"] == [dict(name="domain loss stuck", measured="m", advice="a")] and tile["recipe"] == dict(loss="softmax", lr=.05)

def test_the_doctor_looks_at_every_run(tmp_path):
    run = a_run()
    run.losses["total"] = [3., np.nan, np.inf]
    written(tmp_path/"Ada.npz", run)
    tile, = data_of(wall(tmp_path).page())["tiles"]
    assert [f["name"] for f in tile["findings"]] == ["not finite"] and tile["loss"] is None and tile["losses"] == [3, None, None] and tile["findings"][0]["advice"]

def test_curves_keep_their_ends():
    assert _curve([1., 2.]) == [1, 2] and len(_curve(list(range(1000)))) == 40 and _curve([*range(1000)])[-1] == 999 and _curve([])  == []

def test_a_preview_is_a_few_points_of_every_class_in_a_square():
    packed = _preview(a_run(frames=100, n=3000, minority=[2]))
    places = np.frombuffer(base64.b64decode(packed["places"]), np.int8).reshape(packed["frames"], packed["n"], 2)
    labels = np.frombuffer(base64.b64decode(packed["labels"]), np.uint8)
    assert (packed["n"], packed["frames"], packed["rare"]) == (150, 24, [2]) and np.bincount(labels).tolist() == [50, 50, 50]
    assert places[-1, labels == 2, 0].mean() > 100 and abs(places[-1, labels == 0, 0].mean()) < 60 and np.abs(places[..., 1]).max() < 10

def test_an_outlier_does_not_shrink_the_preview():
    x = np.array([[1., 0], [0, 1]] * 100 + [[1e6, 0]])
    assert _fitted(x).tolist()[:2] == [[127, -127], [-127, 127]] and _fitted(x)[-1].tolist() == [127, -127] and _fitted(np.zeros((3, 2))).tolist() == [[0, 0]] * 3

@pytest.mark.slow
def test_films_fit_the_budget_and_keep_the_last_frame(tmp_path):
    run = a_run(frames=101, n=900, images=np.random.default_rng(0).integers(0, 255, (900, 14, 14), np.uint8))
    sizes = []
    for most in (1e7, 3e5, 1e5, 1e3):
        pictures = {}
        film = json.loads(_film(run, most, pictures))
        sizes.append(len(json.dumps(film)))
        assert film["steps"][-1] == 1010 and (film["images"] is not None) == (film["images"] in pictures) == (most == 1e7)
        assert sizes[-1] <= most or most == 1e3
    assert sizes == sorted(sizes, reverse=True) and sizes[0] > 3e5

def test_pictures_that_all_share_are_there_once(tmp_path):
    images = np.random.default_rng(0).integers(0, 255, (30, 14, 14), np.uint8)
    for name in "abc": written(tmp_path/f"{name}.npz", a_run(images=images))
    written(tmp_path/"d.npz", a_run(images=255 - images))
    data = data_of(wall(tmp_path).page())
    keys = [json.loads(film)["images"] for film in data["films"]]
    assert keys[0] == keys[1] == keys[2] != keys[3] and set(keys) == set(data["pictures"])

def test_thinning_cuts_everything_alike():
    run = a_run(frames=10)
    run.curves, run.findings = dict(mmd=list(range(10))), [dict(name="x", measured="", advice="", frame=9)]
    thin = _thinned(run, 4)
    assert thin.steps == [20, 60, 100] and thin.losses["total"] == [2, -2, -6] and thin.curves == dict(mmd=[1, 5, 9]) and thin.findings[0]["frame"] == 2
    assert len(run) == 10 and len(thin.frames) == len(thin.centers) == 3 and thin.head == []

def test_more_dimensions_are_projected(tmp_path):
    written(tmp_path/"Ada.npz", a_run(d=5))
    assert class_runs(tmp_path).runs["Ada"].d == 2

@pytest.mark.parametrize("name", [n for n in NAMES if n not in ("", "\udcff") and "\0" not in n])
def test_names_are_text(tmp_path, name):
    run = a_run(name)
    run.recipe = {name: name}
    written(tmp_path/(name.replace("/", "_") + ".npz"), run)
    page = wall(tmp_path).page()
    text = page.decode()
    assert text.count("</script>") == 2 and "<script>alert" not in text and "<!--" not in text
    tile, = data_of(page)["tiles"]
    assert (tile["name"], tile["run"], tile["recipe"]) == (name.replace("/", "_"), name, {name: name})
    assert "</iframe" not in wall(tmp_path)._repr_html_().removesuffix("</iframe>") and wall(tmp_path)._repr_html_().count('"') == 8

def test_a_name_of_bytes_that_are_no_text(tmp_path):
    try: written(tmp_path/"a.npz"); os.rename(tmp_path/"a.npz", os.fsencode(tmp_path) + b"/\xff.npz")
    except OSError: pytest.skip("this file system takes text only")
    wall(tmp_path).to_html(tmp_path/"wall.html")

def test_the_command(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written(tmp_path/"class/Ada.npz")
    (tmp_path/"class/\x1b[2JTim.npz").write_text("no run")
    assert main(["wall", "class"]) == 0
    said = capsys.readouterr().out
    assert "1 runs, written to wall.html" in said and "\x1b" not in said and "Tim.npz" in said and (tmp_path/"wall.html").stat().st_size > 1e5
    assert main(["wall", "nowhere"]) == 2 and "folder: expected a folder with runs" in capsys.readouterr().err

@pytest.mark.slow
def test_sixty_runs(tmp_path):
    "All are there, and the page is no larger than it may be"
    kinds = "softmax center dda held printed balanced code autograd".split()
    for i in range(60): (tmp_path/f"{i}.npz").write_bytes(data_file(f"wild_{kinds[i % 8]}.npz").read_bytes())
    made = wall(tmp_path)
    data = data_of(made.page())
    assert len(data["tiles"]) == len(data["films"]) == 60 and len(json.dumps(data)) < 24e6 and len(data["pictures"]) == 1
