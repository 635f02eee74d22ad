"The labs' checkers at the grader: the same word for an answer that comes from another process; and whose tests count."
import pytest
import torch

from fer_nb.assignments.checkers import both, checker_tests, hidden_tests, lab_names, stand_in
from fer_nb.assignments.judging import Case, Verdict, judge, not_yet
from fer_nb.assignments.labs import exercises, lab_cells, labs
from fer_nb.assignments.sandbox import Limits, Sandbox, run_cell
from synthetic import LABS, Here, judged_here


@pytest.mark.parametrize("lab", ["adaptation", "real_digits"])
def test_right_is_right_and_numbers_that_are_wrong_are_not(lab):
    "Functions are tried more closely by hidden tests."
    tests, seen = checker_tests(lab), 0
    for pupil, name, verdict in judged_here(lab, tests):
        if name == "logits" and pupil.name != "right": continue # the lab wants a tensor, and of logits of 1,000 its scorer makes NaN
        if name not in pupil.wrong: assert verdict.right, (pupil.name, name, verdict)
        elif "def " not in LABS[lab][0][name]: assert not verdict.right and verdict.says.startswith("not yet: "), (pupil.name, name, verdict)
        seen += 1
    assert seen > 40

@pytest.mark.parametrize("lab", labs())
def test_every_exercise_has_a_test(lab): assert hidden_tests(lab).keys() == {e.name for e in exercises(lab_cells(lab))} and not checker_tests("surreal")

@pytest.mark.slow
def test_a_stand_in_is_a_function_for_values_and_gradients():
    with Sandbox(Limits(600, 60, 300)) as box:
        run_cell(box, "def f(x, k):\n    if k < 0: raise ValueError('below')\n    return k * x ** 2")
        f = stand_in(Case(box, "f", "ada"))
        assert f(torch.tensor([1., 3.]), 2).tolist() == [2, 18] and f(3, 2) == 18
        x = torch.tensor([1., 3.], requires_grad=True)
        assert torch.autograd.grad((f(x, 2) * torch.tensor([1., 10.])).sum(), x)[0].tolist() == [4, 120]
        with pytest.raises(RuntimeError, match="ValueError: below"): f(x, -1)

def test_checkers_that_print_and_checkers_that_return(monkeypatch):
    "A wrong answer says what the checker says; nothing is no answer."
    test = checker_tests("adaptation")["clamp"]
    assert test(Here({"clamp": 1.5}, "clamp", "ada")).right and test(Here({"clamp": None}, "clamp", "ada")).mistake == "no answer"
    assert test(Here({"clamp": 2}, "clamp", "ada")).says.startswith("not yet: after a tenth your limit is") and test(Here({"clamp": object()}, "clamp", "ada")).mistake == "no data"
    assert callable(lab_names("adaptation")["gain"]) and "fit" not in lab_names("adaptation")

def test_both():
    yes, no = lambda case: Verdict(True), lambda case: not_yet("no")
    assert judge(both(yes, yes), None)[0].right and judge(both(no, yes), None)[0].says == judge(both(yes, no), None)[0].says == "not yet: no"

def test_a_teachers_own_tests(tmp_path):
    (tmp_path/"real_digits.py").write_text("from fer_nb.assignments import judge_number\nTESTS = {'points': lambda case: judge_number(case, 7, .1)}")
    own, usual = hidden_tests("real_digits", tmp_path), hidden_tests("real_digits")
    assert own["points"](Here({"points": 7}, "points", "ada")).right and not usual["points"](Here({"points": 7}, "points", "ada")).right and own["logits"] == usual["logits"]
    with pytest.raises(ValueError, match="tests: expected a folder"): hidden_tests("real_digits", tmp_path/"gone")
    with pytest.raises(ValueError, match="lab: expected one with hidden tests"): hidden_tests("surreal")
    (tmp_path/"surreal.py").write_text("TESTS = {'a': len}")
    assert hidden_tests("surreal", tmp_path) == {"a": len}
