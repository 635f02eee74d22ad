"Readers of the real data sets, on small folders in their real layouts: fer_nb.datasets, from the installed package."
import os
import pickle
import re
import shutil
import sys
import unicodedata
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from PIL import Image
from torch.utils.data import DataLoader

import dataset_trees as trees
from dataset_trees import GRAY, picture, write
from fer_nb import datasets
from fer_nb.datasets import (AU_NAMES, COMPOUND_EMOTIONS, DATASETS, EMOTIONS, EXPECTED, LAYOUTS, FaceFolder, Report, affectnet, ckplus,
                             emotionet, fer2013, jaffe, kdef, mmi, open_frame, open_picture, rafdb, rafdb_compound, sample_figure, split_by_subject, tfeid, unlabeled)

links = pytest.mark.skipif(sys.platform == "win32", reason="needs symbolic links")


@pytest.fixture(autouse=True)
def one_thread(): torch.set_num_threads(1)


def read(reader, root, **options):
    "The data set, without the warning that it is smaller than the real one."
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return reader(root, **options)

def names(data): return [Path(path).name for path in data.paths]

def shown(data):
    "The label that each picture shows by its gray."
    return [data.picture(i).convert("L").getpixel((1, 1)) // GRAY - 1 for i in range(len(data))]

def problems(data): return dict(data.report.problems)

TREES = {"kdef": trees.kdef, "ckplus": trees.ckplus, "jaffe": trees.jaffe, "tfeid": trees.tfeid, "mmi": trees.mmi, "rafdb": trees.rafdb,
         "rafdb_compound": trees.rafdb_compound, "affectnet": trees.affectnet_csv, "affectnet_npy": trees.affectnet_npy, "fer2013": trees.fer2013_csv,
         "fer2013_folders": trees.fer2013_folders, "emotionet": trees.emotionet, "unlabeled": trees.unlabeled}
READERS = {name: DATASETS[name.split("_")[0] if name not in DATASETS else name] for name in TREES}
each = pytest.mark.parametrize("name", TREES)


# ---- every reader

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
    assert read(READERS[name], tmp_path / "data", transform=lambda image: image.size)[0][0] == ((48, 48) if name == "fer2013" else (6, 5))

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
    assert set(DATASETS) == {"kdef", "ckplus", "jaffe", "tfeid", "mmi", "rafdb", "rafdb_compound", "affectnet", "fer2013", "emotionet", "unlabeled"}
    assert set(EXPECTED) == set(LAYOUTS) and all(callable(reader) for reader in DATASETS.values())

def test_expected_counts_are_those_published():
    total = lambda name, split: sum(EXPECTED[name][split])
    assert total("KDEF", "") == 980 and total("JAFFE", "") == 213 and total("TFEID", "") == 268 and total("CK+", "") == 618 # 309 + 309
    assert (total("RAF-DB", "train"), total("RAF-DB", "test")) == (12271, 3068)
    assert (total("AffectNet", "train"), total("AffectNet", "validation")) == (283901, 3500)
    assert [total("FER2013", split) for split in ("train", "validation", "test")] == [28709, 3589, 3589]
    assert sum(EXPECTED["RAF-DB compound"].values()) == 3954


# ---- KDEF

def test_kdef(tmp_path):
    data = read(kdef, trees.kdef(tmp_path))
    assert len(data) == 28 and data.report.dropped == {"other views": 28}
    found = dict(zip(names(data), zip(data.targets.tolist(), data.subjects)))
    assert found["AF01ANS.JPG"] == (1, "F01") and found["BM02AFS.JPG"] == (3, "M02") and found["BF01NES.JPG"] == (0, "F01") # both sessions, one person
    assert len(read(kdef, tmp_path, views=("S", "FL"))) == 56 and read(kdef, tmp_path, views=("S", "FL")).report.differences[0].startswith("1960 ")

def test_kdef_the_misnamed_and_the_averaged(tmp_path):
    picture(trees.kdef(tmp_path) / "AF31/AF31V.JPG"); picture(tmp_path / "AKDEF/FAFS.JPG"); picture(tmp_path / "AF01/AF01XXS.JPG")
    data = read(kdef, tmp_path)
    assert set(problems(data)) == {"AF31/AF31V.JPG", "AF01/AF01XXS.JPG"} and data.report.dropped["averaged faces (AKDEF)"] == 1 and len(data) == 28

@pytest.mark.parametrize("views", ["S", (), ("S", "X"), ("s",)])
def test_kdef_unknown_views(views, tmp_path):
    with pytest.raises(ValueError, match="^views: expected"): kdef(tmp_path, views=views)

def test_a_complete_set_does_not_warn(tmp_path):
    letters = ("NE", "AN", "DI", "AF", "HA", "SA", "SU")
    for session in "AB":
        for sex in "FM":
            for n in range(1, 36):
                folder = tmp_path / f"{session}{sex}{n:02d}"
                folder.mkdir()
                for code in letters: (folder / f"{folder.name}{code}S.JPG").touch()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = kdef(tmp_path)
    assert data.report.ok and len(data) == 980 and len(set(data.subjects)) == 70
    (tmp_path / "BM35/BM35SUS.JPG").unlink()
    with pytest.warns(UserWarning, match="KDEF: expected 980 pictures, found 979; 140 of surprise, found 139. All"): kdef(tmp_path)


# ---- CK+

def test_ckplus(tmp_path):
    data = read(ckplus, trees.ckplus(tmp_path))
    assert names(data) == ["S005_001_00000001.png", "S005_001_00000005.png", "S010_002_00000001.png", "S010_002_00000005.png"]
    assert data.targets.tolist() == [0, 2, 0, 6] and data.subjects == ["S005", "S005", "S010", "S010"]
    assert data.report.dropped == {"sequences of contempt": 1, "sequences without an emotion": 1} and not data.report.problems

def test_ckplus_codes(tmp_path):
    codes = {0: 0, 1: 1, 3: 2, 4: 3, 5: 4, 6: 5, 7: 6}
    data = read(ckplus, trees.ckplus(tmp_path, [("S001", f"{code:03d}", code, label) for code, label in codes.items()]))
    assert data.targets[1::2].tolist() == list(codes.values()) == shown(data)[1::2]

def test_ckplus_more_peaks(tmp_path):
    data = read(ckplus, trees.ckplus(tmp_path), peaks=3)
    assert names(data)[:4] == [f"S005_001_0000000{n}.png" for n in (1, 3, 4, 5)] and data.targets.tolist() == [0, 2, 2, 2, 0, 6, 6, 6]
    assert "1236 pictures, found 8" in data.report.differences[0] # as in the papers that take three
    assert len(read(ckplus, tmp_path, peaks=50)) == 10 # the first frame is never a peak

def test_ckplus_frames_in_the_order_of_their_numbers(tmp_path):
    trees.ckplus(tmp_path, [("S005", "001", 3, 2)], length=2)
    for n in (9, 10, 11): picture(tmp_path / f"cohn-kanade-images/S005/001/S005_001_{n}.png")
    assert names(read(ckplus, tmp_path)) == ["S005_001_00000001.png", "S005_001_11.png"]

def test_ckplus_damaged_labels(tmp_path):
    trees.ckplus(tmp_path, [("S001", f"00{k}", 3, 2) for k in range(1, 7)])
    label = lambda k: tmp_path / f"Emotion/S001/00{k}/S001_00{k}_00000005_emotion.txt"
    label(1).write_text("happy"); label(2).write_text(""); label(3).write_text("9.0")
    shutil.rmtree(tmp_path / "cohn-kanade-images/S001/004")
    shutil.copy(label(5), label(5).with_name("S001_005_00000004_emotion.txt"))
    data = read(ckplus, tmp_path)
    reasons = {Path(path).name: reason for path, reason in data.report.problems}
    assert [reasons.get(label(k).name) for k in (1, 2, 3)] == ["expected a number from 0 to 7"] * 3
    assert reasons[label(4).name] == "expected a sequence of frames, found 0" and "a second label of the same sequence" in reasons.values() and len(data) == 4

def test_ckplus_half_unpacked(tmp_path):
    trees.ckplus(tmp_path)
    shutil.rmtree(tmp_path / "Emotion"); (tmp_path / "Emotion_labels.zip").touch()
    with pytest.raises(ValueError, match="no label file .*_emotion.txt.*Unpack Emotion_labels.zip first"): ckplus(tmp_path)
    trees.ckplus(tmp_path); shutil.rmtree(tmp_path / "cohn-kanade-images")
    with pytest.raises(ValueError, match="no frame has a name like S005_001_00000001.png"): ckplus(tmp_path)
    with pytest.raises(ValueError, match="no labeled sequence is complete"): ckplus(trees.ckplus(tmp_path / "b", length=1))

@pytest.mark.parametrize("peaks", [0, -1, 1.5, True, "3"])
def test_ckplus_bad_peaks(peaks, tmp_path):
    with pytest.raises(ValueError, match="^peaks: expected a whole number"): ckplus(tmp_path, peaks=peaks)


# ---- JAFFE, TFEID

def test_jaffe(tmp_path):
    data = read(jaffe, trees.jaffe(tmp_path))
    found = dict(zip(names(data), zip(data.targets.tolist(), data.subjects)))
    assert len(data) == 28 and found["KA.AN1.3.tiff"] == (1, "KA") and found["YM.FE2.22.tiff"] == (3, "YM")
    picture(tmp_path / "KR.SU3.90..tiff", 6); picture(tmp_path / "KA.XX1.3.tiff"); picture(tmp_path / "montage.png") # a doubled dot is understood
    data = read(jaffe, tmp_path)
    assert len(data) == 29 and set(problems(data)) == {"KA.XX1.3.tiff", "montage.png"}

def test_tfeid(tmp_path):
    data = read(tfeid, trees.tfeid(tmp_path))
    assert len(data) == 14 and data.report.dropped == {"pictures of contempt": 2} and set(data.subjects) == {"F01", "M12"}
    for word, label in (("Angry", 1), ("happiness", 4), ("Surprised faces", 6), ("Contempt", None)): picture(tmp_path / "2" / word / "f02.jpg", label or 0)
    picture(tmp_path / "2/others/f02.jpg")
    data = read(tfeid, tmp_path)
    assert len(data) == 17 and shown(data) == data.targets.tolist() and data.report.dropped == {"pictures of contempt": 3} and set(problems(data)) == {"2/others/f02.jpg"}


# ---- MMI

def test_mmi(tmp_path):
    data = read(mmi, trees.mmi(tmp_path))
    assert names(data) == ["1.png", "5.png"] * 3 and data.targets.tolist() == [0, 4, 0, 1, 0, 6] and data.subjects == ["S001"] * 4 + ["S002"] * 2

def test_mmi_what_is_left_out(tmp_path):
    trees.mmi(tmp_path, [(k, f"S001-00{k}", 4, 4) for k in range(1, 6)])
    trees.session(tmp_path, 1, "S001-001", 4, view="1") # from the side
    trees.session(tmp_path, 2, "S001-002", 9)           # another label
    write(tmp_path / "Sessions/3/S001-003.xml", "<Metatags><Meta")
    for n in range(3, 10): (tmp_path / f"Sessions/4/S001-004/{n}.png").unlink()
    data = read(mmi, tmp_path)
    assert len(data) == 2 and data.report.dropped == {"sessions seen from the side": 1, "sessions with another label": 1}
    assert "cannot be read" in problems(data)["Sessions/3/S001-003.xml"] and "at least 3 frames, found 2" in problems(data)["Sessions/4/S001-004.xml"]

def test_mmi_films(tmp_path):
    cv2 = pytest.importorskip("cv2")
    trees.session(tmp_path, 1, "S001-001", 5)
    film = cv2.VideoWriter(str(tmp_path / "Sessions/1/S001-001.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 24, (32, 32))
    for n in range(11): film.write(np.full((32, 32, 3), (20 * n, 0, 0), np.uint8)) # blue, as OpenCV counts
    film.release()
    data = read(mmi, tmp_path)
    assert names(data) == ["S001-001.avi:0", "S001-001.avi:5"] and data.targets.tolist() == [0, 5]
    red, _, blue = data.picture(1).getpixel((9, 9))
    assert abs(blue - 100) < 12 and red < 12 and data[1][0].size == (32, 32)
    with pytest.raises(OSError): open_frame(str(tmp_path / "Sessions/1/S001-001.avi:99"))
    (tmp_path / "Sessions/1/S001-001.avi").write_bytes(b"")
    with pytest.raises(ValueError, match="no session has a film or frames .*First problem: .*found 0"): mmi(tmp_path)

def test_mmi_films_without_opencv(tmp_path, monkeypatch):
    trees.session(tmp_path, 1, "S001-001", 5)
    (tmp_path / "Sessions/1/S001-001.avi").touch()
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(ValueError, match=r'pip install "fer_nb\[faces\]", or extract the frames: ffmpeg'): mmi(tmp_path)


# ---- RAF-DB

def test_rafdb(tmp_path):
    data = read(rafdb, trees.rafdb(tmp_path))
    assert names(data)[:2] == ["train_00001_aligned.jpg", "train_00002_aligned.jpg"] and data.targets[:7].tolist() == [6, 3, 2, 4, 5, 1, 0]
    assert data.splits == ["train"] * 14 + ["test"] * 7 and data.subjects is None
    assert len(data.split("train")) == 14 and len(data.split("test")) == 7 and data.split("test").targets.tolist() == [6, 3, 2, 4, 5, 1, 0]
    assert read(rafdb, tmp_path / "basic").paths == data.paths # the part's own folder does as well
    trees.rafdb(tmp_path, image="original")
    assert names(read(rafdb, tmp_path, image="original"))[0] == "train_00001.jpg"

def test_rafdb_compound(tmp_path):
    data = read(rafdb_compound, trees.rafdb_compound(tmp_path))
    assert data.classes == COMPOUND_EMOTIONS and data.class_name(0) == "happily surprised" and data.class_name(10) == "disgustedly surprised"
    assert data.targets.tolist() == list(range(11)) * 2 and data.splits.count("test") == 11
    trees.rafdb(tmp_path) # both parts under one roof
    assert len(read(rafdb_compound, tmp_path)) == 22 and len(read(rafdb, tmp_path)) == 21

def test_rafdb_one_part_for_the_other(tmp_path):
    with pytest.raises(ValueError, match="no compound/EmoLabel/list_patition_label.txt"): rafdb_compound(trees.rafdb(tmp_path / "a"))
    with pytest.raises(ValueError, match="no basic/EmoLabel/list_patition_label.txt"): rafdb(trees.rafdb_compound(tmp_path / "b"))
    (tmp_path / "b/compound").rename(tmp_path / "b/renamed")
    with pytest.raises(ValueError, match="expected labels from 1 to 7 .* got 8 in line 8: this is the compound part"): rafdb(tmp_path / "b")

def test_rafdb_damaged_list(tmp_path):
    root = trees.rafdb(tmp_path)
    path = root / "basic/EmoLabel/list_patition_label.txt"
    lines = path.read_text().splitlines()
    lines[0], lines[1], lines[2], lines[3] = "train_00001.jpg happy", "train_00002.jpg", "train_00003.jpg 12", "valid_00004.jpg 1"
    path.write_text("\ufeff" + "\r\n".join([*lines, "", "train_09999.jpg 4", "test_0001.jpg 4", lines[5]]), encoding="utf-8")
    data = read(rafdb, root)
    found = {int(where.split("line ")[1]): reason for where, reason in data.report.problems if "line" in where}
    assert set(found) == {1, 2, 3, 4, 23, 24, 25} and "got 'train_00001.jpg happy'" in found[1] and "begins with train or test" in found[4]
    assert found[23] == "train_09999.jpg is listed but not there" and found[25] == "train_00006.jpg is listed twice"
    assert problems(data)["basic/Image/aligned/train_00004_aligned.jpg"] == "not in the list" and len(data) == 17

def test_rafdb_pictures_not_unpacked(tmp_path):
    root = trees.rafdb(tmp_path)
    shutil.rmtree(root / "basic/Image/aligned"); (root / "basic/Image").mkdir(exist_ok=True); (root / "basic/Image/aligned.zip").touch()
    with pytest.raises(ValueError, match="no picture was found in basic/Image/aligned.*Unpack basic/Image/aligned.zip first"): rafdb(root)
    with pytest.raises(ValueError, match="^image: expected"): rafdb(root, image="cropped")

def test_rafdb_a_folder_named_like_a_picture(tmp_path):
    path = trees.rafdb(tmp_path) / "basic/Image/aligned/train_00003_aligned.jpg"
    path.unlink(); path.mkdir()
    assert any(reason == "train_00003.jpg is listed but not there" for reason in problems(read(rafdb, tmp_path)).values())


# ---- AffectNet

@pytest.mark.parametrize("heading", [("training",), ("training", "validation"), ()])
@pytest.mark.parametrize("separator", ["/", "\\"])
def test_affectnet_tables(heading, separator, tmp_path):
    data = read(affectnet, trees.affectnet_csv(tmp_path, heading, separator))
    assert data.splits == ["train"] * 7 + ["validation"] * 7 and data.targets.tolist() == [0, 4, 5, 6, 3, 2, 1] * 2 and not data.report.problems
    assert data.report.dropped == {"pictures of contempt": 2, "labeled none": 2, "labeled uncertain": 2, "labeled as no face": 2}

def test_affectnet_arrays(tmp_path):
    root = trees.affectnet_npy(tmp_path)
    data = read(affectnet, root)
    assert data.targets.tolist() == [0, 4, 5, 6, 3, 2, 1] * 2 and data.splits == ["train"] * 7 + ["validation"] * 7 and data.report.dropped == {"pictures of contempt": 2}
    notes = root / "train_set/annotations"
    np.save(notes / "0_exp.npy", np.array(6)) # whole numbers instead of text
    np.save(notes / "1_exp.npy", np.array("x")); (notes / "2_exp.npy").write_bytes(b""); (notes / "3_exp.npy").write_bytes(b"not numpy\nat all")
    np.save(notes / "4_exp.npy", np.array({"a": 1}), allow_pickle=True)
    (root / "train_set/images/5.jpg").unlink()
    data = read(affectnet, root)
    assert data.targets[:2].tolist() == [1, 1] and data.splits.count("train") == 2
    assert [Path(path).name for path in problems(data)] == [f"{k}_exp.npy" for k in range(1, 6)] and "images/5 is listed but not there" in data.report.problems[-1][1]

def test_affectnet_damaged_table(tmp_path):
    root = trees.affectnet_csv(tmp_path)
    path = root / "Manually_Annotated_file_lists/training.csv"
    lines = path.read_text().splitlines()
    lines[1] = lines[1].replace(",0,0.1,", ",eleven,0.1,"); lines[2] = "1/only this"; lines[3] = lines[4]
    path.write_bytes(("\n".join([*lines, "999/nowhere.jpg,0,0,5,5,1,3,0,0"]) + "\n\0\0").encode())
    data = read(affectnet, root)
    reasons = [reason for _, reason in data.report.problems]
    assert reasons.count("expected a label from 0 to 10") >= 2 and "999/nowhere.jpg is listed but not there" in reasons and "3/training03ab.jpg is listed twice" in reasons
    shutil.rmtree(root / "Manually_Annotated_Images")
    with pytest.raises(ValueError, match="no picture of the lists is there"): affectnet(root)


# ---- FER2013

@pytest.mark.parametrize("name, columns", [("fer2013.csv", "emotion,pixels,Usage"), ("icml_face_data.csv", "emotion, Usage, pixels")])
def test_fer2013_table(name, columns, tmp_path):
    data = read(fer2013, trees.fer2013_csv(tmp_path, name, columns))
    assert data.splits == ["train"] * 7 + ["validation"] * 7 + ["test"] * 7 and data.targets.tolist() == [1, 2, 3, 4, 5, 6, 0] * 3
    assert data.picture(0).size == (48, 48) and shown(data.split("test")) == [1, 2, 3, 4, 5, 6, 0]
    assert read(fer2013, tmp_path / name).paths == data.paths and data.paths[0].endswith(f"{name}:2") # the file itself does as well; the path names its line

def test_fer2013_folders(tmp_path):
    data = read(fer2013, trees.fer2013_folders(tmp_path))
    assert len(data) == 21 and data.splits.count("train") == 14 and "7178 pictures in test, found 7" in data.report.differences
    picture(tmp_path / "train/confused/1.jpg"); picture(tmp_path / "extra/happy/1.jpg"); picture(tmp_path / "3.jpg")
    assert set(problems(read(fer2013, tmp_path))) == {"train/confused/1.jpg", "extra/happy/1.jpg", "3.jpg"}

def test_fer2013_damaged_rows(tmp_path):
    path = trees.fer2013_csv(tmp_path) / "fer2013.csv"
    lines = path.read_text().splitlines()
    lines[1] = lines[1].replace(" 40", "", 1); lines[2] = lines[2].replace("60", "300", 1); lines[3] = lines[3].replace("80", "x", 1)
    lines[4] = "9" + lines[4][1:]; lines[5] = lines[5].replace("Training", "Holiday"); lines[6] = "5"
    path.write_text("\n".join(lines))
    data = read(fer2013, tmp_path)
    found = problems(data)
    assert [found[f"fer2013.csv:{n}"] for n in (2, 3, 4, 7)] == ["expected 2304 numbers from 0 to 255"] * 4
    assert "an emotion from 0 to 6, got '9'" in found["fer2013.csv:5"] and "got 'Holiday'" in found["fer2013.csv:6"] and len(data) == 15
    path.write_text("emotion,pixels\n0,1 2 3\n")
    with pytest.raises(ValueError, match="expected the columns emotion, pixels, Usage in fer2013.csv, got emotion, pixels"): fer2013(tmp_path)
    path.write_text("")
    with pytest.raises(ValueError, match="expected the columns .* got nothing"): fer2013(tmp_path)
    path.write_bytes(os.urandom(5000))
    with pytest.raises(ValueError, match="expected the columns"): fer2013(tmp_path)


# ---- EmotioNet, unlabeled

@pytest.mark.parametrize("heading", [True, False])
def test_emotionet(heading, tmp_path):
    data = read(emotionet, trees.emotionet(tmp_path, heading))
    assert names(data) == ["N_0000000001_00001.jpg", "N_0000000001_00002.jpg"] and data.targets.tolist() == [-1, -1] and data.aus.shape == (2, 18)
    au = lambda i, name: data.aus[i, AU_NAMES.index(name)].item()
    assert au(0, "AU1") == 1 and au(0, "AU12") == 0 and np.isnan(au(0, "AU2")) and au(1, "AU12") == 1 and au(1, "AU1") == 0 and np.isnan(au(1, "AU43"))
    assert data[1][1].equal(data.aus[1]) or torch.equal(data[1][1].nan_to_num(7), data.aus[1].nan_to_num(7))
    assert read(emotionet, tmp_path, target="label")[0][1] == -1
    assert [reason for _, reason in data.report.problems] == ["n_0000000002_00001.jpg is listed but not there"]

def test_emotionet_bad_values(tmp_path):
    path = trees.emotionet(tmp_path) / "EmotioNet_FACS_2020.csv"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], lines[1].replace(",1,", ",yes,", 1), lines[2].replace("999", "nan"), lines[2]]))
    data = read(emotionet, tmp_path)
    assert len(data) == 1 and "expected 0, 1 or 999 for an AU, got 'yes'" in problems(data)["EmotioNet_FACS_2020.csv, line 2"]
    assert "listed twice" in problems(data)["EmotioNet_FACS_2020.csv, line 4"] and data.aus.isnan().sum() == 16

def test_emotionet_as_a_sheet(tmp_path):
    path = trees.emotionet(tmp_path) / "EmotioNet_FACS_2020.csv"
    path.rename(path.with_suffix(".xlsx"))
    write(tmp_path / "readme.txt", "http, this, is, no, label, file\n")
    with pytest.raises(ValueError, match="EmotioNet_FACS_2020.xlsx, save it as a CSV file first"): emotionet(tmp_path)

def test_unlabeled(tmp_path):
    data = unlabeled(trees.unlabeled(tmp_path))
    assert len(data) == 4 and data.targets.tolist() == [-1] * 4 and data.class_name(0) == "unlabeled" and data.report.ok and data.subjects is None
    assert names(data) == ["4.bmp", "1_0.jpg", "2_0.PNG", "3.webp"]


# ---- trouble with files and folders

def faces(tmp_path, n=6, **options):
    return FaceFolder([str(picture(tmp_path / f"{k}.png", k % 3)) for k in range(n)], [k % 3 for k in range(n)], **options)


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
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I", "F"):
        path = str(tmp_path / f"{mode}.tiff")
        Image.new(mode, (4, 3)).save(path)
        for out in ("L", "RGB"): assert FaceFolder([path], [0], mode=out)[0][0].mode == out
    upright = Image.new("RGB", (8, 4))
    exif = Image.Exif(); exif[274] = 6
    upright.save(tmp_path / "turned.jpg", exif=exif)
    assert open_picture(str(tmp_path / "turned.jpg")).size == (4, 8)

@links
def test_symbolic_links(tmp_path):
    trees.jaffe(tmp_path / "elsewhere")
    root = tmp_path / "root"
    root.mkdir()
    (root / "jaffe").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (tmp_path / "elsewhere/loop").symlink_to(root, target_is_directory=True) # root/jaffe/loop is root again
    (root / "self").symlink_to(root / "self")
    (root / "KA.AN9.99.tiff").symlink_to(tmp_path / "nowhere.tiff")
    data = read(jaffe, root)
    assert len(data) == 28 and len({os.path.realpath(p) for p in data.paths}) == 28 and problems(data) == {"KA.AN9.99.tiff": "broken link"}

def test_a_folder_that_may_not_be_opened(tmp_path, monkeypatch):
    trees.kdef(tmp_path)
    real = os.scandir
    def scandir(path):
        if Path(path).name == "BM02": raise PermissionError(13, "Permission denied", path)
        return real(path)
    monkeypatch.setattr(os, "scandir", scandir)
    data = read(kdef, tmp_path)
    assert problems(data) == {"BM02": "folder cannot be opened: Permission denied"} and len(data) == 21

def test_label_files_that_may_not_be_opened(tmp_path, monkeypatch):
    import builtins
    real = builtins.open
    def opened(path, *a, **k):
        if str(path).endswith(("training.csv", "S001-001.xml", "00000005_emotion.txt")): raise PermissionError(13, "Permission denied", str(path))
        return real(path, *a, **k)
    a, b, c = trees.affectnet_csv(tmp_path / "a"), trees.mmi(tmp_path / "b"), trees.ckplus(tmp_path / "c", [("S001", "001", 3, 2)])
    monkeypatch.setattr(builtins, "open", opened)
    assert any("Permission denied" in reason for reason in problems(read(affectnet, a)).values()) and len(read(affectnet, a)) == 7
    assert "Permission denied" in problems(read(mmi, b))["Sessions/1/S001-001.xml"]
    with pytest.raises(ValueError, match="no labeled sequence"): ckplus(c)

@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="needs a file system that tells them apart")
def test_names_that_differ_in_case_or_accents_alone(tmp_path):
    for name in ("a.png", "A.PNG", unicodedata.normalize("NFC", "é.png"), unicodedata.normalize("NFD", "é.png")): picture(tmp_path / name)
    data = read(unlabeled, tmp_path)
    assert len(data) == 2 and len(data.report.problems) == 2 and all("but for upper and lower case or accents" in reason for reason in problems(data).values())

@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="needs a file system that takes any bytes")
def test_a_name_that_is_no_text(tmp_path):
    name = os.fsdecode(b"caf\xe9 7.png")
    (tmp_path / name).write_bytes(picture(tmp_path / "x.png").read_bytes())
    (tmp_path / os.fsdecode(b"caf\xe9 8.png")).write_bytes(b"")
    data = unlabeled(tmp_path)
    assert len(data) == 3
    text = str(data.check())
    text.encode("utf-8")
    assert "caf" in text and len(data.report.unreadable) == 1

def test_accents_stored_in_two_ways(tmp_path):
    root = trees.emotionet(tmp_path)
    picture(root / "images" / unicodedata.normalize("NFD", "Zoë.jpg"))
    path = root / "EmotioNet_FACS_2020.csv"
    path.write_text(path.read_text().replace("N_0000000002_00001.jpg", unicodedata.normalize("NFC", "ZOË.jpg")), encoding="utf-8")
    assert len(read(emotionet, root)) == 3

def test_a_file_instead_of_a_folder(tmp_path):
    with pytest.raises(ValueError, match="no picture has a name like AF01ANS.JPG"): kdef(write(tmp_path / "notes.txt", "x"))

def test_order_does_not_depend_on_the_file_system(tmp_path, monkeypatch):
    for name in ("b.png", "Z.png", "ä.png", "a.png", "10.png", "9.png", "sub/1.png"): picture(tmp_path / name)
    expected = ["10.png", "9.png", "a.png", "b.png", "1.png", "Z.png", "ä.png"] # by character, sub/1.png between b and z, whatever the language
    assert names(unlabeled(tmp_path)) == expected
    real = os.scandir
    for order in (sorted, lambda entries, key: sorted(entries, key=key, reverse=True)):
        monkeypatch.setattr(os, "scandir", lambda path: iter(order(real(path), key=lambda e: e.name)))
        assert names(unlabeled(tmp_path)) == expected


# ---- FaceFolder itself

@pytest.mark.parametrize("change, words", [
    (dict(targets=[0, 1]), "targets: expected one for each of the 3 pictures, got 2"), (dict(targets=[0, 1, 7]), "targets: expected labels from 0 to 6"),
    (dict(targets=[0, 1, -2]), "targets: expected labels"), (dict(subjects=["a"]), "subjects: expected one for each"), (dict(splits=["a"]), "splits: expected one for each"),
    (dict(aus=torch.zeros(2, 18)), "aus: expected one for each"), (dict(paths=[], targets=[]), "paths: expected at least one picture"),
    (dict(mode="CMYK"), 'mode: expected "RGB" or "L", got'), (dict(target="age"), 'target: expected "label" or "au", got'), (dict(target="au"), "has no action units")])
def test_bad_arguments(change, words):
    with pytest.raises(ValueError, match=f"^{words}" if words[:3] != "has" else words): FaceFolder(**{"paths": ["a", "b", "c"], "targets": [0, 1, 2], **change})

def test_indices(tmp_path):
    data = faces(tmp_path)
    assert data[-1][1] == data[5][1] == 2
    with pytest.raises(IndexError): data[6]
    assert [label for _, label in data] == [0, 1, 2, 0, 1, 2] # a plain loop ends

def test_subset(tmp_path):
    data = faces(tmp_path, subjects=list("abcdef"), splits=["train"] * 6, aus=torch.arange(108.).view(6, 18))
    for indices in ([4, 0], torch.tensor([4, 0]), np.array([4, 0])):
        part = data.subset(indices)
        assert names(part) == ["4.png", "0.png"] and part.targets.tolist() == [1, 0] and part.subjects == ["e", "a"] and part.aus[:, 0].tolist() == [72, 0]
    assert names(data.subset(data.targets == 2)) == ["2.png", "5.png"]
    with pytest.raises(ValueError, match="paths: expected at least one"): data.subset([])
    with pytest.raises(IndexError): data.subset([6])

def test_unknown_split(tmp_path):
    with pytest.raises(ValueError, match="name: expected one of the splits of RAF-DB .test, train., got 'validation'"): read(rafdb, trees.rafdb(tmp_path)).split("validation")
    with pytest.raises(ValueError, match="it has none"): faces(tmp_path).split("train")

def test_report_in_words():
    report = Report("X", 3, ["5 pictures, found 3"], {"pictures of contempt": 2}, [(f"{k}.png", "odd") for k in range(12)], [("a.png", "OSError: no")])
    text = str(report)
    assert text.splitlines()[:3] == ["X: 3 pictures", "  expected 5 pictures, found 3", "  left out: 2 pictures of contempt"] and "… and 2 more" in text and "unreadable: a.png: OSError: no" in text
    assert Report("X", 3, dropped={"a": 1}).ok and "<pre>" in report._repr_html_() and "&lt;" in Report("<b>", 1)._repr_html_()


# ---- describe

def test_describe(tmp_path):
    summary = read(rafdb, trees.rafdb(tmp_path)).describe()
    assert summary.counts["train"] == {**dict.fromkeys(EMOTIONS, 2), "total": 14} and summary.counts["test"]["total"] == 7 and list(summary.counts) == ["train", "test"]
    lines = str(summary).splitlines()
    assert lines[0] == "RAF-DB" and lines[1].split() == [*EMOTIONS, "total"] and lines[2].split() == ["train", *"2222222", "14"]
    html = summary._repr_html_()
    assert html.count("<tr>") == 3 and "data:image/png;base64," in html and str(tmp_path) not in html

def test_describe_unlabeled_and_action_units(tmp_path):
    assert unlabeled(trees.unlabeled(tmp_path / "a")).describe().counts == {"all": {"unlabeled": 4, "total": 4}}
    summary = read(emotionet, trees.emotionet(tmp_path / "b")).describe()
    assert summary.counts == {"all": {"unlabeled": 2, "total": 2}} and summary.aus["present"]["AU1"] == 1 and summary.aus["absent"]["AU1"] == 1 and summary.aus["unlabeled"]["AU2"] == 2
    assert summary._repr_html_().count("<table>") == 2 and "AU43" in str(summary)
    mixed = faces(tmp_path / "c", splits=["train"] * 3 + ["test"] * 3)
    mixed.targets[5] = -1
    assert mixed.describe().counts["test"]["unlabeled"] == 1 and mixed.describe(3).counts["train"]["unlabeled"] == 0

def test_sample_figure(tmp_path):
    data = faces(tmp_path, 30)
    Path(data.paths[0]).write_bytes(b"")
    fig = sample_figure(data, columns=4)
    axes = np.array(fig.axes).reshape(3, 4)
    assert [ax.get_ylabel() for ax in axes[:, 0]] == ["neutral", "anger", "disgust"]
    assert [[len(ax.images) for ax in row] for row in axes] == [[0, 1, 1, 1], [1] * 4, [1] * 4] # the unreadable one stays empty
    assert axes[2, 3].images[0].get_array()[0, 0, 0] == GRAY * 3
    assert len(sample_figure(faces(tmp_path / "b", 4)).axes) == 6 # no more columns than pictures


# ---- splitting by person

@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.integers(1, 9), min_size=3, max_size=30), st.integers(0, 9), st.sampled_from([(.8, .2), (.5, .5), (.7, .15, .15), (.98, .01, .01)]))
def test_no_person_in_two_parts(pictures, seed, fractions):
    subjects = [f"p{k}" for k, n in enumerate(pictures) for _ in range(n)]
    data = FaceFolder([str(i) for i in range(len(subjects))], [0] * len(subjects), subjects=subjects)
    parts = split_by_subject(data, fractions, seed)
    people = [set(part.subjects) for part in parts]
    assert all(people) and sum(map(len, people)) == len(set(subjects)) == len(set().union(*people))
    assert sorted(path for part in parts for path in part.paths) == sorted(data.paths)
    again = split_by_subject(data, fractions, seed)
    assert [p.paths for p in parts] == [p.paths for p in again]
    if len(pictures) >= 20 and min(fractions) > .1:
        for part, f in zip(parts, fractions): assert abs(len(part) - f * len(data)) <= max(pictures)

def test_split_by_subject_follows_the_seed_not_the_order(tmp_path):
    data = read(kdef, trees.kdef(tmp_path, people=[f"F{k:02d}" for k in range(1, 9)], views=("S",)))
    a, b = (sorted(set(split_by_subject(d, (.5, .5), 1)[0].subjects)) for d in (data, data.subset(list(range(len(data)))[::-1])))
    assert a == b and len(a) == 4 and len({tuple(sorted(set(split_by_subject(data, (.5, .5), s)[0].subjects))) for s in range(9)}) > 3

@pytest.mark.parametrize("fractions", [(1.,), (), (.5, .6), (.5, .4), (1.2, -.2), (1., 0.)])
def test_bad_fractions(fractions, tmp_path):
    with pytest.raises(ValueError, match="^fractions: expected at least two positive shares"): split_by_subject(faces(tmp_path, subjects=list("abcdef")), fractions)

def test_splitting_who_cannot_be_split(tmp_path):
    with pytest.raises(ValueError, match="^data: expected a data set that says who"): split_by_subject(faces(tmp_path))
    with pytest.raises(ValueError, match="^data: expected a data set that says who"): split_by_subject(faces(tmp_path, subjects=["a"] * 5 + [""]))
    with pytest.raises(ValueError, match="^fractions: expected at most 1 parts"): split_by_subject(faces(tmp_path, subjects=["a"] * 6))


# ---- size

def test_a_large_list_is_read_without_opening_pictures(tmp_path, monkeypatch):
    (tmp_path / "a").mkdir()
    for k in range(3000): (tmp_path / "a" / f"{k}.jpg").touch()
    monkeypatch.setattr(Image, "open", lambda *a: pytest.fail("opened a picture"))
    assert len(unlabeled(tmp_path)) == 3000
