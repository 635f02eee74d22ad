"Inside: replies to the grader's messages, without the processes around them."
from types import SimpleNamespace

import torch

from fer_nb.assignments import inside
from fer_nb.assignments.answers import pack, unpack


def ask(names, **message): return inside._answer(SimpleNamespace(user_ns=names), {"seconds": 5, **message})

def test_values():
    assert ask({"a": (1, 2.)}, do="value", name="a") == {"value": {"tuple": [1, 2]}} and ask({}, do="value", name="a") == {"missing": True}

def test_calls():
    said = ask({"f": lambda x, k: k * x}, do="call", name="f", calls=[[pack(torch.ones(2)), 3], [1, "a"], [{"bad": 1}, 2]], gradient=False)
    assert "error" in said # what cannot be unpacked costs the whole message: the grader never sends it
    said = ask({"f": lambda x, k: k * x}, do="call", name="f", calls=[[pack(torch.ones(2)), 3], [pack(None), 2]], gradient=True)["calls"]
    assert unpack(said[0]["value"]).tolist() == [3, 3] and unpack(said[0]["gradients"][0]).tolist() == [3, 3] and said[1]["error"].startswith("TypeError")
    assert ask({"f": 3}, do="call", name="f", calls=[], gradient=False) == {"value": 3, "no_function": True}

def test_an_unused_input_has_no_gradient():
    said = ask({"f": lambda x, c: x.sum()}, do="call", name="f", calls=[[pack(torch.ones(2)), pack(torch.ones(3))]], gradient=True)["calls"][0]
    assert [unpack(g).tolist() for g in said["gradients"]] == [[1, 1], [0, 0, 0]]

def test_outputs_are_short_and_plain():
    captured = SimpleNamespace(stdout="\x1b[31mred\x1b[0m" + "x" * 50_000, stderr="", outputs=[SimpleNamespace(data={"text/html": "<b>", "image/png": "A" * 400_000})])
    text, = inside._shown(captured)
    assert text["text"].startswith("redxx") and len(text["text"]) == 20_000
