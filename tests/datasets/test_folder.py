"Pictures with what is known about them: fer_nb.datasets.folder, from the installed package."
import math
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

import dataset_trees as trees
from dataset_trees import GRAY, faces, names, picture, read
from fer_nb.datasets import FaceFolder, Report, open_picture, rafdb


BROKEN = {"empty": b"", "text": b"this is no picture", "header only": b"\x89PNG\r\n\x1a\n", "gif header": b"GIF89a"}

@pytest.mark.parametrize("kind", [*BROKEN, "truncated", "folder", "gone", "forbidden"])
def test_unreadable_pictures(kind, tmp_path, monkeypatch):
    data = faces(tmp_path)
    path = Path(data.paths[1])
    if kind in BROKEN: path.write_bytes(BROKEN[kind])
    elif kind == "truncated": Image.fromarray(np.random.default_rng(0).integers(0, 256, (99, 99), np.uint8)).save(path); path.write_bytes(path.read_bytes()[:2000])
    elif kind == "forbidden":
        real = Image.open
        monkeypatch.setattr(Image, "open", lambda p, *a: (_ for _ in ()).throw(PermissionError(13, "Permission denied", p)) if p == data.paths[1] else real(p, *a))
    else:
        path.unlink()
        if kind == "folder": path.mkdir()
    with pytest.warns(UserWarning, match="1.png cannot be read .* stands in for it") as caught: image, label = data[1]
    assert label == 1 and image.getpixel((1, 1))[0] == GRAY * 2 and len(caught) == 1 # picture 4 is the next of its class
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert data[1][1] == 1 and data[4][1] == 1 # one warning is enough
    assert [p for p, _ in data.report.unreadable] == [str(path)] and data.report.unreadable[0][1] and not data.report.ok
    assert len(data.readable()) == 5 and str(path) not in data.readable().paths
    assert not faces(tmp_path / "x").report.unreadable

def test_check_finds_all_of_them(tmp_path):
    data = faces(tmp_path, 12)
    for k in (0, 5): Path(data.paths[k]).write_bytes(b"")
    assert data.report.ok # nobody has looked
    for workers in (0, 2):
        data.unreadable[:] = False
        report = data.check(workers)
        assert [Path(p).name for p, _ in report.unreadable] == ["0.png", "5.png"] and len(data) == 12 and len(data.readable()) == 10
    picture(tmp_path / "0.png") # mended
    assert [Path(p).name for p, _ in data.check().unreadable] == ["5.png"]

def test_an_epoch_with_workers_survives_and_remembers(tmp_path):
    data = faces(tmp_path, 30, transform=lambda image: torch.from_numpy(np.array(image)), mode="L")
    for k in (3, 8, 29): Path(data.paths[k]).write_bytes(b"")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        batches = list(DataLoader(data, batch_size=7, num_workers=2))
    images, labels = (torch.cat(parts) for parts in zip(*batches))
    assert len(images) == 30 and labels.tolist() == [k % 3 for k in range(30)] and (images[:, 1, 1].long() // GRAY - 1).equal(labels)
    assert [Path(p).name for p, _ in data.report.unreadable] == ["3.png", "8.png", "29.png"] # seen by workers, known here

def test_a_subset_knows_what_was_found_out(tmp_path):
    data = faces(tmp_path)
    Path(data.paths[1]).write_bytes(b"")
    data.check()
    part = data.subset([0, 1, 4])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert part[1][1] == 1 and len(part.report.unreadable) == 1 and len(part.readable()) == 2

def test_a_class_without_a_readable_picture(tmp_path):
    data = faces(tmp_path)
    for k in (1, 4): Path(data.paths[k]).write_bytes(b"")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(ValueError, match="expected a readable picture of class anger, got none"): data[1]
    assert data[0][1] == 0

def test_stand_ins_stay_in_their_split(tmp_path):
    data = faces(tmp_path, splits=["train", "train", "train", "test", "test", "test"])
    Path(data.paths[4]).write_bytes(b"")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(ValueError, match="got none"): data.split("test")[1]

def test_depths_and_modes(tmp_path):
    wide = np.array([[0, 128, 129, 257 * 100, 65535]], np.uint16)
    Image.fromarray(wide).save(tmp_path / "16.png")
    assert [open_picture(str(tmp_path / "16.png")).convert("L").getpixel((x, 0)) for x in range(5)] == [0, 0, 1, 100, 255] # scaled, not cut off
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I"):
        path = str(tmp_path / f"{mode}.tiff")
        Image.new(mode, (4, 3)).save(path)
        for out in ("L", "RGB"): assert FaceFolder([path], [0], mode=out)[0][0].mode == out
    Image.new("F", (4, 3)).save(tmp_path / "F.tiff")
    assert FaceFolder([str(tmp_path / "F.tiff")], [0]).fault(0) == "expected 8 or 16 bits per value, got floating-point values" # nobody knows where white is
    upright = Image.new("RGB", (8, 4))
    exif = Image.Exif(); exif[274] = 6
    upright.save(tmp_path / "turned.jpg", exif=exif)
    assert open_picture(str(tmp_path / "turned.jpg")).size == (4, 8)

@pytest.mark.parametrize("change, words", [
    (dict(targets=[0, 1]), "targets: expected one for each of the 3 pictures, got 2"), (dict(targets=[0, 1, 7]), "targets: expected labels from 0 to 6"),
    (dict(targets=[0, 1, -2]), "targets: expected labels"), (dict(subjects=["a"]), "subjects: expected one for each"), (dict(splits=["a"]), "splits: expected one for each"),
    (dict(aus=torch.zeros(2, 18)), "aus: expected one for each"), (dict(paths=[], targets=[]), "paths: expected at least one picture"),
    (dict(mode="CMYK"), "mode: expected one of RGB, L, got"), (dict(target="age"), "target: expected one of label, au, soft, got"), (dict(target="au"), "has no action units"),
    (dict(target="soft"), "has no soft labels"), (dict(soft=torch.full((2, 7), 1 / 7)), "soft: expected one for each"), (dict(soft=torch.ones(3, 7)), "soft: expected shares of the classes"),
    (dict(soft=torch.full((3, 6), 1 / 6)), r"soft: expected a tensor \(N, 7\), got shape")])
def test_bad_arguments(change, words):
    with pytest.raises(ValueError, match=f"^{words}" if words[:3] != "has" else words): FaceFolder(**{"paths": ["a", "b", "c"], "targets": [0, 1, 2], **change})

def test_indices(tmp_path):
    data = faces(tmp_path)
    assert data[-1][1] == data[5][1] == 2
    with pytest.raises(IndexError, match="out of range"): data[6]
    assert [label for _, label in data] == [0, 1, 2, 0, 1, 2] # a plain loop ends

def test_subset(tmp_path):
    data = faces(tmp_path, subjects=list("abcdef"), splits=["train"] * 6, aus=torch.arange(108.).view(6, 18))
    for indices in ([4, 0], torch.tensor([4, 0]), np.array([4, 0])):
        part = data.subset(indices)
        assert names(part) == ["4.png", "0.png"] and part.targets.tolist() == [1, 0] and part.subjects == ["e", "a"] and part.aus[:, 0].tolist() == [72, 0]
    assert names(data.subset(data.targets == 2)) == ["2.png", "5.png"]
    with pytest.raises(ValueError, match="paths: expected at least one"): data.subset([])
    with pytest.raises(ValueError, match="indices: expected a whole number from -6 to 5, got 6"): data.subset([6])

def test_soft_labels(tmp_path):
    soft = torch.eye(7)[torch.arange(6) % 3] * .75 + .25 / 7
    data = faces(tmp_path, soft=soft, target="soft")
    assert data[4][1].equal(soft[4]) and data.subset([5, 1])[1][1].equal(soft[1]) and data.targets.tolist() == [0, 1, 2, 0, 1, 2]
    assert torch.nn.functional.cross_entropy(torch.zeros(1, 7), data[0][1][None]).item() == pytest.approx(math.log(7))
    assert faces(tmp_path, soft=soft)[4][1] == 1 # the label, if nobody asks

def test_visit_looks_at_every_readable_picture(tmp_path):
    data = faces(tmp_path)
    Path(data.paths[2]).write_bytes(b"")
    for workers in (0, 2):
        seen = data.visit(np.shape, workers)
        assert seen[2] is None and seen[:2] == [(5, 6, 3)] * 2 and len(seen) == 6 and data.unreadable.tolist() == [False, False, True, False, False, False]

def test_unknown_split(tmp_path):
    with pytest.raises(ValueError, match="name: expected one of the splits of RAF-DB .test, train., got 'validation'"): read(rafdb, trees.rafdb(tmp_path)).split("validation")
    with pytest.raises(ValueError, match="it has none"): faces(tmp_path).split("train")

def test_report_in_words():
    report = Report("X", 3, ["5 pictures, found 3"], {"pictures of contempt": 2}, [(f"{k}.png", "odd") for k in range(12)], [("a.png", "OSError: no")])
    text = str(report)
    assert text.splitlines()[:3] == ["X: 3 pictures", "  expected 5 pictures, found 3", "  left out: 2 pictures of contempt"] and "… and 2 more" in text and "unreadable: a.png: OSError: no" in text
    lines = str(Report("X", 3, layout="folders", notes=["no neutral"], duplicates=[("a.png", "the same picture as b.png")], leaks=[("person A", "in two")])).splitlines()
    assert lines == ["X: 3 pictures, read as folders", "  note: no neutral", "  duplicate: a.png: the same picture as b.png", "  leak: person A: in two"]
    assert Report("X", 3, notes=["a"]).ok and not Report("X", 3, leaks=[("a", "b")]).ok and not Report("X", 3, duplicates=[("a", "b")]).ok
    assert Report("X", 3, dropped={"a": 1}).ok and "<pre>" in report._repr_html_() and "&lt;" in Report("<b>", 1)._repr_html_()

@pytest.mark.parametrize("targets, got", [
    (["happy", "sad"], r"list \(too many dimensions 'str'\)"), ("ab", r"str \("), ([2**70, 0], r"list \(Overflow"), ([None, 0], r"list \("), ([.5, 1.], r"\(2,\) of torch.float32"),
    ([math.nan, 0.], r"\(2,\) of torch.float32"), ([1j, 0], r"\(2,\) of torch.complex64"), ([True, False], r"\(2,\) of torch.bool"), ([[0], [1]], r"\(2, 1\) of torch.int64"), (3, r"\(\) of torch.int64")])
def test_targets_that_are_no_labels(targets, got):
    with pytest.raises(ValueError, match=f"^targets: expected whole numbers .N,., got {got}") as error: FaceFolder(["a", "b"], targets)
    assert "\n" not in str(error.value)

@pytest.mark.parametrize("targets", [[3, -1], (3, -1), torch.tensor([3, -1], dtype=torch.int8), torch.tensor([3., -1.]), np.array([3, -1])])
def test_targets_that_are_labels(targets):
    labels = FaceFolder(["a", "b"], targets).targets
    assert labels.dtype == torch.int64 and labels.tolist() == [3, -1]
