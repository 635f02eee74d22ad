"Bad input: one wording, one error type, every kind of whole number."
import inspect
import math

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st

from fer_nb import checks
from fer_nb.checks import choice, need, number, tensor, whole

MANY = [True, np.True_, torch.tensor(True), 10., "10", None, [10], math.nan, torch.tensor([1, 2]), torch.tensor(1.), dict]


def refusal(check, *args, **kwargs):
    with pytest.raises(ValueError) as caught: check(*args, **kwargs)
    assert type(caught.value) is ValueError
    return str(caught.value)

def test_need_says_name_expected_and_got():
    assert need(True, "a", "b", "c") is None
    assert refusal(need, False, "a", "b", "c") == "a: expected b, got c"

@pytest.mark.parametrize("value", [10, np.int8(10), np.int64(10), np.uint8(10), torch.tensor(10), torch.tensor(10, dtype=torch.uint8), np.array(10)])
def test_any_whole_number_is_one(value):
    assert whole("n", value) == 10 and type(whole("n", value)) is int

@pytest.mark.parametrize("value", MANY, ids=repr)
def test_nothing_else_is_a_whole_number(value):
    assert refusal(whole, "n", value) == f"n: expected a whole number of at least 1, got {value!r}"

@given(st.integers(), st.integers(-5, 5), st.integers(0, 9))
def test_whole_numbers_in_range(value, least, more):
    most = least + more
    if least <= value <= most: assert whole("n", value, least, most) == value
    else: assert refusal(whole, "n", value, least, most) == f"n: expected a whole number from {least} to {most}, got {value}"

def test_limits_of_whole_numbers():
    assert whole("n", 1) == 1 and whole("n", 0, 0) == 0 and whole("n", -3, None) == -3 and whole("n", 4, None, 4) == 4
    assert refusal(whole, "n", 0) == "n: expected a whole number of at least 1, got 0"
    assert refusal(whole, "n", 5, None, 4) == "n: expected a whole number of at most 4, got 5"
    assert refusal(whole, "n", "x", None) == "n: expected a whole number, got 'x'"

@pytest.mark.parametrize("value", [2, 2., np.float32(2), np.int64(2), np.float64(2)])
def test_numbers_become_floats(value):
    assert number("lr", value) == 2. and type(number("lr", value)) is float

@pytest.mark.parametrize("value", [True, np.True_, "2", None, math.nan, math.inf, -math.inf, 1j, [2.], np.array([2.])], ids=repr)
def test_nothing_else_is_a_number(value):
    assert refusal(number, "lr", value) == f"lr: expected a finite number, got {value!r}"

@pytest.mark.parametrize("limits, inside, outside, words", [
    (dict(least=0), (0, 1), (-1e-9,), " of at least 0"), (dict(above=0), (1e-9,), (0, -1), " above 0"),
    (dict(least=0, most=1), (0, 1), (-.1, 1.1), " from 0 to 1"), (dict(above=0, most=1), (.5, 1), (0, 1.1), " above 0 and at most 1"),
    (dict(least=0, below=1), (0, .9), (1, -1), " of at least 0 and below 1"), (dict(below=1), (0,), (1,), " below 1"),
    (dict(most=1), (1,), (1.1,), " of at most 1"), (dict(above=0, below=1), (.5,), (0, 1), " above 0 and below 1")])
def test_limits_of_numbers(limits, inside, outside, words):
    for value in inside: assert number("p", value, **limits) == value
    for value in outside: assert refusal(number, "p", value, **limits) == f"p: expected a finite number{words}, got {value!r}"

def test_choice():
    assert choice("loss", "b", ("a", "b")) == "b" and choice("k", 2, {1: "x", 2: "y"}) == 2
    for wrong in ("c", ["a"], None, {}, torch.zeros(2)): assert refusal(choice, "loss", wrong, ("a", "b")) == f"loss: expected one of a, b, got {wrong!r}"

def test_tensors():
    x = torch.zeros(2, 3)
    assert tensor("x", x) is x and tensor("x", x, ("B", 3), floating=True) is x
    assert refusal(tensor, "x", x.numpy(), ("B", 3)) == "x: expected a tensor (B, 3), got ndarray"
    assert refusal(tensor, "x", None) == "x: expected a tensor, got NoneType"
    for shape in (("B",), ("B", 4), ("B", 3, 1), ()): assert refusal(tensor, "x", x, shape).endswith("got shape (2, 3)")
    assert refusal(tensor, "x", x.int(), floating=True) == "x: expected a floating-point dtype, got torch.int32"

def test_checks_need_no_torch_to_be_imported():
    assert "import torch" not in [line for line in inspect.getsource(checks).splitlines() if not line.startswith((" ", "if"))]

def test_a_value_that_fits_is_not_printed():
    "Printing all frames of a run took half a second, and a model's weights as long"
    class Silent(float):
        def __repr__(self): raise AssertionError("printed")
    value = Silent(1)
    assert number("a", value) == 1 and checks.choice("a", value, [1.]) is value and checks.instance("a", value, float, "a float") is value and checks.several("a", [value], 1)[0] is value
    with pytest.raises(AssertionError, match="printed"): number("a", value, 2)
