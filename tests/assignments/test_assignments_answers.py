"Answers on their way: every number of every library arrives as one, and nothing that arrives is a program."
import base64
import dataclasses
import json

import numpy as np
import pytest
import torch

from fer_nb.assignments.answers import Other, Record, pack, unpack


def sent(value): return unpack(json.loads(json.dumps(pack(value))))

@pytest.mark.parametrize("nine", [9, 9.0, np.int64(9), np.float32(9), np.array(9), torch.tensor(9), torch.tensor(9.), torch.tensor(9., dtype=torch.bfloat16)])
def test_a_number_of_any_library_is_a_number(nine): assert sent(nine) == 9 and type(sent(nine)) is int

def test_what_is_kept():
    for value in (None, True, "text", 1.5, (1, 2), [1, [2.5]], {"a": (1,)}): assert sent(value) == value and type(sent(value)) is type(value)
    for array in (np.eye(2), np.arange(6, dtype=np.uint8).reshape(2, 3), np.array([True, False])): assert np.array_equal(sent(array).numpy(), array)
    assert sent(torch.eye(3, requires_grad=True)).equal(torch.eye(3)) and sent(torch.ones(2, dtype=torch.bfloat16)).dtype == torch.float32
    assert np.isnan(sent(float("nan"))) and sent(torch.ones(0, 3)).shape == (0, 3)

def test_sets_are_lists(): assert sorted(sent({"a", "b"})) == ["a", "b"] and sent(frozenset()) == [] and sent({len}) == [Other("a function")]

def test_lists_do_not_need_what_a_student_may_have_patched(monkeypatch):
    monkeypatch.setattr("fer_nb.exercises.plain", lambda answer: 1)
    assert sent([[1.5, np.float32(2)], "a"]) == [[1.5, 2], "a"]

def test_dataclasses_are_records():
    @dataclasses.dataclass
    class Pair:
        left: int
        right: object
    assert sent(Pair(1, torch.tensor(2.))) == Record("Pair", {"left": 1, "right": 2})

def test_what_cannot_be_sent_is_named():
    assert sent(len) == sent(lambda: 0) == Other("a function") and sent(object()) == Other("object")
    assert sent(np.array(["a"])) == Other("array of <U1") and sent(np.zeros(3_000_000)).kind.startswith("array")
    deep = []
    for _ in range(50): deep = [deep]
    json.dumps(pack(deep))

ARRAY = {"array": base64.b64encode(bytes(8)).decode(), "dtype": "float64", "shape": [1]}

@pytest.mark.parametrize("data", [
    {}, [], [1], {"pickle": "x"}, ARRAY | {"dtype": "object"}, ARRAY | {"dtype": "U8"}, ARRAY | {"shape": [2]}, ARRAY | {"shape": [-1]}, ARRAY | {"shape": "1"},
    ARRAY | {"shape": [True]}, ARRAY | {"shape": [10**9, 10**9]}, ARRAY | {"array": "!!"}, {"list": 3}, {"list": [{}]}, {"tuple": {"a": 1}}])
def test_what_nobody_packs_is_refused(data):
    with pytest.raises(ValueError): unpack(data)

def test_a_nesting_has_an_end():
    deep = 1
    for _ in range(300): deep = {"list": [deep]}
    with pytest.raises(ValueError): unpack(deep)
