"The same picture twice: fer_nb.datasets.leaks, from the installed package."
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import dataset_trees as trees
from dataset_trees import face, faces, read
from fer_nb.datasets import FaceFolder, fer2013, find_duplicates, fingerprint, leaks


@pytest.fixture(scope="module")
def six(tmp_path_factory):
    "Six faces of six people."
    home = tmp_path_factory.mktemp("six")
    return [face(home / f"{k}.png", k) for k in range(6)]

def again(path, new, side=48, quality=75):
    "The face as it comes back from the web."
    Image.open(path).convert("RGB").resize((side, side)).save(new, quality=quality)
    return new

def dataset(paths, splits, labels=None, **options): return FaceFolder(list(map(str, paths)), labels or [0] * len(paths), splits=splits, **options)

def named(found): return {Path(path).name: reason for path, reason in found}

def test_fingerprint(six, tmp_path):
    prints = [fingerprint(Image.open(path)) for path in six]
    assert all(p.shape == (255,) and p.dtype == bool for p in prints)
    for path, bits in zip(six, prints):
        for side, quality in ((48, 75), (128, 50), (64, 95)): assert (fingerprint(Image.open(again(path, tmp_path / "a.jpg", side, quality))) != bits).sum() <= 16
        assert (fingerprint(Image.open(path).convert("L")) != bits).sum() <= 2
        dim = Image.open(path).point([v // 4 + 30 for v in range(256)] * 3)
        assert (fingerprint(dim) != bits).sum() <= 16 # a quarter of the contrast
    apart = [(prints[i] != prints[j]).sum() for i in range(6) for j in range(i)]
    assert min(apart) > 40
    assert fingerprint(Image.new("RGB", (50, 50), "red")) is None
    with pytest.raises(ValueError, match="^picture: expected a PIL picture"): fingerprint(np.zeros((4, 4)))

def test_the_same_pixels_within_a_part(six, tmp_path):
    shutil.copy(six[1], tmp_path / "copy.png")
    Image.open(six[2]).save(tmp_path / "copy.bmp") # other bytes, the same pixels
    again(six[3], tmp_path / "alike.jpg") # alike is not the same
    data = dataset([*six, *sorted(tmp_path.iterdir())], None, [0] * 6 + [0, 4, 5])
    report = find_duplicates(data)
    assert named(report.duplicates) == {"copy.bmp": f"the same picture as {six[2]}, which is labeled neutral", "copy.png": f"the same picture as {six[1]}, which is labeled neutral"}
    assert report.leaks == [] and not report.ok and "duplicate: " in str(data.report)
    data.targets[:] = 0
    assert named(find_duplicates(data).duplicates)["copy.png"] == f"the same picture as {six[1]}" # looked for anew

def test_pictures_in_two_parts(six, tmp_path):
    paths = [*six, again(six[0], tmp_path / "alike.jpg"), Path(shutil.copy(six[5], tmp_path / "same.png"))]
    report = find_duplicates(dataset(paths, ["train"] * 5 + ["validation", "test", "test"]))
    leaks = named(report.leaks)
    assert set(leaks) == {"alike.jpg", "same.png"} and leaks["same.png"] == f"in test, the same picture as {six[5]} in validation"
    assert leaks["alike.jpg"].startswith("in test, looks like (") and leaks["alike.jpg"].endswith(f" of 255 bits differ) {six[0]} in train")
    assert set(named(find_duplicates(dataset(paths, ["train"] * 5 + ["validation", "test", "test"]), most=0).leaks)) == {"same.png"}
    turned = named(find_duplicates(dataset(paths, ["test"] * 5 + ["validation", "train", "train"])).leaks) # whatever comes first in the folder
    assert set(turned) == {"0.png", "5.png"} and turned["0.png"].startswith("in test, looks like") and turned["0.png"].endswith("in train") and turned["5.png"].startswith("in validation, the same")
    assert find_duplicates(dataset(paths, ["train"] * 8)).leaks == [] == find_duplicates(dataset(paths, None)).leaks

def test_people_in_two_parts(six):
    report = find_duplicates(dataset(six, ["train", "train", "test", "test", "test", ""], subjects=["A", "B", "A", "C", "A", "C"])) # C's other picture is in no part
    assert report.leaks == [("person A", "pictures in train: 1, test: 2")]

def test_broken_and_flat_pictures_are_left_alone(six, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"")
    flat = [trees.picture(tmp_path / f"{k}.png", k) for k in range(2)]
    report = find_duplicates(dataset([*six, tmp_path / "broken.png", *flat], ["train"] * 8 + ["test"]))
    assert report.leaks == [] and report.duplicates == [] and [Path(p).name for p, _ in report.unreadable] == ["broken.png"]

def test_workers_find_the_same(six, tmp_path):
    paths = [*six, again(six[0], tmp_path / "alike.jpg")]
    data = dataset(paths, ["train"] * 6 + ["test"])
    alone = find_duplicates(data, workers=0).leaks
    assert find_duplicates(data, workers=2).leaks == alone and len(alone) == 1

def test_rows_of_a_table(tmp_path):
    report = find_duplicates(read(fer2013, trees.fer2013_csv(tmp_path)))
    assert len(report.duplicates) == 14 and report.duplicates[0][0].endswith("fer2013.csv:9") # flat, but the same pixels

@pytest.mark.parametrize("products", [30_000_000, 150, 1]) # all at once, two rows, one row
def test_the_nearest_in_blocks(products, monkeypatch):
    monkeypatch.setattr(leaks, "_PRODUCTS", products)
    a = torch.rand(70, 255, generator=torch.Generator().manual_seed(0)) > .5
    b = a[torch.randperm(70, generator=torch.Generator().manual_seed(1))]
    b[:, :4] = ~b[:, :4]
    found = list(leaks._nearest(a, b))
    assert [i for i, _, _ in found] == list(range(70)) and all(differ == 4 == (a[i] != b[j]).sum() for i, j, differ in found)

@pytest.mark.parametrize("most", [-1, 255, 1.5, True])
def test_bad_arguments(most, tmp_path):
    with pytest.raises(ValueError, match="^most: expected a whole number from 0 to 254"): find_duplicates(faces(tmp_path), most)
    with pytest.raises(ValueError, match="^data: expected a FaceFolder"): find_duplicates([1, 2])
