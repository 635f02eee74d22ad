"Keeping a run: whole, without pickles, and refused if damaged, foreign or of numbers that are none."
import json
import struct
import zipfile

import numpy as np
import pytest
import torch

from fer_nb import files
from fer_nb.embeddings import Run, record
from recorded_parts import a_run, points, same, training

def test_save_and_load_give_back_everything(tmp_path):
    for i, run in enumerate((a_run(name="ünï </script>", minority=[2], images=torch.arange(20 * 36).view(20, 6, 6).to(torch.uint8), class_names=["a", "b", "ﬁ"], recipe={"x": [1, None]}, seed=9),
                             a_run(d=5, bias=True), Run([0, 1, 2]))):
        path = tmp_path / f"{i}.any"
        run.save(path)
        same(run, Run.load(path))
        assert Run.load(path).done and Run.load(path).versions == run.versions
    assert sorted(p.name for p in tmp_path.iterdir()) == ["0.any", "1.any", "2.any"]  # nothing left behind

def test_a_growing_run_can_be_saved_at_any_time(tmp_path):
    run = record(training(12), points(), 5)
    for step in run:
        run.save(tmp_path / "r.npz")
        assert Run.load(tmp_path / "r.npz").steps == run.steps

def test_no_pickle_inside(tmp_path):
    a_run().save(tmp_path / "r.npz")
    with np.load(tmp_path / "r.npz", allow_pickle=False) as z: assert all(z[name].dtype != object for name in z.files)

def test_a_failed_save_keeps_the_old_file(tmp_path, monkeypatch):
    a_run().save(tmp_path / "r.npz")
    before = (tmp_path / "r.npz").read_bytes()
    def full(fd): raise OSError("no space left")
    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OSError): a_run(every=1).save(tmp_path / "r.npz")
    assert (tmp_path / "r.npz").read_bytes() == before and len(list(tmp_path.iterdir())) == 1

def test_a_damaged_file_is_a_value_error_or_the_same_run(tmp_path):
    run, path = a_run(), tmp_path / "r.npz"
    run.save(path)
    good, rng = path.read_bytes(), np.random.default_rng(0)
    for cut in [0, 1, 30, *rng.integers(0, len(good), 20), len(good) - 1]:
        path.write_bytes(good[:cut])
        with pytest.raises(ValueError, match="r.npz.*expected a run written by Run.save"): Run.load(path)
    for at in rng.integers(0, len(good), 150):
        path.write_bytes(good[:at] + bytes([good[at] ^ 0x55]) + good[at + 1:])
        try: same(run, Run.load(path))
        except ValueError as e: assert "r.npz" in str(e)

def rewritten(path, **changes):
    "The run file at `path` with arrays replaced (None: left out)."
    with np.load(path) as z: arrays = {k: z[k] for k in z.files}
    arrays = {k: v for k, v in {**arrays, **changes}.items() if v is not None}
    np.savez(path, **arrays)

def text_of(path, **changes):
    with np.load(path) as z: text = json.loads(z["fer_nb_run"].tobytes())
    return np.frombuffer(json.dumps({**text, **changes}).encode(), np.uint8)

@pytest.mark.parametrize("what", ["steps", "frames", "recall", "labels", "fer_nb_run", "predictions", "images"])
def test_a_file_without_a_part_is_refused(tmp_path, what):
    path = tmp_path / "r.npz"
    a_run().save(path); rewritten(path, **{what: None})
    with pytest.raises(ValueError, match="expected a run written by Run.save, got"): Run.load(path)

def test_a_file_whose_parts_do_not_fit_is_refused(tmp_path):
    path = tmp_path / "r.npz"
    for change in (dict(steps=np.arange(3)), dict(frames=np.zeros((4, 20, 2), np.float32)), dict(frames=np.zeros((4, 19, 2), np.int16)), dict(centers=np.zeros((4, 9, 2))), dict(labels=np.full(20, 7))):
        a_run().save(path); rewritten(path, **change)
        with pytest.raises(ValueError, match="r.npz.*expected a run written by Run.save, got"): Run.load(path)

def test_a_newer_format_says_update(tmp_path):
    path = tmp_path / "r.npz"
    a_run().save(path); rewritten(path, fer_nb_run=text_of(path, format=2))
    with pytest.raises(ValueError, match="format 2 .*reads up to 1: update fer_nb"): Run.load(path)

@pytest.mark.parametrize("name, value", [
    ("scales", np.array(["a", "b", "c", "d"])), ("scales", np.array([np.nan, 1., 1., 1.])), ("scales", np.array([np.inf, 1., 1., 1.])),
    ("recall", np.full((4, 3), "x")), ("centers", np.full((4, 3, 2), "x")), ("losses", np.full((3, 4), "x")), ("losses", np.full((3, 4), 1j)),
    ("predictions", np.full(20, .5)), ("predictions", np.full(20, 3, np.uint8)), ("steps", np.array(["a", "b", "c", "d"])), ("steps", np.arange(4.)),
    ("epochs", np.array([np.nan, 1., 1., 1.])), ("images", np.zeros((20, 4, 4))), ("labels", np.full(20, .5)),
])
def test_numbers_that_are_none_are_refused(tmp_path, name, value):
    path = tmp_path / "r.npz"
    a_run().save(path); rewritten(path, **{name: value})
    with pytest.raises(ValueError, match=f"r.npz: expected a run written by Run.save, got a damaged or foreign file .*{name}: expected"): Run.load(path)

def test_only_what_a_run_has_is_read_and_no_header_is_believed(tmp_path):
    path = tmp_path / "r.npz"
    run = a_run()
    run.save(path)
    header = lambda kind, shape: b"\x93NUMPY\1\0" + struct.pack("<H", 118) + f"{{'descr': '{kind}', 'fortran_order': False, 'shape': ({shape},), }}".ljust(117).encode() + b"\n"
    with zipfile.ZipFile(path, "a") as file: file.writestr("zz_extra.npy", header("|u1", 10**14)) # more than there is memory: it would fail if it were read
    same(run, Run.load(path))
    with zipfile.ZipFile(tmp_path / "huge.npz", "w") as file: file.writestr("fer_nb_run.npy", header("<i8", 10**14))
    with pytest.raises(ValueError, match="huge.npz: expected a run written by Run.save, got a damaged or foreign file"): Run.load(tmp_path / "huge.npz")

@pytest.mark.parametrize("content", [b"", b"not a run", b"PK\x03\x04 nor this", b"\x93NUMPY\x01\x00"])
def test_foreign_files_are_refused(tmp_path, content):
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(ValueError, match="a.npz: expected a run written by Run.save, got"): Run.load(tmp_path / "a.npz")

def test_foreign_npz_npy_and_pickles_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.zeros(3))
    np.save(tmp_path / "b.npy", np.zeros(3))
    np.savez(tmp_path / "c.npz", fer_nb_run=np.array([{"format": 1}], dtype=object))
    torch.save({"a": 1}, tmp_path / "d.pt")
    for path in tmp_path.iterdir():
        with pytest.raises(ValueError, match=f"{path.name}: expected a run written by Run.save, got"): Run.load(path)

BAD = [
    ("path: expected a file in an existing folder", lambda: a_run().save("/no/such/folder/run.npz")),
    ("path: expected a file, got the folder", lambda: a_run().save("/tmp")),
    ("/no/such.npz: expected a run written by Run.save, got no such file", lambda: Run.load("/no/such.npz")),
]

@pytest.mark.parametrize("says, call", BAD, ids=[f"{i}-{says[:24]}" for i, (says, _) in enumerate(BAD)])
def test_bad_input_says_what_was_expected(says, call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=says): call()
    assert list(tmp_path.iterdir()) == []
