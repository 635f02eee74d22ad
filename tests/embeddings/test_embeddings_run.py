"A run by itself: frames, metadata, readouts, and what bad input says."
import json
import threading

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from fer_nb import embeddings as E
from fer_nb.embeddings import Run, record
from recorded_parts import K, a_run, points, training

def test_bias_of_the_head_and_more_dimensions():
    run = a_run(d=5, bias=True)
    assert run.d == 5 and run.frames[0].shape == (20, 5) and run.biases[0].shape == (K,) and np.shape(run.meta()["heads"]) == (4, K, 5)
    assert a_run().biases == []

def test_frames_cost_at_most_four_bytes_a_point():
    assert all(f.nbytes == 4 * 20 for f in a_run().frames)

def test_a_reader_in_another_thread_never_sees_half_a_frame():
    run, stop, bad = Run(torch.arange(50) % K), threading.Event(), []
    def read():
        while not stop.is_set():
            n = len(run)
            m = run.meta()
            lengths = {len(m[f]) for f in ("steps", "epochs", "scales", "recall", "grad_norm", "centers", "heads")} | {len(v) for v in m["losses"].values()}
            if len(lengths) > 1 or len(m["steps"]) < n or any(len(getattr(run, f)) < n for f in E.PER_FRAME if f != "biases"): bad.append((n, lengths))
            if n: run.embedding(n - 1)
    reader = threading.Thread(target=read)
    reader.start()
    for i in range(300): run.add(i, np.full((50, 2), i + 1.), np.zeros(50), centers=np.zeros((K, 2)), head=np.zeros((K, 2)), losses={"total": 1., f"t{i % 7}": 2.})
    stop.set(); reader.join()
    assert not bad

def test_meta_is_json_and_can_be_read_in_parts():
    run = a_run(name="a", recipe={"lam": 0.01}, seed=4)
    m = json.loads(json.dumps(run.meta(), allow_nan=False))
    assert (m["name"], m["n"], m["k"], m["d"], m["total"], m["seed"], m["recipe"]) == ("a", 20, K, 2, 12, 4, {"lam": 0.01})
    assert set(m["versions"]) == {"fer_nb", "torch", "numpy", "python", "platform"}
    np.testing.assert_allclose(m["centers"], run.centers, rtol=1e-5)
    tail = run.meta(3)
    for field in ("steps", "epochs", "scales", "recall", "grad_norm", "centers", "heads"): assert tail[field] == run.meta()[field][3:] and len(tail[field]) == 1
    assert tail["losses"]["total"] == run.meta()["losses"]["total"][3:] and run.meta(4)["steps"] == []

@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(width=32), st.floats(width=32)), min_size=1, max_size=8))
def test_quantise_any_float(x):
    x = np.array(x, np.float32)
    q, s = E.quantise(x)
    ok = np.isfinite(x)
    assert q.dtype == np.int16 and np.isfinite(s) and s > 0 and np.abs(q.astype(int)).max() <= 32767
    assert (np.abs(q * (s / 32767) - x.astype(np.float64))[ok] <= s / 65534 * (1 + 1e-9)).all()

@pytest.mark.parametrize("size", [1e-30, 1e-6, .01, .5, 1., 3., 1e6, 1e30])
def test_the_scale_is_the_largest_coordinate_however_small(size):
    x = np.array([[1., -.5], [.25, 0.]]) * size
    q, s = E.quantise(x)
    assert s == pytest.approx(size, rel=1e-12) and q.tolist() == [[32767, -16384], [8192, 0]]
    q, s = E.quantise(x, [[-2 * size, 0.]]) # what else must fit counts too
    assert s == pytest.approx(2 * size, rel=1e-12) and q.tolist() == [[16384, -8192], [4096, 0]]

def test_the_scale_of_nothing_is_above_zero():
    for x in (np.zeros((2, 2)), np.full((2, 2), np.nan), np.full((1, 2), 1e-300)):
        q, s = E.quantise(x)
        assert 0 < s < 1e-37 and (q == 0).all()

def test_a_snapshot_does_not_grow():
    run = record(training(12), points(), 5)
    next(run)
    still = E.snapshot(run)
    run.finish()
    assert len(still) == 1 and still.done and still.meta()["losses"]["total"] == run.meta()["losses"]["total"][:1] and len(run) == 4

BAD = [
    ("labels: expected whole numbers", lambda: Run([0, 1.5])),
    ("labels: expected whole numbers", lambda: Run([0, -1])),
    ("labels: expected shape", lambda: Run([[0, 1]])),
    ("labels: expected numbers", lambda: Run(["happy", "sad"])),
    ("class_names: expected 20 to 256 names.*got 3", lambda: Run(range(20), class_names=list("abc"))),
    ("class_names: expected 257 to 256", lambda: Run([256])),
    ("i: expected a whole number from -4 to 3, got 4", lambda: a_run().embedding(4)),
    ("run: expected at least one frame", lambda: Run([0]).embedding()),
    ("start: expected a whole number from 0 to 4, got 5", lambda: a_run().meta(5)),
    (r"embedding: expected shape \(2, None\), got \(3, 2\)", lambda: Run([0, 1]).add(1, np.zeros((3, 2)), [0, 1])),
    (r"predictions: expected shape \(2,\)", lambda: Run([0, 1]).add(1, np.zeros((2, 2)), [0])),
    (r"centers: expected shape \(2, 2\), got \(3, 2\)", lambda: Run([0, 1]).add(1, np.zeros((2, 2)), [0, 1], centers=np.zeros((3, 2)))),
    ("head: expected the same in every frame", lambda: a_run().add(13, np.zeros((20, 2)), np.zeros(20), centers=np.zeros((3, 2)))),
    ("minority: expected a whole number from 0 to 1, got True", lambda: Run([0, 1], minority=[True])),
    ("minority: expected several values, got 'a'", lambda: Run([0, 1], minority="a")),
    ("total: expected a whole number of at least 0, got -1", lambda: Run([0, 1], total=-1)),
    ("total: .*got True", lambda: Run([0, 1], total=True)),
    ("seed: .*got '1'", lambda: Run([0, 1], seed="1")),
    ("i: .*got True", lambda: a_run().embedding(True)),
    ("i: .*got '1'", lambda: a_run().embedding("1")),
    ("start: .*got True", lambda: a_run().meta(True)),
    ("start: .*got '1'", lambda: a_run().meta("1")),
]

@pytest.mark.parametrize("says, call", BAD, ids=[f"{i}-{says[:24]}" for i, (says, _) in enumerate(BAD)])
def test_bad_input_says_what_was_expected(says, call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=says): call()
    assert list(tmp_path.iterdir()) == []
