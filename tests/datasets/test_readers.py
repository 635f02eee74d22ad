"What holds for every reader, on small folders in the real layouts: fer_nb.datasets, from the installed package."
import os
import pickle
import warnings

import numpy as np
import pytest
import torch

import dataset_trees as trees
from dataset_trees import names, picture, read, shown
from fer_nb.datasets import DATASETS, EXPECTED, LAYOUTS, FaceFolder


TREES = {"kdef": trees.kdef, "ckplus": trees.ckplus, "jaffe": trees.jaffe, "tfeid": trees.tfeid, "mmi": trees.mmi, "rafdb": trees.rafdb,
         "rafdb_compound": trees.rafdb_compound, "affectnet": trees.affectnet_csv, "affectnet_npy": trees.affectnet_npy, "fer2013": trees.fer2013_csv,
         "fer2013_folders": trees.fer2013_folders, "emotionet": trees.emotionet, "unlabeled": trees.unlabeled,
         # the copies that people have
         "rafdb_folders": trees.rafdb_folders, "ckplus_48": trees.ck48, "jaffe_renamed": trees.jaffe_renamed, "jaffe_folders": trees.jaffe_folders,
         "affectnet_folders": trees.affectnet_folders, "affectnet_classes": trees.affectnet_classes, "fer2013_parts": trees.fer2013_parts,
         "fer2013_numbers": trees.fer2013_numbers, "fer2013_dealt": trees.fer2013_dealt, "ferplus": trees.ferplus, "ferplus_files": trees.ferplus_files, "ferplus_lists": trees.ferplus_lists}

READERS = {name: DATASETS[name.split("_")[0] if name not in DATASETS else name] for name in TREES}

SIZES = {"rafdb_folders": (100, 100), "ckplus_48": (48, 48), "affectnet_folders": (96, 96), "affectnet_classes": (96, 96),
         **{name: (48, 48) for name in TREES if name.startswith("fer")}}

each = pytest.mark.parametrize("name", TREES)

@each
def test_reads_its_layout(name, tmp_path):
    data = read(READERS[name], TREES[name](tmp_path / "data"))
    assert len(data) and isinstance(data, FaceFolder) and data.targets.dtype == torch.int64
    assert all(os.path.isfile(p) or p.rpartition(":")[0].endswith(".csv") for p in data.paths)
    assert not data.check().unreadable
    if name not in ("emotionet", "unlabeled"): assert shown(data) == data.targets.tolist() # the mapping is right, to the last picture
    image, target = data[0]
    assert image.mode == "RGB" and (target == int(data.targets[0]) if name != "emotionet" else target.shape == (18,))
    assert read(READERS[name], tmp_path / "data", mode="L")[-1][0].mode == "L"
    assert read(READERS[name], tmp_path / "data", transform=lambda image: image.size)[0][0] == SIZES.get(name, (6, 5))

@each
def test_twice_the_same(name, tmp_path):
    root = TREES[name](tmp_path / "data")
    a, b = read(READERS[name], root), read(READERS[name], root)
    assert a.paths == b.paths and a.targets.equal(b.targets) and a.subjects == b.subjects and a.splits == b.splits and str(a.report) == str(b.report)

@each
def test_spaces_accents_and_a_deeper_folder(name, tmp_path):
    root = TREES[name](tmp_path / "my data, été 日本" / "inner")
    deep, near = read(READERS[name], tmp_path / "my data, été 日本"), read(READERS[name], root)
    assert deep.targets.equal(near.targets) and names(deep) == names(near) and not deep.check().unreadable

@each
def test_what_systems_leave_behind_is_ignored(name, tmp_path):
    root = TREES[name](tmp_path / "data")
    before = read(READERS[name], root)
    for folder in [root, *[p for p in root.rglob("*") if p.is_dir()]]:
        for junk in (".DS_Store", "Thumbs.db", "desktop.ini", "._AF01ANS.JPG", ".hidden.png"): (folder / junk).write_bytes(b"junk")
    picture(root / "__MACOSX" / "AF01" / "AF01ANS.JPG")
    after = read(READERS[name], root)
    assert after.paths == before.paths and after.report.problems == before.report.problems

@each
def test_warns_of_what_is_missing(name, tmp_path):
    root = TREES[name](tmp_path / "data")
    if name == "unlabeled":
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            READERS[name](root)
        return
    with pytest.warns(UserWarning, match=r": expected [\d,]+ pictures.*, found \d+.*print\(dataset.report\)"): data = READERS[name](root)
    assert data.report.differences and not data.report.ok

@each
def test_empty_and_missing_folders(name, tmp_path):
    with pytest.raises(ValueError, match="^root: expected .* which is not there. Expected layout:\n"): READERS[name](tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="^root: expected .* in this layout:\n(.*\n)+got .*It holds nothing"): READERS[name](tmp_path / "empty")

@each
@pytest.mark.parametrize("root", [None, "", 3, b"x", ["a"]])
def test_no_folder_at_all(name, root):
    with pytest.raises(ValueError, match="^root: expected the folder of "): READERS[name](root)

@each
def test_archives_are_named(name, tmp_path):
    (tmp_path / "sub").mkdir()
    for archive in ("first part.zip", "sub/second.rar"): (tmp_path / archive).write_bytes(b"PK")
    with pytest.raises(ValueError, match="Unpack first part.zip, sub/second.rar first"): READERS[name](tmp_path)
    with pytest.raises(ValueError, match="got the archive .*Unpack first part.zip first"): READERS[name](tmp_path / "first part.zip")

@pytest.mark.parametrize("name", [n for n in TREES if n != "unlabeled"])
def test_a_folder_of_something_else(name, tmp_path):
    for k in range(12): picture(tmp_path / f"holiday {k}.jpg")
    with pytest.raises(ValueError, match=r"^root: expected (.*\n)+got .*: .*holiday 0.jpg.*, …"): READERS[name](tmp_path)

@each
def test_upper_and_lower_case(name, tmp_path):
    root = TREES[name](tmp_path / "data")
    before = read(READERS[name], root)
    for path in sorted((p for p in root.rglob("*") if p.is_file()), key=lambda p: -len(p.parts)): path.rename(path.with_name(path.name.swapcase()))
    after = read(READERS[name], root)
    assert after.targets.tolist() == before.targets.tolist() and after.subjects == before.subjects and after.splits == before.splits

@each
def test_survives_pickling_and_workers(name, tmp_path):
    data = read(READERS[name], TREES[name](tmp_path / "data"), transform=np.asarray)
    again = pickle.loads(pickle.dumps(data))
    assert (again[0][0] == data[0][0]).all() and again.paths == data.paths

def test_names_for_a_command_line():
    assert set(DATASETS) == {"kdef", "ckplus", "jaffe", "tfeid", "mmi", "rafdb", "rafdb_compound", "affectnet", "fer2013", "ferplus", "emotionet", "unlabeled"}
    assert set(EXPECTED) == set(LAYOUTS) and all(callable(reader) for reader in DATASETS.values())

def test_expected_counts_are_those_published():
    total = lambda name, split: sum(EXPECTED[name][split])
    assert total("KDEF", "") == 980 and total("JAFFE", "") == 213 and total("TFEID", "") == 268 and total("CK+", "") == 618 # 309 + 309
    assert (total("RAF-DB", "train"), total("RAF-DB", "test")) == (12271, 3068)
    assert (total("AffectNet", "train"), total("AffectNet", "validation")) == (283901, 3500)
    assert [total("FER2013", split) for split in ("train", "validation", "test")] == [28709, 3589, 3589]
    assert sum(EXPECTED["RAF-DB compound"].values()) == 3954
    assert [total("FERPlus", split) for split in ("train", "validation", "test")] == [24941, 3186, 3137]
