"Sets from the web: fer_nb.datasets.wild_sets, from the installed package."
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import dataset_trees as trees
from dataset_trees import names, picture, problems, read, shown, write
from fer_nb.datasets import AU_NAMES, COMPOUND_EMOTIONS, affectnet, emotionet, rafdb, rafdb_compound, unlabeled


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

def test_a_second_list_is_named(tmp_path):
    trees.rafdb(tmp_path / "a"); trees.rafdb(tmp_path / "a (1)")
    assert problems(read(rafdb, tmp_path)) == {"a/basic/EmoLabel/list_patition_label.txt": "not read: a (1)/basic/EmoLabel/list_patition_label.txt is"}
    trees.affectnet_csv(tmp_path / "b/1"); trees.affectnet_csv(tmp_path / "b/2")
    found = problems(read(affectnet, tmp_path / "b"))
    assert found["1/Manually_Annotated_file_lists/training.csv"] == "not read: 2/Manually_Annotated_file_lists/training.csv is" and len(found) == 2

def test_rafdb_sorted_into_folders(tmp_path):
    data = read(rafdb, trees.rafdb_folders(tmp_path))
    assert shown(data) == data.targets.tolist()
    assert data.splits.count("train") == 14 and data.splits.count("test") == 7 and not data.report.problems
    assert data.report.layout == "one folder per class, such as DATASET/test/1"
    assert read(rafdb, trees.rafdb_folders(tmp_path / "b", lists=False)).targets.equal(data.targets)
    for number, label in trees.RAF: assert {int(t) for p, t in zip(data.paths, data.targets) if Path(p).parent.name == str(number)} == {label}

def test_rafdb_folders_and_lists_must_agree(tmp_path):
    path = trees.rafdb_folders(tmp_path) / "train_labels.csv"
    path.write_text(path.read_text().replace("train_00001_aligned.jpg,1", "train_00001_aligned.jpg,3").replace("train_00002_aligned.jpg,2", "train_00002_aligned.jpg,x") + "train_00099_aligned.jpg,4\n")
    data = read(rafdb, tmp_path)
    assert problems(data) == {"DATASET/train/1/train_00001_aligned.jpg": "its folder says surprise, train_labels.csv, line 2 says disgust",
                              "DATASET/train/2/train_00002_aligned.jpg": "its folder says fear, train_labels.csv, line 3 says x",
                              "train_labels.csv, line 16": "train_00099_aligned.jpg is listed but not there"}
    assert len(data) == 19
    with pytest.raises(ValueError, match="no basic/EmoLabel/list_patition_label.txt"): rafdb(tmp_path, image="original") # these are aligned

@pytest.mark.parametrize("copy", [trees.affectnet_folders, trees.affectnet_classes])
def test_affectnet_sorted_into_folders(copy, tmp_path):
    data = read(affectnet, copy(tmp_path))
    assert sorted(data.split("train").targets.tolist()) == list(range(7)) and shown(data) == data.targets.tolist()
    assert data.report.dropped == {"pictures of contempt": 2} and data.splits.count("validation") == 7

@pytest.mark.parametrize("reader, wrong", [(affectnet, "rafdb_folders"), (rafdb, "affectnet_folders"), (rafdb, "fer2013_numbers"), (affectnet, "rafdb_folders")])
def test_numbers_of_another_set_are_refused(reader, wrong, tmp_path):
    with pytest.raises(ValueError, match="^root: expected folders of .*, numbered .* with the folders .*: this is another set"): reader(getattr(trees, wrong)(tmp_path))

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
    assert len(data) == 2 and problems(data)["EmotioNet_FACS_2020.csv, line 2"] == "expected 0, 1 or 999 for an AU, got 'yes': unlabeled"
    assert "listed twice" in problems(data)["EmotioNet_FACS_2020.csv, line 4"] and data.aus[1].isnan().sum() == 16
    assert data.aus[0].isnan().sum() == 17 and data.aus[0, AU_NAMES.index("AU12")] == 0 # the rest of the row counts

@pytest.mark.parametrize("cell", ["2", "0.5", "-nan(ind)", "#REF!", "1,5", "TRUE"])
def test_emotionet_one_bad_cell(cell, tmp_path):
    path = trees.emotionet(tmp_path) / "EmotioNet_FACS_2020.csv"
    path.write_text(path.read_text().replace(",1,", f',"{cell}",', 1))
    data = read(emotionet, tmp_path)
    assert len(data) == 2 and data.aus[0, AU_NAMES.index("AU1")].isnan() and data.aus[0, AU_NAMES.index("AU12")] == 0
    assert f"got '{cell.lower()}': unlabeled" in problems(data)["EmotioNet_FACS_2020.csv, line 2"]

def test_emotionet_as_a_sheet(tmp_path):
    path = trees.emotionet(tmp_path) / "EmotioNet_FACS_2020.csv"
    path.rename(path.with_suffix(".xlsx"))
    write(tmp_path / "readme.txt", "http, this, is, no, label, file\n")
    with pytest.raises(ValueError, match="EmotioNet_FACS_2020.xlsx, save it as a CSV file first"): emotionet(tmp_path)

def test_unlabeled(tmp_path):
    data = unlabeled(trees.unlabeled(tmp_path))
    assert len(data) == 4 and data.targets.tolist() == [-1] * 4 and data.class_name(0) == "unlabeled" and data.report.ok and data.subjects is None
    assert names(data) == ["4.bmp", "1_0.jpg", "2_0.PNG", "3.webp"]
