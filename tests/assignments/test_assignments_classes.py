"A class: made, handed in, graded, graded again, reported; and nothing leaks."
import csv
import shutil
from pathlib import Path

import nbformat
import pytest

from fer_nb.assignments import Limits, check, grade, report
from fer_nb.assignments.submissions import grade_id
from fer_nb.cli import main
from synthetic import LABS, Pupil, hand_in, pupils, unfair
from test_assignments_release import secrets

pytestmark = pytest.mark.slow
LAB = "adaptation"
SOME = ("right", "empty", "broken", "locked", "thief", "patcher", "loop", "printed", "copied") # all of them: tools/grade_class.py

@pytest.fixture(scope="module")
def graded(course, releases, tmp_path_factory):
    "A class of nine: the folder, pupils, what was said, rows."
    home = tmp_path_factory.mktemp("class")
    shutil.copytree(course, home/"course")
    every, right = pupils(LAB)
    some, said = [p for p in every if p.name in SOME], []
    for pupil in some: hand_in(pupil, right, releases[LAB], home/"in")
    rows = grade(home/"in", LAB, home/"course", workers=1, limits=Limits(90, 2, 500), say=said.append)
    return home, some, said, {row["student"]: row for row in rows}

@pytest.mark.slow
def test_all_get_what_they_deserve(graded):
    _, some, _, rows = graded
    assert len(some) == len(rows) == len(SOME) and not [line for p in some for line in unfair(p, rows[p.name])]

def test_a_line_for_each(graded):
    said = graded[2]
    lines = [line for line in said if ": " in line and line.split(":")[0] in SOME]
    assert len(lines) == len(SOME) and any(line.startswith("printed: 3 of 5, not yet: limited (") for line in lines)
    assert any(line.startswith("locked: 4 of 5") and "locked cell test_share was changed" in line for line in lines)

def test_the_table(graded):
    with open(graded[0]/"course/grades.csv", encoding="utf-8") as file: table = {row["student"]: row for row in csv.DictReader(file)}
    assert (table["right"]["points"], table["right"]["of"], table["right"]["limited"]) == ("5.0", "5.0", "2.0") and table["empty"]["points"] == "0.0"

def test_feedback_for_everybody_and_without_a_leak(graded):
    home = graded[0]
    pages = {p.parent.parent.name: p.read_text("utf-8") for p in (home/"course/feedback").glob("*/*/*.html")}
    assert set(pages) == set(SOME)
    assert "it takes the larger of the two" in pages["printed"] or "takes the larger of the two" in pages["printed"]
    own = {name: (home/"in"/name/f"{LAB}.ipynb").read_bytes().decode("utf-8", "replace") for name in pages}
    for name, page in pages.items():
        assert not [line for line in secrets(LAB) if line in page and line.replace('"', '\\"') not in own[name]], name
        assert "_TRAPS" not in page and "judge_function(" not in page and "BEGIN SOLUTION" not in page

def test_no_file_of_the_grader_was_reached(graded):
    home, _, _, rows = graded
    assert all(row["apart"] for row in rows.values()) == graded[3]["right"]["apart"]
    notebook = nbformat.read(home/"course/autograded/thief"/LAB/f"{LAB}.ipynb", 4)
    assert next(c for c in notebook.cells if grade_id(c) == "test_clamp").outputs[0].text.startswith("0 of 1 points")

def test_once_more_is_quick_and_says_nothing(graded):
    home, some, _, rows = graded
    said = []
    again = grade(home/"in", LAB, home/"course", workers=1, limits=Limits(90, 3, 500), say=said.append)
    assert [line for line in said if line.split(":")[0] in SOME] == [] and {r["student"]: r["marks"] for r in again} == {s: r["marks"] for s, r in rows.items()}

def test_better_tests_grade_anew(own_course, releases, tmp_path):
    "Nobody keeps the points of a test that was wrong; who was graded by this one is not graded again."
    hand_in(Pupil("ada"), LABS[LAB][0], releases[LAB], tmp_path/"in")
    def points(truth):
        (tmp_path/f"{LAB}.py").write_text(f"from fer_nb.assignments import judge_number\nTESTS = {{'clamp': lambda case: judge_number(case, {truth}, .01)}}")
        said = []
        row, = grade(tmp_path/"in", LAB, own_course, tests=tmp_path, workers=1, limits=Limits(90, 9, 500), say=said.append)
        with open(own_course/"grades.csv", encoding="utf-8") as file: line, = csv.DictReader(file)
        assert float(line["clamp"]) == row["marks"]["clamp"][0]
        return row["marks"]["clamp"][0], len([line for line in said if line.startswith("ada: ")])
    assert [points(7), points(1.5), points(1.5), points(7)] == [(0, 1), (1, 1), (1, 0), (0, 1)]

def test_the_report(graded):
    home, some, _, _ = graded
    text = report(home/"course").read_text("utf-8")
    assert f"{len(SOME)} submissions" in text and "Eq. 6 as it is printed" in text and "- copied: own_clamp: numbers of right" in text and "- broken: the file is no notebook" in text
    assert "<table" in (home/"course/report.html").read_text("utf-8")

@pytest.mark.slow
def test_check_says_what_is_missing(graded, capsys, releases, tmp_path):
    home = graded[0]
    assert check(home/"in/right"/f"{LAB}.ipynb", Limits(30, 5)) == []
    assert main(["assignment", "check", str(home/"in/right"/f"{LAB}.ipynb")]) == 0 and "complete" in capsys.readouterr().out
    assert check(home/"in/empty"/f"{LAB}.ipynb") == [f"{name} has no answer yet" for name in ("clamp", "limited", "own_clamp", "share")]
    hand_in(Pupil("waits", {"clamp": "import time\ntime.sleep(99)"}), LABS[LAB][0], releases[LAB], tmp_path)
    assert "cell clamp stops: TimeIsUp: the time is up" in check(tmp_path/"waits"/f"{LAB}.ipynb", Limits(30, 3))
    assert "locked cell test_share was changed" in check(home/"in/locked"/f"{LAB}.ipynb", Limits(30, 3))
    with pytest.raises(ValueError, match="notebook: expected a notebook"): check(home/"in/broken"/f"{LAB}.ipynb")
    nbformat.write(nbformat.v4.new_notebook(), home/"other.ipynb")
    with pytest.raises(ValueError, match="assignment: expected one of"): check(home/"other.ipynb")

def test_from_the_command_line(graded, capsys, tmp_path):
    home = graded[0]
    assert main(["assignment", "grade", str(home/"in"), LAB, "--course", str(home/"course"), "--workers", "1", "--seconds", "40"]) == 0
    assert main(["assignment", "report", str(home/"course"), "--lab", LAB]) == 0 and "most frequent mistakes" in capsys.readouterr().out
    assert main(["assignment", "grade", str(tmp_path), LAB]) == 2 and "expected notebooks of adaptation" in capsys.readouterr().err
    assert main(["assignment", "report", str(tmp_path)]) == 2 and main(["assignment"]) == 2 and main(["assignment", "make", "surreal"]) == 2
