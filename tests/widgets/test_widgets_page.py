"What a page is told and what it asks: messages in, messages out."
import numpy as np
import pytest

from fer_nb.embeddings import Run
from fer_nb.widgets import Choice, Pulse, Slider, race, theatre
from toy_runs import answer, finished, growing, indices, threads, until, watch


def test_page_gets_all_frames_once_and_again_when_it_comes_anew():
    made = race([finished(4), finished(7, name="other")])
    box = watch(made)
    made._hear(None, dict(type="ready"), [])
    assert [m["type"] for m, _ in box] == ["init", "frames"] and indices(box) == [0, 1, 2, 3] and indices(box, 1) == list(range(7))
    box.clear()
    made._hear(None, dict(type="ready"), [])
    assert indices(box) == [0, 1, 2, 3]

def test_live_frames_reach_a_page_that_answers():
    made = theatre(growing, play=False, steps=40)
    box = watch(made)
    made._hear(None, dict(type="ready"), [])
    made.play()
    until(lambda: answer(made, box) or len(indices(box)) == 40)
    assert made._trainer.join() and made.done and indices(box) == list(range(40))

def test_before_the_page_calls_a_snapshot_waits_for_it():
    made = theatre(growing)
    until(lambda: made._snapshot)
    s = made._snapshot
    assert s["frames"][0]["panel"] == 0 and len(s["buffers"][s["frames"][0]["buffer"]]) == 4 * 4 + 4 * 40
    made._hear(None, dict(type="ready"), [])
    assert made._snapshot == {}

def test_restart_from_the_page_applies_settings_per_panel():
    seen = []
    def make(loss, gamma):
        seen.append((loss, gamma))
        return growing(steps=3, name=loss)
    made = race(make, [dict(loss="softmax"), dict(loss="dda")], [Choice("loss", "loss", ["softmax", "center", "dda"], "dda"), Slider("gamma", "γ", 0.0, 7.0, 0.5, 3.0)])
    assert [c["scope"] for c in made._config["controls"]] == ["panel", "shared"] and seen == [("softmax", 3.0), ("dda", 3.0)]
    made._hear(None, dict(type="restart", values=dict(gamma=5), panels=[dict(loss="center"), dict(loss="dda")]), [])
    assert made._trainer.join()
    assert seen[2:] == [("center", 5.0), ("dda", 5.0)] and made._status["panels"] == [dict(loss="center"), dict(loss="dda")]
    assert [r.name for r in made.runs] == ["center", "dda"]

def test_a_page_is_told_of_new_runs_before_their_frames():
    made = theatre(growing, steps=3, pause=0)
    assert made.wait()
    box = watch(made)
    made._hear(None, dict(type="ready"), [])
    made.restart()
    assert made.wait()
    until(lambda: (answer(made, box), made._wire.pump(), len(indices(box)) == 6)[-1])
    kinds = [(m["type"], m["generation"]) for m, _ in box]
    assert kinds[0] == ("init", 0) and ("init", 1) in kinds and kinds == sorted(kinds, key=lambda k: k[1])

def test_messages_play_pause_step_and_stop():
    made = theatre(growing, play=False)
    run = made.runs[0]
    def says(kind): made._hear(None, dict(type=kind), [])
    says("step")
    assert made._trainer.join() and len(run) == 1
    says("play")
    until(lambda: len(run) > 3)
    assert made._status["running"]
    says("pause")
    assert made._trainer.join() and not made._status["running"] and not made.done
    says("stop")
    assert made.done and made._status["stopped"]
    says("of another version")
    assert made.error is None


# ---------------------------------------------------------------- errors
def test_error_of_the_factory_at_restart_is_shown_and_the_old_run_stays():
    def make(gamma=1.0):
        if gamma > 5: raise ValueError("gamma: expected at most 5, got 6.0")
        return growing()
    made = theatre(make, [Slider("gamma", "γ", 0.0, 10.0, 0.5, 1.0)])
    old = made.runs[0]
    made._hear(None, dict(type="restart", values=dict(gamma=6)), [])
    until(lambda: made.error is not None and not made.running)
    assert made._status["error"] == "ValueError: gamma: expected at most 5, got 6.0" and made.runs[0] is old
    assert made._status["values"] == {"gamma": 1.0}
    made.restart(gamma=2)
    until(lambda: made.running and made.error is None and made._status["values"] == {"gamma": 2.0})

def test_bad_messages_from_the_page_are_shown_not_raised():
    made = theatre(growing, [Slider("steps", "steps", 1, 50, 1, 20)], play=False)
    made._hear(None, dict(type="restart", values=dict(steps=1000)), [])
    assert "steps: expected a finite number from 1 to 50" in made._status["error"] and not threads()
    made._hear(None, dict(type="restart", values=dict(nonsense=1)), [])
    assert "nonsense" in made._status["error"]

def test_embedding_of_three_dimensions_is_refused_in_words():
    def make():
        run = Run([0, 1], name="deep")
        def train():
            run.add(0, np.zeros((2, 3)), [0, 1], losses={})
            yield 0
        run._source = train()
        return run
    made = theatre(make)
    until(lambda: made.error is not None and not threads())
    assert "project(run)" in str(made.error)


# ---------------------------------------------------------------- heartbeat
class Loop:
    def call_soon_threadsafe(self, f): f()

def test_closed_page_pauses_and_a_beat_goes_on(monkeypatch):
    monkeypatch.setattr(Pulse, "PATIENCE", -1)
    made = theatre(growing, play=False)
    made._pulse.beat(Loop())
    made.play()
    until(lambda: not threads())
    assert made._status["note"] == "paused: nobody is watching" and not made.done
    monkeypatch.setattr(Pulse, "PATIENCE", 15)
    made._hear(None, dict(type="beat"), [])
    until(lambda: made.running)
