"The sandbox from outside: an answer or `Gone`, and never a long wait."
import time

import pytest
import torch

from fer_nb.assignments.sandbox import Gone, Limits, Missing, Sandbox, call, hidden_folders, run_cell, value_of


@pytest.fixture
def box(): # a busy machine has time
    with Sandbox(Limits(600, 60, 300)) as box: yield box

@pytest.fixture
def hasty():
    with Sandbox(Limits(40, 2, 300)) as box: yield box

def test_cells_and_values(box):
    ran = run_cell(box, "x = 3\nprint('said')\nx")
    assert "said" in ran.outputs[0]["text"] and not ran.error and value_of(box, "x") == 3
    with pytest.raises(Missing): value_of(box, "y")
    assert run_cell(box, "1 / 0").error == "ZeroDivisionError: division by zero" and value_of(box, "x") == 3
    assert run_cell(box, "x = = 3").error.startswith("SyntaxError")

def test_pictures_are_kept_and_pages_are_not(box):
    outputs = run_cell(box, "%matplotlib inline\nimport matplotlib.pyplot as plt\nfrom IPython.display import HTML, display\nplt.plot([1, 2])\ndisplay(HTML('<script>alert(1)</script>'));").outputs
    kinds = {kind for o in outputs for kind in o.get("data", {})}
    assert kinds == {"image/png", "text/plain"} and "script" not in str(outputs)

def test_functions_with_gradients(box):
    run_cell(box, "def f(x, k): return (k * x ** 2).sum()\ndef g(x, k): return float(x.sum())\ndef h(x, k): raise KeyError('no')")
    first, second = call(box, "f", [[torch.tensor([1., 2.]), 3], [torch.ones(1), 0]], gradient=True)
    assert first.value == 15 and first.gradients[0].tolist() == [6, 12] and second.gradients[0].tolist() == [0]
    assert call(box, "g", [[torch.ones(2), 3]], gradient=True)[0] == (2, [], "") and call(box, "h", [[torch.ones(2), 3]])[0].error == "KeyError: 'no'"
    run_cell(box, "x = 3")
    with pytest.raises(ValueError, match="no function"): call(box, "x", [[]])

@pytest.mark.slow
def test_a_loop_ends(hasty):
    begin = time.monotonic()
    assert run_cell(hasty, "while True: pass").error.startswith("TimeIsUp") and run_cell(hasty, "x = 1").error == ""
    with pytest.raises(Gone, match="in time"): run_cell(hasty, "import time\nwhile True:\n    try: time.sleep(1)\n    except BaseException: continue")
    assert time.monotonic() - begin < 20
    with pytest.raises(Gone): value_of(hasty, "x")

@pytest.mark.slow
@pytest.mark.parametrize("source", ["import os; os._exit(0)", "import os, signal; os.kill(os.getpid(), signal.SIGSEGV) or os.abort()",
    "import os\nfor n in range(3, 30):\n    try: os.close(n)\n    except OSError: pass", "import sys; sys.setrecursionlimit(10**9)\ndef f(): return f()\nf()"])
def test_a_process_that_ends_is_gone_or_has_failed(source):
    "The last one goes on as long as it may."
    with Sandbox(Limits(40, 1, 300)) as box:
        try: assert run_cell(box, source).error
        except Gone as gone: assert "ended the program" in gone.why or "in time" in gone.why

def test_nonsense_in_the_pipe(box):
    with pytest.raises((Gone, ValueError)):
        run_cell(box, "import os\nfor n in range(3, 30):\n    try: os.write(n, b'nonsense\\n')\n    except OSError: pass")
        value_of(box, "x")

def test_limits_are_checked():
    with pytest.raises(ValueError, match="seconds: expected a finite number above 0"): Sandbox(Limits(0))
    with pytest.raises(ValueError, match="megabytes: expected a whole number of at least 100"): Sandbox(Limits(megabytes=5))

def test_a_checkout_hides_all_but_library_and_data():
    names = [f.rsplit("/", 1)[1] for f in hidden_folders()]
    assert "assignments" in names and "nbs" in names and not {"fer_nb", "data_samples"} & set(names)
