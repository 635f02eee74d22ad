"Sets from the web: fer_nb.datasets.wild_sets, from the installed package."
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import dataset_trees as trees
from dataset_trees import names, picture, problems, read, shown, write
from fer_nb.datasets import AU_NAMES, COMPOUND_EMOTIONS, affectnet, emotionet, fer2013, rafdb, rafdb_compound, unlabeled


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

def test_affectnet_arrays_that_hold_no_class(tmp_path):
    "a table of fields, a fraction, none at all, several of them: unreadable, and the rest is read"
    root = trees.affectnet_npy(tmp_path)
    notes, bad = root/"train_set/annotations", [np.array((1, 2), dtype=[("a", int), ("b", int)]), np.array(2.5), np.array("2.5"), np.array(np.nan), np.array([])]
    for k, array in enumerate(bad): np.save(notes/f"{k}_exp.npy", array)
    np.save(notes/"5_exp.npy", np.array(6.)) # a whole number all the same
    data = read(affectnet, root)
    assert [Path(path).name for path in problems(data)] == [f"{k}_exp.npy" for k in range(5)] and data.splits.count("train") == 2 and data.targets[0] == 1

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
