"The theatre without a browser: what is sent and when, the training thread's life, settings and errors."
import math, threading, time

import numpy as np, pytest, torch
from hypothesis import given, settings, strategies as st

from fer_nb.embeddings import Run
from fer_nb.widgets import Choice, Pulse, Slider, Theatre, Trainer, Wire, frame_block, race, run_blocks, theatre


def finished(frames=5, n=40, k=4, name="run", images=None, centers=True):
    run, g = Run(np.arange(n) % k, name=name, minority=[k - 1], images=images), np.random.default_rng(0)
    for i in range(frames):
        run.add(10 * i, g.normal(size=(n, 2)) * (1 + i), run.labels, losses={"total": 2.0 / (1 + i)}, head=np.ones((k, 2)), centers=np.eye(k, 2) * i if centers else None)
    return run


def growing(steps=10**9, n=40, k=4, pause=0.002, fail_at=None, name="toy", **_):
    run, g = finished(0, n, k, name), np.random.default_rng(0)
    def train():
        for i in range(steps):
            if i == fail_at: raise FloatingPointError(f"step {i}: softmax not finite")
            run.add(i, g.normal(size=(n, 2)), run.labels, losses={"total": 1.0})
            time.sleep(pause)
            if (yield i): return
    run._source = train()
    return run


def threads(): return [t for t in threading.enumerate() if t.name == "fer_nb training"]

def until(what, seconds=5):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)


@pytest.fixture(autouse=True)
def no_thread_left():
    yield
    from fer_nb import widgets
    for t in list(widgets._theatres): t.close()
    assert not threads()


def watch(made):
    "Let a fake page watch a theatre; returns the list of messages it gets."
    box = []
    made.send = lambda message, buffers=None: box.append((message, buffers or []))
    return box

def answer(made, box): made._hear(None, dict(type="ack", seq=max([m.get("seq", 0) for m, _ in box], default=0)), [])

def indices(box, panel=0): return [f["index"] for m, _ in box if m["type"] == "frames" for f in m["frames"] if f["panel"] == panel]


# ---------------------------------------------------------------- blocks
def test_frame_block_holds_the_frame():
    run = finished()
    info, block = frame_block(run, 3)
    floats = np.frombuffer(block[:4 * (8 + 8 + 4)], "<f4")
    np.testing.assert_array_equal(floats[:8].reshape(4, 2), np.eye(4, 2) * 3)
    np.testing.assert_array_equal(floats[16:], run.recall[3])
    xy = np.frombuffer(block[80:], "<i2").reshape(-1, 2)
    np.testing.assert_allclose(xy * (info["scale"] / 32767), run.embedding(3), rtol=1e-6, atol=1e-6)
    assert info["parts"] == [8, 8, 0] and info["step"] == 30 and info["losses"] == {"total": 0.5} and info["grad"] is None


def test_not_finite_numbers_travel_as_null():
    run = finished(0)
    run.add(0, np.zeros((40, 2)), run.labels, losses={"total": math.nan, "center": math.inf}, grad_norm=math.inf)
    assert frame_block(run, 0)[0]["losses"] == {"total": None, "center": None} and frame_block(run, 0)[0]["grad"] is None


def test_pictures_shared_by_runs_travel_once():
    pictures = np.random.default_rng(0).integers(0, 256, (40, 5, 6), np.uint8)
    metas, blocks = run_blocks([finished(images=pictures), finished(images=pictures.copy()), finished(), finished(images=255 - pictures)])
    assert [len(b) for b in blocks] == [40, 1200, 40, 40, 40, 1200]
    assert metas[0]["images"] == dict(buffer=1, h=5, w=6) and metas[1]["images"] == dict(same=0) and metas[2]["images"] is None and metas[3]["images"]["buffer"] == 5


# ---------------------------------------------------------------- wire
@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(0.0, 0.4), st.integers(0, 3), st.booleans()), min_size=1, max_size=80), st.integers(1, 3))
def test_wire_keeps_to_its_credit_and_loses_nothing(script, panels):
    now, box, runs = [0.0], [], [growing(name=str(p)) for p in range(panels)]
    wire = Wire(lambda m, b: box.append((m, b)), clock=lambda: now[0])
    for run in runs: next(run)
    wire.open(runs)
    sent_at = []
    for wait, steps, ack in script:
        now[0] += wait
        for run in runs:
            for _ in range(steps): run.add(len(run), np.zeros((40, 2)), run.labels, losses={"total": 0.0})
        before, free = len(box), wire.seq - wire.acked < Wire.CREDIT
        wire.pump()
        assert len(box) - before <= 1
        if len(box) > before:
            assert not sent_at or now[0] - sent_at[-1] >= Wire.PACE
            assert free or now[0] - sent_at[-1] >= Wire.LATE
            sent_at.append(now[0])
        if ack: wire.ack(wire.seq)
    for _ in range(5):
        now[0] += 2
        wire.pump()
    for p, run in enumerate(runs): assert indices(box, p) == list(range(len(run)))
    assert [m["seq"] for m, _ in box if m["type"] == "frames"] == list(range(1, wire.seq + 1))


def test_wire_without_answers_sends_once_a_second():
    now, box, run = [0.0], [], growing()
    wire = Wire(lambda m, b: box.append(m), clock=lambda: now[0])
    wire.open([run])
    for tick in range(1000):
        now[0] = tick / 100
        run.add(tick, np.zeros((40, 2)), run.labels, losses={})
        wire.pump()
    assert 11 <= len([m for m in box if m["type"] == "frames"]) <= 12


def test_wire_splits_large_histories():
    run, box, now = finished(30, n=40_000), [], [0.0]
    wire = Wire(lambda m, b: box.append((m, b)), clock=lambda: now[0])
    wire.open([run, run])
    while len(indices(box, 1)) < 30:
        now[0] += 0.1
        wire.ack(wire.seq)
        assert wire.pump()
    assert indices(box) == indices(box, 1) == list(range(30))
    assert max(sum(map(len, b)) for _, b in box) <= Wire.SIZE + 200_000


def test_wire_tells_again_when_a_run_learns_its_classes():
    run, box = Run([0, 1], name="unnamed"), []
    wire = Wire(lambda m, b: box.append(m), clock=iter(range(100)).__next__)
    wire.open([run])
    run.class_names, run.total = [str(i) for i in range(10)], 90
    run.add(1, np.zeros((2, 2)), [0, 1], losses={})
    wire.pump()
    assert box[-2]["type"] == "init" and box[-2]["runs"][0]["k"] == 10 and box[-2]["runs"][0]["total"] == 90
    assert box[-1]["type"] == "frames" and box[-1]["frames"][0]["index"] == 0


# ---------------------------------------------------------------- thread
@pytest.mark.parametrize("way", ["pause", "stop", "close"])
def test_thread_ends_within_half_a_second(way):
    made = theatre(growing)
    until(lambda: len(made.runs[0]) > 3)
    assert made.running and len(threads()) == 1
    getattr(made, way)()
    until(lambda: not threads(), 0.5)
    assert not made.running and made.error is None


def test_pause_keeps_the_state_and_play_goes_on():
    made = theatre(growing, play=False)
    assert not threads() and not made.running
    made.play()
    until(lambda: len(made.runs[0]) > 3)
    made.pause(); made._trainer.join(1)
    so_far, run = len(made.runs[0]), made.runs[0]
    time.sleep(0.05)
    assert len(run) == so_far
    made.play()
    until(lambda: len(run) > so_far)
    assert made.runs[0] is run and run.steps == list(range(len(run)))


def test_stop_is_final_until_restart():
    made = theatre(growing)
    until(lambda: len(made.runs[0]) > 3)
    made.stop(); made._trainer.join(1)
    assert made.done and made._status["stopped"] and not made._status["running"]
    n = len(made.runs[0])
    made.play(); made.step(); time.sleep(0.05)
    assert len(made.runs[0]) == n and not threads()
    made.restart()
    until(lambda: made.running and made._status["generation"] == 1 and len(made.runs[0]) > 1)


def test_step_gives_every_run_one_frame():
    made = race(growing, [{}, {}], play=False)
    made.step(); made._trainer.join(2)
    made.step(); made._trainer.join(2)
    assert [len(r) for r in made.runs] == [2, 2] and not threads()


def test_runs_advance_in_turn_and_to_the_end():
    made = race(growing, [dict(steps=30), dict(steps=10)], play=False, pause=0)
    assert made.wait(10) and made.done and [len(r) for r in made.runs] == [30, 10] and not threads()


def test_one_theatre_plays_at_a_time():
    first, second = theatre(growing), theatre(growing)
    until(lambda: not first.running)
    until(lambda: first._status["note"] == "paused: another theatre plays" and len(threads()) == 1)
    assert second.running
    first.play()
    until(lambda: first.running and not second.running)


def test_play_pause_play_in_a_hurry_leaves_one_thread():
    made = theatre(growing, pause=0.02)
    for _ in range(20): made.pause(); made.play()
    until(lambda: len(threads()) == 1)
    run = made.runs[0]
    until(lambda: len(run) > 3)
    assert made.error is None and run.steps == list(range(len(run)))


def test_cell_run_again_closes_its_older_theatre(monkeypatch):
    from fer_nb import widgets
    monkeypatch.setattr(widgets, "_request", lambda: ("cell-a", "one"))
    old, neighbour = theatre(growing), theatre(growing, play=False)
    monkeypatch.setattr(widgets, "_request", lambda: ("cell-a", "two"))
    new = theatre(growing)
    assert old._closed and neighbour._closed and not new._closed
    monkeypatch.setattr(widgets, "_request", lambda: ("cell-b", "three"))
    theatre(growing, play=False)
    assert not new._closed
    until(lambda: len(threads()) == 1)


# ---------------------------------------------------------------- errors
def test_error_in_training_is_kept_and_shown_and_others_go_on():
    made = race(growing, [dict(fail_at=3), dict(steps=20)], play=False, pause=0)
    assert made.wait(10)
    assert isinstance(made.error, FloatingPointError) and len(made.runs[1]) == 20
    assert made._status["errors"] == ["FloatingPointError: step 3: softmax not finite", ""] and not threads()


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


def test_first_error_of_the_factory_is_raised():
    def make(): raise ValueError("no such profile")
    with pytest.raises(ValueError, match="no such profile"): theatre(make)


def test_bad_messages_from_the_page_are_shown_not_raised():
    made = theatre(growing, [Slider("steps", "steps", 1, 50, 1, 20)], play=False)
    made._hear(None, dict(type="restart", values=dict(steps=1000)), [])
    assert "steps: expected a number from 1 to 50" in made._status["error"] and not threads()
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


# ---------------------------------------------------------------- page
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
    end = time.monotonic() + 5
    while not made.done and time.monotonic() < end:
        answer(made, box)
        time.sleep(0.01)
    made._trainer.join(1)
    for _ in range(5):
        answer(made, box)
        time.sleep(0.05)
    assert indices(box) == list(range(40))


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
    made._trainer.join(2)
    assert seen[2:] == [("center", 5.0), ("dda", 5.0)] and made._status["panels"] == [dict(loss="center"), dict(loss="dda")]
    assert [r.name for r in made.runs] == ["center", "dda"]


def test_setting_given_by_name_overrides_the_control():
    made = theatre(growing, [Slider("steps", "steps", 1, 50, 1, 20)], steps=5, play=False)
    assert made._status["values"] == {"steps": 5} and made._config["live"] and made._config["restartable"]


def test_goto_and_its_limits():
    made = theatre(finished(3))
    box = watch(made)
    made.goto(2)
    assert box == [(dict(type="goto", frame=2), [])] and not made._config["live"]
    with pytest.raises(ValueError, match="frame: expected 0 to 2, got 3"): made.goto(3)


# ---------------------------------------------------------------- heartbeat
class Loop:
    def __init__(self): self.queue, self.stuck = [], False
    def call_soon_threadsafe(self, f): self.queue.append(f) if self.stuck else f()


def test_silence_counts_only_while_the_kernel_could_hear():
    now, cells, loop = [0.0], [1], Loop()
    pulse = Pulse(lambda: now[0], lambda: cells[0])
    def seconds(n, during=lambda: None):
        for _ in range(n):
            now[0] += 1
            during()
            if pulse.lost(): return True
        return False
    assert not seconds(100)                               # no page was ever there
    pulse.beat(loop)
    loop.stuck = True
    assert not seconds(100)                               # a cell runs: the loop does not answer
    loop.stuck = False
    [f() for f in loop.queue]
    assert not seconds(10) and seconds(10)                # idle and silent
    pulse.beat(loop)
    assert not seconds(10)                                # heard again
    pulse.beat(loop)
    loop.call_soon_threadsafe = lambda f: (cells.__setitem__(0, cells[0] + 1), f())
    assert not seconds(100)                               # many short cells in a row


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


def test_without_a_page_the_training_runs_to_its_end():
    made = theatre(growing, steps=50)
    assert made.wait(10) and len(made.runs[0]) == 50


# ---------------------------------------------------------------- bad input
slider = lambda **k: Slider(**{**dict(name="gamma", label="γ", min=0.0, max=7.0, step=0.5, value=3.0), **k})

@pytest.mark.parametrize("make, message", [
    (lambda: slider(min=7.0, max=0.0), r"gamma: max: expected more than min \(7.0\), got 0.0"),
    (lambda: slider(step=0.0), "gamma: step: expected above 0 and at most 7.0, got 0.0"),
    (lambda: slider(value=9.0), "gamma: expected a number from 0.0 to 7.0, got 9.0"),
    (lambda: slider(value=0.3), "gamma: expected 0.0 plus a multiple of 0.5, got 0.3"),
    (lambda: slider(max=math.inf), "gamma: max: expected a finite number, got inf"),
    (lambda: slider(value=True), "gamma: value: expected a finite number, got True"),
    (lambda: slider(name="not a name"), "name: expected the name of an argument, got 'not a name'"),
    (lambda: Choice("loss", "loss", [], "dda"), "loss: options: expected a list of at least one"),
    (lambda: Choice("loss", "loss", ["softmax"], "dda"), r"loss: expected one of \['softmax'\], got 'dda'"),
    (lambda: Choice("loss", "loss", [dict()], "dda"), "loss: options: expected texts and numbers"),
    (lambda: theatre(growing, [slider(), slider()]), "controls: expected different names"),
    (lambda: theatre(growing, ["gamma"]), "controls: expected Slider and Choice objects, got 'gamma'"),
    (lambda: theatre(lambda lr: growing(), [slider()]), "settings: expected arguments of"),
    (lambda: theatre(lambda gamma: growing(), [slider()], gamma=8), "gamma: expected a number from 0.0 to 7.0, got 8"),
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


# ---------------------------------------------------------------- pages without widgets
@pytest.mark.notebooks
def test_plain_export_shows_the_last_frame(tmp_path):
    import base64, io
    import nbclient, nbconvert, nbformat
    from PIL import Image
    cells = ["import sys; sys.path.insert(0, %r)\nfrom test_widgets import growing\nfrom fer_nb.widgets import theatre" % str(__import__("pathlib").Path(__file__).parent),
             "stage = theatre(growing, steps=30, name='short')\nstage", "assert stage.wait(60)"]
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    nbclient.NotebookClient(nb, timeout=120, kernel_name="python3", store_widget_state=False).execute()
    picture = [o for o in nb.cells[1].outputs if "image/png" in o.get("data", {})]
    assert len(picture) == 1 and Image.open(io.BytesIO(base64.b64decode(picture[0]["data"]["image/png"]))).width > 200
    page, _ = nbconvert.HTMLExporter().from_notebook_node(nb)
    assert "data:image/png;base64," + picture[0]["data"]["image/png"][:40] in page.replace("\n", "")
    assert "Theatre: short" in page
