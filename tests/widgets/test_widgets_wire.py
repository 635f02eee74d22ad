"What travels to the page, and when."
import math

import numpy as np
from hypothesis import given, settings, strategies as st

from fer_nb.embeddings import Run
from fer_nb.widgets import Wire, frame_block, run_blocks
from toy_runs import finished, growing, indices

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
