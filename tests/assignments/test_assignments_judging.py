"Judging: numbers and functions against what is right, and against what is known to be wrong."
import math

import pytest
import torch

from fer_nb.assignments.answers import Other, Record
from fer_nb.assignments.judging import (NOTHING, Case, Input, Verdict, as_number, judge, judge_function, judge_number, judge_own_number, kind_of, not_yet)
from fer_nb.assignments.sandbox import Gone, Missing
from synthetic import Here


def number(value, **kw): return judge_number(Here({"a": value}, "a", "ada"), 3., .1, {"that is twice it": 6.}, **kw)

@pytest.mark.parametrize("value", [3, 3.0, 3.09, torch.tensor(3.), torch.tensor([[2.95]])])
def test_right_numbers(value): assert number(value) == Verdict(True)

def test_wrong_numbers_are_named():
    assert number(None) == NOTHING and number(6.05) == not_yet("that is twice it") and number(4).mistake == "4" and number(4, hint="look again").says == "not yet: look again"
    for value, kind in (("3", "a text"), ([3], "a list"), (True, "True or False"), (torch.ones(2), r"an array of shape (2,)"), (len, "a function"), ({}, "a dict")):
        assert number(value).says == f"not yet: expected a number, got {kind}", value
    for value in (math.nan, math.inf, 10**400): assert not number(value).right

def test_kinds(): assert [kind_of(v) for v in (None, Other("set"), Record("Recipe", {}), (1,))] == ["nothing", "set", "a Recipe", "a tuple"] and as_number(10**400) is None

TRUTH = {"ada": 1., "ben": 2., "cy": 2.5}.get
def own(value, signed): return judge_own_number(Here({"a": value, "student": signed}, "a", "ada", ["ben", "cy"]), TRUTH, .1, lambda s: {"halved": TRUTH(s) / 2})

def test_own_numbers():
    assert own(1.05, "ada").right and own(1, " ADA ").right and own(1, "somebody").right and own(.5, "ada").says == "not yet: halved"
    assert own(2, "ada").mistake == "numbers of ben" and own(2, "ben").mistake == "signed 'ben'" and own(2.5, None).mistake == "numbers of cy" and own(7, "ada").mistake == "7"
    assert own("x", "ada").mistake == "no number" and own(None, "ada") == NOTHING

def half(x): return x.square().mean() / 2
INPUTS = [Input([torch.tensor([1., 2.])]), Input([torch.zeros(3)], "zeros give 0"), Input([torch.tensor([1e6])], "large ones overflow")]
def function(f): return judge_function(Here({"f": f}, "f", "ada"), half, INPUTS, {"the half is missing": lambda x: x.square().mean()}, gradient=True)

def test_functions():
    assert function(half).right and function(lambda x: (x * x).sum() / 2 / len(x)).right
    assert function(lambda x: x.square().mean()).says == "not yet: the half is missing" and function(lambda x: x.square().mean() / 2 + (x == 0).all()).says == "not yet: zeros give 0"
    assert function(lambda x: half(x) if x.max() < 99 else x.sum() * math.nan).says == "not yet: large ones overflow"
    assert function(lambda x: float(half(x))).mistake == "no gradient flows through it" and function(lambda x: half(x.detach()) + 0 * x.sum()).mistake == "wrong gradient"
    assert function(lambda x: half(x).detach().numpy()).mistake == "no gradient flows through it"

def test_a_list_of_rows_is_a_table():
    def judged(f): return judge_function(Here({"f": f}, "f", "ada"), lambda: torch.eye(2), [Input([])])
    for rows in ([[1, 0], [0, 1]], [torch.tensor([1., 0.]), [0, 1]], (torch.eye(2)[0], torch.eye(2)[1]), torch.eye(2)): assert judged(lambda: rows).right
    assert "some inputs" in judged(lambda: [torch.ones(2), torch.ones(2)]).says and not judge(lambda case: judged(lambda: [torch.ones(2), [1]]), None)[0].right

def test_what_is_no_function():
    assert function(None) == NOTHING and function(lambda x: None) == NOTHING and function(3.).mistake == "no function"
    assert function(lambda: 0).mistake == "TypeError" and "some inputs" in function(lambda x: "text").says and "some inputs" in function(lambda x: x).says
    def late(x): return half(x) if x.any() else 1 / 0
    assert function(late).says == "not yet: zeros give 0 (it stops with ZeroDivisionError: division by zero)"

def test_a_gradient_of_nothing_is_none():
    def limited(x): return x.clamp(max=1).mean()
    inputs = [Input([torch.tensor([.5, 3.])]), Input([torch.tensor([3.])])]
    by_hand = lambda x: sum(v if v < 1 else torch.tensor(1.) for v in x) / len(x)
    assert judge_function(Here({"f": by_hand}, "f", "ada"), limited, inputs, gradient=True).right

@pytest.mark.parametrize("error, mistake, alive", [(Missing("a"), "no answer", True), (Gone("it did not end in time"), "it did not end in time", False),
                                                   (ValueError("x"), "unreadable", True), (TypeError("x"), "TypeError", True)])
def test_whatever_happens_a_verdict(error, mistake, alive):
    def test(case): raise error
    verdict, there = judge(test, Here({}, "a", "ada"))
    assert not verdict.right and verdict.mistake == mistake and there == alive

def test_inputs_are_a_students_own():
    ada, again, ben = Case(None, "f", "ada"), Case(None, "f", "ADA"), Case(None, "f", "ben")
    draws = [torch.rand(3, generator=c.torch).tolist() for c in (ada, again, ben)]
    assert draws[0] == draws[1] != draws[2] and ada.random.random() == again.random.random() != ben.random.random()
