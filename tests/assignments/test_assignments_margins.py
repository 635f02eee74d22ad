"Hidden tests of the lab: right answers in several styles, each known mistake, each erratum."
import re

import fer_nb.faces
import fer_nb.training
import pytest
from fer_nb.assignments import margins
from fer_nb.assignments.judging import Case, judge
from fer_nb.course import course_folder
from synthetic import MARGINS, Here, check_lab

REACHED = {(64, .2): 45., (4, .5): 45., (16, .5): 14.3}

def reached(s, m): return REACHED[round(s, 6), round(m, 6)]

@pytest.fixture(autouse=True)
def nothing_is_trained(monkeypatch):
    "What a training would reach stands above; the assignment begins without one, and without a face."
    monkeypatch.setattr(fer_nb.faces, "load_faces", None)
    monkeypatch.setattr(fer_nb.training, "fit", None)
    monkeypatch.setattr(margins, "_reached", reached)
    yield
    margins._lab.cache_clear() # it has met what stands above

def test_all_get_what_they_deserve(): check_lab("margins", margins.TESTS)

@pytest.mark.parametrize("name", margins.TESTS)
@pytest.mark.parametrize("answer", [None, "half", (1, 2), [], {}, float("inf"), True, 1j, 10**400, len], ids=str)
def test_no_answer_is_right_by_chance(name, answer):
    verdict, alive = judge(margins.TESTS[name], Here({name: answer}, name, "ada"))
    assert alive and not verdict.right and verdict.says.startswith("not yet: ")

def test_inputs_are_the_students_own():
    def asked(student): return margins._near(Case(None, "strict", student), 5, 3, .5)[0]
    assert asked("ada").equal(asked("Ada")) and not asked("ada").equal(asked("ben"))

@pytest.mark.parametrize("gain, right", [(19.9, False), (20.1, True)])
def test_twenty_points(monkeypatch, gain, right):
    monkeypatch.setattr(margins, "_reached", lambda s, m: 14.3 + gain)
    verdict = margins.TESTS["cured"](Here({"cured": (64, .2)}, "cured", "ada"))
    assert verdict.right == right and (right or verdict.says == "not yet: on the validation faces it is 34.2 % against 14.3 %")

def test_what_the_lab_trains_with_is_read_out_of_it():
    "Also what its broken training has reached, as the lab has printed it."
    found = margins._lab.__wrapped__() # not the one that is kept
    printed = re.findall(r"balanced accuracy on validation faces: (\S+) %", (course_folder()/"labs/margins.ipynb").read_text("utf-8"))
    assert {"train_faces", "face_accuracy"} <= found.keys() and f"{found['broken']}" in printed

def test_the_answers_are_five(): assert margins.TESTS.keys() == MARGINS.keys()
