"One folder per class: fer_nb.datasets.class_folders, from the installed package."
import pytest

from dataset_trees import write
from fer_nb.datasets.class_folders import CONTEMPT, class_folders, folder_number, folder_split, named_emotion
from fer_nb.datasets.tree import Tree

ORDER = {0: 1, 1: 2, 2: CONTEMPT}


def found(root, *names, order=ORDER):
    for name in names: write(root / name, name)
    tree = Tree(root, "FER2013")
    pictures, dropped = class_folders(tree, order)
    return {f.path: (f.label, f.split) for f in pictures}, dict(dropped), dict(tree.problems), tree.layout

def test_parts():
    words = {"train": ("train", "training", "train_set", "train_class", "train-set", "fer2013train"), "validation": ("val", "valid", "validation", "val_set", "val_class", "publictest", "fer2013valid"),
             "test": ("test", "testing", "test_set", "privatetest", "fer2013test"), "": ("", "images", "trains", "set", "dataset", "testset2", "angry")}
    for split, names in words.items(): assert [folder_split(name) for name in names] == [split] * len(names)

def test_numbers():
    assert [folder_number(name, 1) for name in ("0", "7", "007", "class001", "class012")] == [0, 7, 7, 1, 12]
    assert [folder_number(name, 0) for name in ("class001", "a1", "1a", "", "-1", "happy")] == [0, None, None, None, None, None]

def test_words(): assert [named_emotion(word) for word in ("suprise", "surprised", "0_neutral", "fearful", "contempt", "images")] == [[6], [6], [0], [3], [None], []]

def test_words_numbers_and_the_rest(tmp_path):
    pictures, dropped, problems, layout = found(tmp_path, "x/train/0/a.png", "x/train/1/b.png", "x/Val/Happy/c.png", "x/test/2/d.png", "x/test/contempt/e.png", "x/test/f.png", "x/extra/0/g.png", "x/train/odd/h.png")
    assert pictures == {"x/train/0/a.png": (1, "train"), "x/train/1/b.png": (2, "train"), "x/Val/Happy/c.png": (4, "validation")} and dropped == {CONTEMPT: 2}
    assert set(problems) == {"x/test/f.png", "x/extra/0/g.png", "x/train/odd/h.png"} and set(problems.values()) == {"expected it in a folder like train/0 or test/happy"}
    assert layout == "one folder per class, such as x/train/0"

@pytest.mark.parametrize("names", [("train/1/a.png", "train/2/b.png"), ("train/0/a.png", "test/3/b.png"), ("train/class002/a.png",)])
def test_numbers_of_another_set(names, tmp_path):
    "without the first number, or with one that is none of the set's: every label would be wrong"
    with pytest.raises(ValueError, match="^root: expected folders of FER2013, numbered 0, 1, 2, got .* with the folders .*: this is another set$"): found(tmp_path, *names)

def test_other_numbers_do_not_matter(tmp_path): assert found(tmp_path, "train/0/a.png", "backup/9/b.png")[0] == {"train/0/a.png": (1, "train")}

def test_nothing(tmp_path): assert found(tmp_path, "a.png")[::3] == ({}, "")
