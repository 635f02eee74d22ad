"The lab of week 3: every answer a student may give, right in several styles, and each known misconception."
import math
import re
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch

from fer_nb import preprocessing
from fer_nb.course import student_version

LEFT_OUT = r"photo_desk\(\)|get_ipython|^rows = |^fig, |^for way, values|^lines|^there = |^same, other|^check_\w+\("
NOTEBOOK = Path(__file__).parents[2]/"nbs/labs/photographs.ipynb"
CELLS = nbformat.read(NOTEBOOK, 4).cells


def tagged(cell, tag): return tag in cell.metadata.get("tags", ())

@pytest.fixture(scope="module")
def lab():
    "Names of the lab after its data cells and its checkers, with one set of few photographs; trainings and figures left out."
    names, few = {}, preprocessing.take_photographs(people=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(preprocessing, "take_photographs", lambda *_, **__: few)
        for cell in CELLS:
            if cell.cell_type != "code" or tagged(cell, "solution") or re.search(LEFT_OUT, cell.source, re.M): continue
            exec(cell.source, names)
    return names

@pytest.fixture(scope="module")
def solved(lab):
    names = dict(lab)
    for cell in CELLS:
        if tagged(cell, "solution"): exec(cell.source, names)
    return names

def sources(kind="code"): return [c.source for c in CELLS if c.cell_type == kind]

def test_the_picture_is_in_the_first_cells(): assert any("photo_desk()" in c.source for c in CELLS[:2])

def test_anatomy():
    text = "\n".join(sources("markdown"))
    for part in ("**Before you start**", "**Write down your guess first.**", "## Exercises", "Your report", "| points |"): assert part in text, part
    assert 600 <= len(re.sub(r"[^\w\s]", " ", text).split()) <= 2700

def test_an_exercise_is_four_cells():
    checkers = [k for k, c in enumerate(CELLS) if tagged(c, "checker")]
    assert len(checkers) == 6
    for k in checkers:
        task, answer, solution = CELLS[k + 1:k + 4]
        assert task.cell_type == "markdown" and "None" in answer.source and tagged(solution, "solution")
        assert re.search(r"check_\w+\.verdict\(.*\) == \"right\"", solution.source)

def test_answers_have_names_of_their_own():
    given = [name for s in sources() if "None   # " in s for name in re.findall(r"^([\w, ]+) = None|^def (\w+)", s, re.M) for name in ", ".join(filter(None, name)).split(", ")]
    assert len(given) == len(set(given)) >= 6
    rest = "\n".join(s for s in sources() if "None   # " not in s and "# solution" not in s)
    assert not [name for name in given if re.search(rf"^\s*{name}\b.* = ", rest, re.M)]

def test_a_students_copy_works_without_solutions(solved):
    cells = student_version({"cells": [dict(c) for c in CELLS]})["cells"]
    assert not any("# solution" in c["source"] for c in cells) and len(CELLS) - len(cells) == 6

def test_solutions_are_right(solved): assert solved["kept"] == "AC"


# ---- 1: two eyes

@pytest.mark.parametrize("make", [float, np.float32, np.float64, torch.tensor, lambda v: np.array(v)])
def test_turn_in_every_kind_of_number(lab, make):
    assert lab["check_turn"].verdict(make(.32), make(-53.13)) == "right"
    assert lab["check_turn"].verdict(make(.32), make(360 - 53.13)) == "right"

@pytest.mark.parametrize("answer, says", [((50 / 16, -53.13), "156.2 pixels apart"), ((.32, 53.13), "leans by 106°"), ((.32, -36.87), "leans by 16°"),
                                          ((.32, math.radians(-53.13)), "looks like radians"), ((None, None), "a number for the enlargement"), ((.32, None), "a number for the angle"),
                                          (("a", 3), "a number"), ((True, 3), "a number")])
def test_turn_not_yet(lab, answer, says):
    verdict = lab["check_turn"].verdict(*answer)
    assert verdict.startswith("not yet") and says in verdict


# ---- 2: boxes

@pytest.mark.parametrize("answer", [(1 / 3, "AC"), (.333, "ca"), (np.float32(1 / 3), ["A", "C"]), (torch.tensor(1 / 3), ("a", "c")), (.3333, {"C", "A"}), (1 / 3, "A, C")])
def test_boxes_right(lab, answer): assert lab["check_boxes"].verdict(*answer) == "right"

@pytest.mark.parametrize("answer, says", [((.5, "AC"), "union"), ((1 / 3, "A"), "which *kept* box"), ((1 / 3, "ABC"), "surer box"), ((1 / 3, "C"), "nothing is surer"), ((.25, "AC"), "cover 160"),
                                          ((1 / 3, None), "name the boxes"), ((None, "AC"), "as a number"), ((3, "AC"), "no IoU"), ((1 / 3, "ABD"), "called A, B and C")])
def test_boxes_not_yet(lab, answer, says):
    verdict = lab["check_boxes"].verdict(*answer)
    assert verdict.startswith("not yet") and says in verdict


# ---- 3: a matrix

def by_angle(left, right, size=48):
    "Another way to write it, in NumPy"
    d = np.subtract(right, left)
    s, t = size / 3 / np.hypot(*d), -np.arctan2(d[1], d[0])
    turn = s * np.array([[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]])
    return np.hstack([turn, (np.array([size / 3, .4 * size]) - turn @ left)[:, None]])

def wrong_turn(left, right, size=48):
    m = by_angle(left, right, size)
    m[0, 1], m[1, 0] = -m[0, 1], -m[1, 0]
    m[:, 2] = np.array([size / 3, .4 * size]) - m[:, :2] @ left
    return m

def stretched(left, right, size=48):
    m = by_angle(left, right, size)
    m[:, 1] *= 1.2
    m[:, 2] = np.array([size / 3, .4 * size]) - m[:, :2] @ left
    return m

def unmoved(left, right, size=48): return np.hstack([by_angle(left, right, size)[:, :2], [[0], [0]]])

def other_size(left, right, size=48): return by_angle(left, right, 48)

def raises(left, right, size=48): return left.nothing

def test_matrix_right(lab):
    for function in (by_angle, lambda a, b, size=48: torch.tensor(by_angle(a, b, size)), lambda a, b, size: by_angle(a, b, size).tolist(), lambda *x: by_angle(*x).astype(np.float32)):
        assert lab["check_matrix"].verdict(function) == "right"

@pytest.mark.parametrize("function, says", [(wrong_turn, "off its mark"), (stretched, "stretches"), (unmoved, "off its mark"), (other_size, "size 100"), (lambda *x: None, "two rows of three"),
                                            (lambda *x: 5, "not yet"), (lambda *x: torch.zeros(3, 3), "two rows of three"), (lambda *x: np.full((2, 3), np.nan), "finite"),
                                            (raises, "raises stops in its line 1"), (None, "the answer is None")])
def test_matrix_not_yet(lab, function, says):
    verdict = lab["check_matrix"].verdict(function)
    assert verdict.startswith("not yet") and says in verdict

def test_matrix_is_that_of_the_library(solved):
    from fer_nb.preprocessing import reference_points, similarity
    left, right = (33., 71.), (61., 44.)
    torch.testing.assert_close(torch.tensor(solved["eye_matrix"](left, right, 48)).double(), similarity(torch.tensor([left, right]), reference_points(48)[:2]), atol=1e-4, rtol=0)


# ---- 4: lost faces, on made-up scores

@pytest.fixture
def scored(lab, monkeypatch):
    "Ten photographs: scores as given, classes 0, 1, 1, 2 …; two faces in the last, the surer one behind"
    from types import SimpleNamespace as S
    scores, labels = [[.95], [.98], [.97], [.999], [.999], [], [.999], [.992], [.999], [.9, .9999]], torch.tensor([0, 1, 1, 2, 3, 1, 4, 5, 6, 0])
    monkeypatch.setitem(lab["found"], "phone", [[S(score=s) for s in some] for some in scores])
    monkeypatch.setitem(lab["tests"], "phone", S(labels=labels))
    return lab

@pytest.mark.parametrize("make", [int, float, np.int64, np.float32, torch.tensor])
def test_lost_right(scored, make): assert scored["check_lost"].verdict(make(4), scored["EMOTIONS"][1]) == "right"

@pytest.mark.parametrize("count, name, says", [(6, 1, "are left"), (1, 1, "0.7 already"), (5, 1, "50 % would be left"), (4, 0, "of another class more"), (None, 1, "whole number"), (4, None, "the classes are"),
                                               (4, 1, "the classes are"), (True, 1, "whole number")])
def test_lost_not_yet(scored, count, name, says):
    word = name if name is None or says == "the classes are" else scored["EMOTIONS"][name]
    verdict = scored["check_lost"].verdict(count, word)
    assert verdict.startswith("not yet") and says in verdict


# ---- 5: what normalization undoes

@pytest.mark.parametrize("answer", ["abg", "GAB", ["a", "b", "g"], {"a", "g", "b"}, "a, b, g"])
def test_undone_right(lab, answer): assert lab["check_undone"].verdict(answer) == "right"

@pytest.mark.parametrize("answer, says", [("abdg", "after change d"), ("abcg", "after change c"), ("abeg", "after change e"), ("abfg", "after change f"), ("ab", "another one"), ("g", "another one"), ("abx", "a to g"),
                                          (None, "name the letters"), (3, "name the letters"), ("", "a to g")])
def test_undone_not_yet(lab, answer, says):
    verdict = lab["check_undone"].verdict(answer)
    assert verdict.startswith("not yet") and says in verdict


# ---- 6: half a sentence

@pytest.mark.parametrize("make", [float, np.float64, np.float32, torch.tensor])
def test_share_right(lab, make): assert lab["check_share"].verdict(make(54.), make(55.4286)) == "right"

@pytest.mark.parametrize("answer, says", [((50, 51.4), "anyway"), ((60, 61.4), "600 right answers"), ((.54, .554), "in per cent"), ((54, 54), "now and then"), ((54, 68.29), "only the missed"), ((54, 59), "50 of the 100"),
                                          ((None, None), "two numbers"), ((54, None), "two numbers"), (("54", 55), "two numbers")])
def test_share_not_yet(lab, answer, says):
    verdict = lab["check_share"].verdict(*answer)
    assert verdict.startswith("not yet") and says in verdict

def test_no_checker_tells_the_answer(lab):
    "What wrong answers get to read"
    said = [lab["check_turn"].verdict(1, 1), lab["check_turn"].verdict(.32, 1), lab["check_boxes"].verdict(.4, "ABC"), lab["check_boxes"].verdict(1 / 3, "ABC"), lab["check_undone"].verdict("d"),
            lab["check_share"].verdict(60, 60), lab["check_share"].verdict(54, 60)]
    assert not [text for text in said for told in ("0.32", "53", "36.9", "0.33", "'AC'", "abg", "54 ", "55.4") if told in text]
