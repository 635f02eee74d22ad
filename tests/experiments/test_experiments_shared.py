"What fills data_samples: rows that are not made twice, and the tables that ship."
import csv
from pathlib import Path

import pytest
import torch

import faces_matrix
import few_digits
import few_labels
import giveaway
import laptop_networks
import margins
import papers
import separate
import shared
import turned_camera
import wild_map
from fer_nb.files import read_csv
from fer_nb.papers import label
from fer_nb.reproduce import EXPERIMENTS, PROGRAMS
from shared import DATA, arguments, complete, gray, key

JOBS = [dict(name=name, size=size) for name in "ab" for size in (1, 2.5)]


def cell(job): return job | {"twice": 2 * job["size"], "note": "é, \"x\""}

def epochs(job): return [job | {"epoch": n} for n in (1, 2)]


# ---- the machine

def test_rows_are_made_once(tmp_path):
    out = tmp_path/"t.csv"
    rows = complete(out, ["name", "size", "twice", "note", "later"], ["name", "size"], JOBS[:2], cell, progress=False)
    assert rows == [dict(name="a", size="1", twice="2", note="é, \"x\"", later=""), dict(name="a", size="2.5", twice="5.0", note="é, \"x\"", later="")]
    first = out.read_text(encoding="utf-8")
    rows = complete(out, ["name", "size", "twice", "note", "later"], ["name", "size"], JOBS, cell, progress=False)
    assert len(rows) == 4 and out.read_text(encoding="utf-8").startswith(first)
    assert complete(out, list(rows[0]), ["name", "size"], JOBS, None, progress=False) == rows and not out.with_suffix(".jsonl").exists()

def test_a_job_may_make_several_rows(tmp_path):
    rows = complete(tmp_path/"t.csv", ["name", "size", "epoch"], ["name", "size"], JOBS, epochs, progress=False)
    assert [(r["name"], r["epoch"]) for r in rows] == [(n, e) for n in "aabb" for e in "12"]
    assert complete(tmp_path/"t.csv", ["name", "size", "epoch"], ["name", "size"], JOBS, None, progress=False) == rows

def test_foreign_rows_stay_where_they_are(tmp_path):
    complete(tmp_path/"t.csv", ["name", "size", "twice"], ["name", "size"], [dict(name="z", size=0)], cell, progress=False)
    rows = complete(tmp_path/"t.csv", ["name", "size", "twice"], ["name", "size"], JOBS, cell, progress=False)
    assert [r["name"] for r in rows] == ["z", "a", "a", "b", "b"]

def test_keys_are_those_of_the_csv(): assert key(dict(a=None, b=.1, c=False, d="x"), "abc") == key(dict(a="", b="0.1", c="False"), "abc") == " | 0.1 | False"

def test_arguments(tmp_path):
    args = arguments("Title.\n\nmore", tmp_path/"x.csv", 3, ["--jobs", "2", "--table"], steps=280, table=False)
    assert (args.seeds, args.jobs, args.out, args.steps, args.table) == (3, 2, tmp_path/"x.csv", 280, True)

def test_gray_pictures_have_mean_0_and_deviation_1():
    x = gray(torch.randint(0, 256, (3, 3, 8, 8), generator=torch.Generator().manual_seed(0), dtype=torch.uint8))
    assert x.shape == (3, 1, 8, 8)
    torch.testing.assert_close(x.mean((1, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(x.std((2, 3)), torch.ones(3, 1))


# ---- what ships

def plans():
    rows = read_csv(few_labels.RESULTS)
    yield faces_matrix, faces_matrix.jobs()
    yield separate, separate.jobs()
    yield few_labels, [*few_labels.search(), *few_labels.report(rows)]
    for room in (few_digits, giveaway, laptop_networks, margins, turned_camera): yield room, room.jobs()

JOBS_OF = dict(faces_matrix=18, separate=65, few_labels=108, few_digits=35, giveaway=33, laptop_networks=10, margins=220, turned_camera=12)

@pytest.mark.parametrize("room, jobs", list(plans()), ids=lambda value: getattr(value, "__name__", ""))
def test_shipped_tables_are_complete_and_stay_byte_for_byte(room, jobs, tmp_path):
    "Every job has its rows in the file, the file holds nothing else, and an experiment run again trains nothing."
    out = tmp_path/"again.csv"
    out.write_bytes(room.RESULTS.read_bytes())
    assert {key(row, room.KEY) for row in read_csv(out)} == {key(job, room.KEY) for job in jobs} and len(jobs) == JOBS_OF[room.__name__]
    complete(out, room.FIELDS, room.KEY, jobs, None, progress=False)
    assert out.read_bytes() == room.RESULTS.read_bytes()

def test_shipped_adaptation_stays_byte_for_byte(tmp_path):
    import adaptation
    out = tmp_path/"again.csv"
    out.write_bytes(adaptation.RESULTS.read_bytes())
    rows = complete(out, adaptation.FIELDS, adaptation.KEY, adaptation.search(), None, progress=False)
    complete(out, adaptation.FIELDS, adaptation.KEY, adaptation.report(rows), None, progress=False)
    assert out.read_bytes() == adaptation.RESULTS.read_bytes()

def test_the_shipped_map_is_the_experiments():
    with (DATA/"wild_map.csv").open(encoding="utf-8") as file: rows = list(csv.DictReader(file))
    expected = [(label(r), str(r.profile), str(r.majority), str(seed)) for r in wild_map.recipes() for seed in range(wild_map.SEEDS)]
    assert [(label(row), row["profile"], row["majority"], row["seed"]) for row in rows] == expected

def test_the_shipped_papers_are_the_experiments():
    rows = read_csv(DATA/"papers.csv")
    expected = [(name, c.row, c.column, c.test, c.measure, c.paper) for name, e in EXPERIMENTS.items() for c in e.cells]
    assert [(r["experiment"], r["row"], r["column"], r["test"], r["measure"], float(r["paper"]) if r["paper"] else None) for r in rows] == expected
    assert all(int(r["seeds"]) + int(r["diverged"]) == papers.seeds_of(r["experiment"], papers.SEEDS, [r]) for r in rows)

@pytest.mark.parametrize("room", [faces_matrix, few_labels, separate], ids=lambda room: room.__name__)
def test_experiments_can_be_sent_to_other_processes(room):
    import pickle
    assert pickle.loads(pickle.dumps(room.cell)) is room.cell and Path(room.RESULTS).exists()

@pytest.mark.parametrize("room, short, job", [
    pytest.param(faces_matrix, dict(EPOCHS=1), ("lab_color", 0), marks=pytest.mark.slow), (separate, dict(EPOCHS=1), ("basic", "signed", "separate", 0)),
    (separate, dict(DIGIT_EPOCHS=1), ("digits", "2-D, even start", "separate", 0)),
    (few_labels, dict(STEPS=2), ("validation", "lab_color", "large margin", .8, 1, 100)), (few_labels, dict(STEPS=2), ("test", "lab_color", "supervised", "", "", 0))])
def test_the_smallest_cell_makes_a_row(room, short, job, monkeypatch):
    for name, value in short.items(): monkeypatch.setattr(room, name, value)
    job = dict(zip(room.KEY, job))
    row = room.cell(job)
    if isinstance(row, list): row, = row
    assert set(row) == set(room.FIELDS) and key(row, room.KEY) == key(job, room.KEY)
    share = row["accuracy"] if "accuracy" in row else row["validation"]
    assert 0 <= float(share) <= 1


def test_a_second_table_in_the_same_file_goes_on_too(tmp_path):
    "Some experiments search first and report then: what the report has finished is not lost when the search is looked up again"
    out, made = tmp_path/"t.csv", []
    search, report = [dict(part="search", n=n) for n in range(2)], [dict(part="report", n=n) for n in range(3)]
    def work(job):
        if len(made) == 3: raise KeyboardInterrupt
        made.append((job["part"], job["n"]))
        return dict(job)
    def both():
        for jobs in (search, report): rows = complete(out, ["part", "n"], ["part", "n"], jobs, work, progress=False)
        return rows
    with pytest.raises(KeyboardInterrupt): both()
    made.append(None)
    assert len(both()) == 5 and made == [("search", 0), ("search", 1), ("report", 0), None, ("report", 1), ("report", 2)]


def test_every_program_is_listed():
    "By `fer_nb reproduce list`; papers.py makes the tables that stand above them there."
    programs = {path.stem for path in Path(shared.__file__).parent.glob("*.py")}
    assert {*PROGRAMS, "papers", "shared"} == programs
