"Grading one submission: every exercise gets what it deserves, whatever the others do."
import json
import time

import fer_nb
import nbformat
import pytest

from fer_nb.assignments.grading import Job, Limits, Mark, grade_cells, graded_names, judges_version, row_key, table_rows
from fer_nb.assignments.judging import judge_number
from fer_nb.assignments.submissions import Submission, grade_id, rebuild
from test_assignments_submissions import cell


def released(*names):
    cells = []
    for name in names:
        cells += [cell(name, f"{name} = None", True), cell(f"test_{name}", f"say({name})")]
        cells[-2].metadata.nbgrader.grade = False
        cells[-1].metadata.nbgrader.update(grade=True, points=2.)
    return nbformat.v4.new_notebook(cells=cells)

def marks(limits=Limits(120, 10, 300), **answers):
    out = released(*answers)
    notebook = nbformat.from_dict(out)
    for c in notebook.cells:
        if grade_id(c) in answers: c.source = answers[grade_id(c)]
    again = rebuild(notebook, out)
    found, _ = grade_cells(again, out, {name: lambda case: judge_number(case, 3, .1) for name in answers if name != "untested"}, ("ada", []), limits)
    return found, again.cells

@pytest.mark.slow
def test_points():
    found, cells = marks(a="a = 3", b="b = 4", c="c = None", untested="untested = 3")
    assert graded_names(released("a", "b")) == {"a": 2., "b": 2.}
    assert found == {"a": Mark(2., 2., "right"), "b": Mark(0., 2., "not yet: another number", "4"), "c": Mark(0., 2., "not yet: there is no answer", "no answer"),
                     "untested": Mark(0., 2., "not yet: there is no test for it", "no test")}
    assert cells[1].outputs[0].text == "2 of 2 points: right\n" and cells[3].outputs[0].text == "0 of 2 points: not yet: another number\n"

@pytest.mark.slow
def test_what_ends_the_process_costs_only_itself():
    found, cells = marks(a="import os; os._exit(0)", b="b = 3", c="import time\nwhile True:\n    try: time.sleep(9)\n    except BaseException: pass", d="d = 3")
    assert [m.score for m in found.values()] == [0, 2, 0, 2]
    assert "ended the program" in found["a"].says and ("in time" in found["c"].says or "TimeIsUp" in found["c"].says) and "ended the program" in cells[0].outputs[0].text

@pytest.mark.slow
def test_an_error_is_told():
    found, _ = marks(a="a = 1 / 0", b="b = = 2", c="c = 3")
    assert found["a"].says == "not yet: its cell stops with ZeroDivisionError: division by zero" and found["b"].mistake == "SyntaxError" and found["c"].score == 2

@pytest.mark.slow
def test_the_whole_has_an_end():
    begin = time.monotonic()
    found, _ = marks(Limits(6, 5, 300), a="import time; time.sleep(60)", b="import time; time.sleep(60)", c="c = 3")
    assert time.monotonic() - begin < 30 and sum(m.score for m in found.values()) <= 2

def test_too_many_deaths():
    found, _ = marks(**{name: "import os; os._exit(0)" for name in "abcdefgh"})
    assert not any(m.score for m in found.values()) and "too often" in found["h"].says

def test_the_table():
    rows = [{"student": s, "lab": "x", "notes": n, "marks": {"a": [2., 2., "right", ""], "b": [0., 1., "no", "m"]}} for s, n in (("ben", []), ("ada", ["one", "two"]))]
    assert list(table_rows(rows)) == [{"student": "ada", "lab": "x", "points": 2., "of": 3., "a": 2., "b": 0., "notes": "one; two"},
                                      {"student": "ben", "lab": "x", "points": 2., "of": 3., "a": 2., "b": 0., "notes": ""}]

JUDGES = ("course/release/x/x.ipynb", "tests/x.py", "fer_nb/assignments/x.py", "fer_nb/tables.py", "data_samples/margins.csv", "nbs/labs/x.ipynb")

@pytest.fixture
def job(tmp_path, monkeypatch):
    "What grading needs to know of a lab x, in a library of a few files."
    lab = {"cells": [{"cell_type": "code", "metadata": {"tags": ["checker"]}, "source": ["s"], "outputs": []}]}
    for path in ("a.ipynb", *JUDGES):
        (tmp_path/path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path/path).write_text(json.dumps(lab))
    monkeypatch.setattr(fer_nb, "__file__", str(tmp_path/"fer_nb/__init__.py"))
    return Job("x", tmp_path, tmp_path/"course", (), tmp_path/"tests", Limits())

@pytest.mark.parametrize("path", JUDGES)
def test_what_judges_is_part_of_the_key(job, path):
    "Marks of before are not those of a checker, a test, a library or a table that has changed; another picture in the lab is nothing new."
    before = judges_version(job)
    assert judges_version(job._replace(limits=Limits(5))) == before != judges_version(job._replace(tests=None))
    text = (job.folder/path).read_text()
    (job.folder/path).write_text(text.replace('"s"', '"t"'))
    assert judges_version(job) != before
    (job.folder/path).write_text(text.replace('"outputs": []', '"outputs": [1]'))
    assert (judges_version(job) == before) == (path == "nbs/labs/x.ipynb")

def test_what_is_handed_in_is_part_of_the_key(job):
    mine = Submission("ada", job.folder/"a.ipynb")
    first = row_key(mine, "x", "v")
    assert first.startswith("x/ada/") and len({first, row_key(mine, "x", "w"), row_key(mine, "y", "v"), row_key(mine._replace(student="ben"), "x", "v")}) == 4
    mine.path.write_text("new")
    assert row_key(mine, "x", "v") != first
