"From a lab to its exercises: what is asked, and what that needs."
import json

import pytest

from fer_nb.assignments import labs
from fer_nb.assignments.labs import exercises, lab_cells, needed, report_of, setting


def code(source, *tags): return dict(cell_type="code", metadata=dict(tags=list(tags)), source=source)
def text(source, **marks): return dict(cell_type="markdown", metadata=dict(nbgrader=marks) if marks else {}, source=source)

FOUR = [code("def check_a(answer): return WIDTH > answer", "checker"), text("## Exercises\n**1.** How wide?"), code("a = None\ncheck_a(a)"), code("# solution\na = 3\nassert check_a(a)", "solution")]

def test_four_cells_are_an_exercise():
    e, = exercises(FOUR)
    assert (e.name, e.names, e.stub, e.ask, e.task, e.points) == ("a", ("a",), "a = None", "check_a(a)", "**1.** How wide?", 1)
    assert exercises([FOUR[1], FOUR[0], *FOUR[2:]]) == [e] # either order
    FOUR[2]["metadata"]["nbgrader"] = dict(points=3)
    assert exercises(FOUR)[0].points == 3

def test_several_answers_and_functions():
    cells = [FOUR[0], FOUR[1], code("who = None\ndef f(x):\n    return None\n\ncheck_a(who, f);"), FOUR[3]]
    e, = exercises(cells)
    assert e.name == "f" and e.names == ("who", "f") and e.stub.startswith("who = None\ndef f") and e.ask == "check_a(who, f);"

def test_a_broken_pattern_is_named():
    with pytest.raises(ValueError, match="answer's cell: expected a call of the checker at its end"): exercises([*FOUR[:2], code("a = 3"), FOUR[3]])
    with pytest.raises(ValueError, match="lab: expected another name for every answer"): exercises(FOUR * 2)
    with pytest.raises(ValueError, match="lab: expected one of .*real_digits"): lab_cells("unreal")

def test_the_open_question():
    assert report_of(FOUR) is None
    report = report_of([text("## Exercises\n**1.** a"), text("text\n\n**2. Your report.** Half a page.\n\n## More\nno", points=6)])
    assert report.task == "**2. Your report.** Half a page." and report.points == 6
    assert report_of([text("**3.** *(open)* Why?")]).points == 4

def test_what_is_needed_comes_along_and_nothing_else():
    cells = [code("import os, math\nfrom statistics import mean, stdev"), code("# a comment\nrows = [1, 2]\nbig = train(rows)\nfor k in range(3):\n    rows.append(k)\nfig = draw(rows)"),
             code("def half(x):\n    # why not\n    return scale(x) / 2\ndef scale(x): return x * FACTOR"), code("FACTOR = mean(rows)\nother = stdev(rows)")]
    assert needed(cells, {"half"}) == ["from statistics import mean", "rows = [1, 2]\nfor k in range(3):\n    rows.append(k)",
                                       "def half(x):\n    # why not\n    return scale(x) / 2\ndef scale(x): return x * FACTOR", "FACTOR = mean(rows)"]
    assert needed(cells, {"nothing"}) == [] and needed(cells, {"os"}) == ["import os"]

def test_the_last_definition_counts_and_locals_do_not():
    cells = [code("x = slow()"), code("x = 1\ny = [n for n in range(x)]\nn = 5"), code("def f(x): return x + y[0]")]
    assert needed(cells, {"f"}) == ["x = 1\ny = [n for n in range(x)]", "def f(x): return x + y[0]"]

def test_what_is_slow_is_replaced():
    slow = code("found = detect(photographs)\nshown = draw(found)")
    slow["metadata"]["nbgrader"] = dict(setting=["rows = [1, 2]", "found = [r for r in rows]", "other = 3"])
    assert needed([slow, code("def best(): return max(found)")], {"best"}) == ["rows = [1, 2]\nfound = [r for r in rows]", "def best(): return max(found)"]

def test_seeds_come_along():
    cells = [code("import torch\ntorch.manual_seed(0)\ntorch.set_num_threads(3)\nx = torch.rand(3)")]
    assert needed(cells, {"x"}) == ["import torch\ntorch.manual_seed(0)\nx = torch.rand(3)"]

@pytest.mark.parametrize("lab", labs.labs())
def test_every_lab_keeps_the_pattern_and_trains_nothing(lab):
    cells = lab_cells(lab)
    assert exercises(cells) and report_of(cells)
    source = "\n".join(setting(cells))
    compile(source, lab, "exec")
    assert "theatre" not in source and "_race(" not in source and len(source) < 9000
    assert "fit(" not in source or lab not in ("wild_mnist", "real_digits", "adaptation")
    json.dumps(cells)
