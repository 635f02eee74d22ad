"FER2013 and FERPlus: fer_nb.datasets.fer_sets, from the installed package."
import os
import warnings
from pathlib import Path

import pytest

import dataset_trees as trees
from dataset_trees import picture, problems, read, shown
from fer_nb.datasets import fer2013, ferplus


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

def test_fer2013_all_three_parts(tmp_path):
    data = read(fer2013, trees.fer2013_parts(tmp_path))
    assert data.splits.count("train") == data.splits.count("validation") == data.splits.count("test") == 7 and shown(data) == data.targets.tolist()
    assert "28709 pictures in train, found 7" in data.report.differences and "3589 pictures in validation, found 7" in data.report.differences

@pytest.mark.parametrize("part", ["validation", "val", "valid"])
def test_fer2013_train_and_validation(part, tmp_path):
    "the half that was once lost with a warning about counts only"
    with pytest.warns(UserWarning, match="FER2013: train and validation were dealt anew"): data = fer2013(trees.fer2013_parts(tmp_path, ("images/train", f"images/{part}")))
    assert len(data) == 14 and data.splits.count("validation") == 7 and not data.report.problems
    assert "28821 pictures in train, found 7" in data.report.differences and "7066 pictures in validation, found 7" in data.report.differences

def test_fer2013_numbers(tmp_path):
    data = read(fer2013, trees.fer2013_numbers(tmp_path))
    for number, label in trees.FER: assert {int(t) for p, t in zip(data.paths, data.targets) if Path(p).parent.name == str(number)} == {label}
    trees.affectnet_folders(tmp_path / "b")
    with pytest.raises(ValueError, match="with the folders 0, 1, 2, 3, 4, 5, 6, 7: this is another set"): fer2013(tmp_path / "b")

def test_a_second_table_is_named(tmp_path):
    trees.fer2013_csv(tmp_path); trees.fer2013_csv(tmp_path / "fer2013"); trees.fer2013_csv(tmp_path, "icml_face_data.csv", "emotion, Usage, pixels")
    data = read(fer2013, tmp_path)
    assert problems(data) == {"fer2013/fer2013.csv": "not read: fer2013.csv is", "icml_face_data.csv": "not read: fer2013.csv is"} and len(data) == 21
    trees.ferplus(tmp_path / "b"); trees.ferplus(tmp_path / "b/fer2013")
    assert problems(read(ferplus, tmp_path / "b")) == {"fer2013new.csv": "not read: fer2013/fer2013new.csv is"}

def test_fer2013_says_that_votes_are_there(tmp_path):
    with pytest.warns(UserWarning, match=r"FER2013: FERPlus's votes \(fer2013new.csv\) are there and not used here: ferplus reads them"): data = fer2013(trees.ferplus(tmp_path))
    assert data.targets.tolist() == [1] * 24

COPIES = [trees.ferplus, trees.ferplus_files, trees.ferplus_lists]

@pytest.mark.parametrize("copy", COPIES)
def test_ferplus_majority(copy, tmp_path):
    data = read(ferplus, copy(tmp_path))
    wanted = [label for _, label, _ in trees.VOTES if label is not None]
    assert data.split("validation").targets.tolist() == wanted and data.targets.tolist() == wanted * 3 and shown(data) == wanted * 3
    no_face = {} if copy is trees.ferplus_lists else {"voted no face": 3} # they have no file
    assert data.report.dropped == {"without a majority": 6, "voted unknown": 3, "pictures of contempt": 3} | no_face

@pytest.mark.parametrize("copy", COPIES)
def test_ferplus_soft(copy, tmp_path):
    data = read(ferplus, copy(tmp_path), target="soft")
    wanted = [label for _, _, label in trees.VOTES if label is not None]
    assert data.targets.tolist() == wanted * 3 and shown(data) == wanted * 3
    assert data[0][1].tolist() == [0, 0, 0, 0, 1, 0, 0] # the single vote is a slip
    assert data[1][1].tolist() == pytest.approx([0, 0, 0, .3, 0, 0, .7]) and data[3][1].tolist() == pytest.approx([0, 1 / 3, 0, 1 / 3, 0, 0, 1 / 3])
    assert data.soft.sum(1).tolist() == pytest.approx([1] * len(data))

def test_ferplus_in_another_order_is_an_error(tmp_path):
    path = trees.ferplus(tmp_path) / "fer2013.csv"
    head, *lines = path.read_text().splitlines()
    path.write_text("\n".join([head, *lines[::-1]]))
    with pytest.raises(ValueError, match="^root: expected fer2013.csv in the order of fer2013new.csv, line 2, got a picture of PrivateTest for votes of Training"): ferplus(tmp_path)

def test_ferplus_damaged(tmp_path):
    path = trees.ferplus(tmp_path) / "fer2013new.csv"
    lines = path.read_text().splitlines()
    lines[1] = lines[1].replace(",9,", ",nine,"); lines[2] = "Training,fer0000001.png,3"
    path.write_text("\n".join(lines))
    pixels = tmp_path / "fer2013.csv"
    rows = pixels.read_text().splitlines()
    rows[4] = "0,1 2 3,Training"
    pixels.write_text("\n".join(rows[:-4]))
    data = read(ferplus, tmp_path)
    assert problems(data) == {"fer2013new.csv, line 2": "expected ten whole numbers of votes", "fer2013new.csv, line 3": "expected ten whole numbers of votes",
                              "fer2013new.csv, line 5": "its picture is not there"}
    assert len(data) == 6
    path.write_text("Usage,neutral\nTraining,3\n")
    with pytest.raises(ValueError, match="expected the columns Usage, Image name, neutral … NF in fer2013new.csv"): ferplus(tmp_path)
    with pytest.raises(ValueError, match="^target: expected one of label, soft, got 'au'"): ferplus(tmp_path, target="au")
    with pytest.raises(ValueError, match="neither fer2013new.csv nor FER2013Train/label.csv"): ferplus(trees.fer2013_csv(tmp_path / "b"))
