"Theatres and races: what can be shown, one at a time, settings, restarts, and the picture for pages without widgets."
import base64
import io
import threading
from pathlib import Path

import nbclient
import nbconvert
import nbformat
import pytest
from PIL import Image

import toy_runs
from fer_nb.embeddings import Run
from fer_nb.widgets import Slider, race, stage, theatre
from toy_runs import finished, gated, growing, threads, until, watch


def slider(**k): return Slider(**{**dict(name="gamma", label="γ", min=0.0, max=7.0, step=0.5, value=3.0), **k})


@pytest.mark.parametrize("way", ["pause", "stop", "close"])
def test_the_thread_ends_after_the_step_it_is_in(way, monkeypatch):
    run, gate = gated()
    made = theatre(run)
    gate.release(3)
    until(lambda: len(run) == 3)                            # the fourth step is under way
    assert made.running and len(threads()) == 1
    halted, halt = [], made._trainer._halt
    def release():                                          # a hundred more steps, once it was told to end
        halt.wait()
        halted.append(len(run))
        gate.release(100)
    helper = threading.Thread(target=release)
    helper.start()
    getattr(made, way)()
    helper.join()
    until(lambda: not threads())
    assert halted == [3] and len(run) == 4 and not made.running and made.error is None

def test_pause_keeps_the_state_and_play_goes_on():
    made = theatre(growing, play=False)
    run = made.runs[0]
    assert not threads() and not made.running
    made.play()
    until(lambda: len(run) > 3)
    made.pause()
    assert made._trainer.join() and not threads()
    so_far = len(run)
    made.play()
    until(lambda: len(run) > so_far)
    assert made.runs[0] is run and run.steps[:so_far + 1] == list(range(so_far + 1))

def test_stop_is_final_until_restart():
    made = theatre(growing)
    until(lambda: len(made.runs[0]) > 3)
    made.stop()
    assert made._trainer.join() and made.done and made._status["stopped"] and not made._status["running"]
    n = len(made.runs[0])
    made.play(); made.step()
    assert len(made.runs[0]) == n and not threads()
    made.restart()
    until(lambda: made.running and made._status["generation"] == 1 and len(made.runs[0]) > 1)

def test_step_gives_every_run_one_frame():
    made = race(growing, [{}, {}], play=False)
    made.step(); assert made._trainer.join()
    made.step(); assert made._trainer.join()
    assert [len(r) for r in made.runs] == [2, 2] and not threads()

def test_runs_advance_in_turn_and_to_the_end():
    made = race(growing, [dict(steps=30), dict(steps=10)], play=False, pause=0)
    assert made.wait() and made.done and [len(r) for r in made.runs] == [30, 10] and not threads()

def test_one_theatre_plays_at_a_time():
    first, second = theatre(growing), theatre(growing)
    until(lambda: not first.running)
    until(lambda: first._status["note"] == "paused: another theatre plays" and len(threads()) == 1)
    assert second.running
    first.play()
    until(lambda: first.running and not second.running)

def test_play_pause_play_in_a_hurry_leaves_one_thread():
    made = theatre(growing)
    for _ in range(20): made.pause(); made.play()
    until(lambda: len(threads()) == 1)
    run = made.runs[0]
    until(lambda: len(run) > 3)
    made.pause()
    assert made._trainer.join() and made.error is None and run.steps == list(range(len(run)))

def test_cell_run_again_closes_its_older_theatre(monkeypatch):
    monkeypatch.setattr(stage, "_request", lambda: ("cell-a", "one"))
    old, neighbor = theatre(growing), theatre(growing, play=False)
    monkeypatch.setattr(stage, "_request", lambda: ("cell-a", "two"))
    new = theatre(growing)
    assert old._closed and neighbor._closed and not new._closed
    monkeypatch.setattr(stage, "_request", lambda: ("cell-b", "three"))
    theatre(growing, play=False)
    assert not new._closed
    until(lambda: len(threads()) == 1)

def test_error_in_training_is_kept_and_shown_and_others_go_on():
    made = race(growing, [dict(fail_at=3), dict(steps=20)], play=False, pause=0)
    assert made.wait()
    assert isinstance(made.error, FloatingPointError) and len(made.runs[1]) == 20
    assert made._status["errors"] == ["FloatingPointError: step 3: softmax not finite", ""] and not threads()

def test_first_error_of_the_factory_is_raised():
    def make(): raise ValueError("no such profile")
    with pytest.raises(ValueError, match="no such profile"): theatre(make)

def test_setting_given_by_name_overrides_the_control():
    made = theatre(growing, [Slider("steps", "steps", 1, 50, 1, 20)], steps=5, play=False)
    assert made._status["values"] == {"steps": 5} and made._config["live"] and made._config["restartable"]

def test_goto_and_its_limits():
    made = theatre(finished(3))
    box = watch(made)
    made.goto(2)
    assert box == [(dict(type="goto", frame=2), [])] and not made._config["live"]
    with pytest.raises(ValueError, match="frame: expected a whole number from 0 to 2, got 3"): made.goto(3)

def test_without_a_page_the_training_runs_to_its_end():
    made = theatre(growing, steps=50)
    assert made.wait() and len(made.runs[0]) == 50

@pytest.mark.parametrize("make, message", [
    (lambda: theatre(growing, [slider(), slider()]), "controls: expected different names"),
    (lambda: theatre(growing, ["gamma"]), "controls: expected Slider and Choice objects, got 'gamma'"),
    (lambda: theatre(lambda lr: growing(), [slider()]), "settings: expected arguments of"),
    (lambda: theatre(lambda gamma: growing(), [slider()], gamma=8), "gamma: expected a finite number from 0.0 to 7.0, got 8"),
    (lambda: theatre(finished(), [slider()]), "controls: expected none with finished runs"),
    (lambda: theatre(42), "source: expected a Run or a function that makes one, got 42"),
    (lambda: theatre(lambda: 42), "source: expected a function that returns a Run, got 42"),
    (lambda: race(growing, []), "panels: expected a list of one to four dicts"),
    (lambda: race(growing, [{}] * 5), "panels: expected a list of one to four dicts"),
    (lambda: race(growing, ["softmax"]), "panels: expected a list of one to four dicts"),
    (lambda: race([finished()] * 5), "source: expected a function"),
    (lambda: theatre(Run([0, 1])), "source: expected at least one frame in a finished run"),
    (lambda: theatre(finished()).restart(), "restart: expected a theatre made from a function"),
    (lambda: theatre(growing, play=False).restart(gamma=1), "restart: expected settings among"),
    (lambda: race(growing, [{}, {}], play=False).restart([{}]), "panels: expected 2 dicts"),
])
def test_bad_input_is_refused_in_words(make, message):
    with pytest.raises(ValueError, match=message): make()

@pytest.mark.notebooks
def test_plain_export_shows_the_last_frame(tmp_path):
    tests = str(Path(toy_runs.__file__).parent)
    cells = [f"import sys; sys.path.insert(0, {tests!r})\nfrom toy_runs import growing\nfrom fer_nb.widgets import theatre",
             "stage = theatre(growing, steps=30, name='short')\nstage", "assert stage.wait()"]
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    nbclient.NotebookClient(nb, timeout=600, kernel_name="python3", store_widget_state=False).execute()
    picture = [o for o in nb.cells[1].outputs if "image/png" in o.get("data", {})]
    assert len(picture) == 1 and Image.open(io.BytesIO(base64.b64decode(picture[0]["data"]["image/png"]))).width > 200
    html, _ = nbconvert.HTMLExporter().from_notebook_node(nb)
    assert "data:image/png;base64," + picture[0]["data"]["image/png"][:40] in html.replace("\n", "")
    assert "Theatre: short" in html
