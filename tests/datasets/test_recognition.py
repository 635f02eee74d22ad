"Which set is this: fer_nb.datasets.recognition, from the installed package."
import os
import shutil
import warnings

import pytest

import dataset_trees as trees
from dataset_trees import face, picture
from fer_nb.datasets import DATASETS, LAYOUTS, recognize
from test_readers import READERS, TREES

ALSO = {"fer2013_numbers": ("affectnet",), "ferplus": ("fer2013",), "rafdb": (), "jaffe_folders": ("tfeid",)}


@pytest.mark.parametrize("name", TREES)
def test_every_copy_is_recognized(name, tmp_path):
    root = TREES[name](tmp_path / "archive (3)")
    with warnings.catch_warnings():
        warnings.simplefilter("error") # the description says it all
        found = recognize(root)
    assert DATASETS[found.name] is READERS[name] and found.root == str(root)
    if name in ALSO: assert found.others == ALSO[name]
    said = str(found)
    assert f"fer_nb.datasets.{found.name}({str(root)!r})" in said and said.count("\n") >= 4
    lines = said.splitlines()
    examples = lines[lines.index("labels, each by an example:") + 1:-2] if found.data.targets.max() >= 0 else []
    examples = [line.rsplit(None, 1)[-1] for line in examples if line.startswith("  ")]
    assert len(examples) == len(set(found.data.targets.tolist()) - {-1}) and all((root / e.split(":")[0]).is_file() for e in examples)

def test_each_class_has_an_example(tmp_path):
    lines = str(recognize(trees.rafdb_folders(tmp_path))).splitlines()
    at = lines.index("labels, each by an example:")
    assert [line.split() for line in lines[at + 1:at + 4]] == [["neutral", "DATASET/test/7/test_00007_aligned.jpg"], ["anger", "DATASET/test/6/test_00006_aligned.jpg"], ["disgust", "DATASET/test/3/test_00003_aligned.jpg"]]
    assert lines[0] == "this is RAF-DB, one folder per class, such as DATASET/test/1" and "parts: its own (test, train)" in lines and "first picture: 100 x 100 pixels" in lines

def test_no_neutral_in_the_table(tmp_path):
    said = str(recognize(trees.ck48(tmp_path)))
    assert "this is CK+, CK+48, one folder per emotion" in said and "\n  neutral" not in said and "split_by_subject keeps its 3 people apart" in said

def test_something_else(tmp_path):
    for k in range(3): picture(tmp_path / f"holiday {k}.jpg")
    found = recognize(tmp_path)
    assert found.name == "unlabeled" and found.others == () and str(found).startswith("no set that is known here\n") and "labels: none" in str(found)
    picture(tmp_path / "KA.AN1.39.tiff") # one name is no set
    assert recognize(tmp_path).name == "unlabeled"

def test_a_file_that_is_a_set(tmp_path):
    path = trees.fer2013_csv(tmp_path) / "fer2013.csv"
    assert recognize(path).name == "fer2013" and recognize(path).root == str(path)

def test_nothing_there(tmp_path):
    with pytest.raises(ValueError, match="no picture and no table of a known set was found. It holds nothing"): recognize(tmp_path)
    with pytest.raises(ValueError, match="^root: expected the folder of unlabeled"): recognize(tmp_path / "nowhere")

def test_the_folder_is_listed_once(tmp_path, monkeypatch):
    root, real, listed = trees.rafdb(tmp_path), os.scandir, []
    monkeypatch.setattr(os, "scandir", lambda path: listed.append(os.fspath(path)) or real(path))
    recognize(root)
    assert len(listed) == len(set(listed)) > 3

def test_counts_decide_between_folders_of_words(tmp_path):
    "the same words; what is known of the sets differs"
    fer = trees.fer2013_parts(tmp_path / "a", ("train", "test"))
    assert recognize(fer).name == "fer2013" # 48 x 48 pixels
    shutil.copytree(fer, tmp_path / "b")
    for path in list((tmp_path / "b").rglob("*.jpg")): picture(path, size=(100, 100), mode="RGB")
    found = recognize(tmp_path / "b")
    assert found.name == "rafdb" and set(found.others) == {"fer2013", "affectnet"} and "it could also be" in str(found)

def test_how_sure(tmp_path):
    first = lambda root: str(recognize(root)).splitlines()[0]
    assert first(trees.kdef(tmp_path / "a")) == "this is KDEF" and first(trees.ferplus(tmp_path / "b")) == "this is FERPlus" # by their own names and lists
    assert first(trees.affectnet_folders(tmp_path / "c")) == "this could be AffectNet, one folder per class, such as train/0; but only its folders say so" # 14 of 287,401
    assert first(trees.fer2013_parts(tmp_path / "d")).startswith("this is FER2013, one folder per class") # 48 x 48 pixels
    for label, word in enumerate(trees.WORDS):
        for n in range(25): picture(tmp_path / "e" / word / f"{n}.png", label, n)
    assert first(tmp_path / "e").startswith("this is JAFFE, one folder per emotion") # 175 of 213

def test_layouts_are_in_the_order_of_the_readers(): assert len(LAYOUTS) == len(DATASETS) and [a[:3].casefold() for a in LAYOUTS] == [b[:3].replace("ckp", "ck+") for b in DATASETS]
