"Everything people's disks do to names: fer_nb.datasets.tree, from the installed package."
import os
import shutil
import sys
import unicodedata
from pathlib import Path

import pytest
import torch
from PIL import Image

import dataset_trees as trees
from dataset_trees import names, picture, problems, read, write
from fer_nb.datasets import affectnet, ckplus, emotionet, fer2013, jaffe, kdef, mmi, unlabeled
from fer_nb.datasets.tree import Found, Tree, make_dataset


links = pytest.mark.skipif(sys.platform == "win32", reason="needs symbolic links")

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

def test_a_large_list_is_read_without_opening_pictures(tmp_path, monkeypatch):
    (tmp_path / "a").mkdir()
    for k in range(3000): (tmp_path / "a" / f"{k}.jpg").touch()
    monkeypatch.setattr(Image, "open", lambda *a: pytest.fail("opened a picture"))
    assert len(unlabeled(tmp_path)) == 3000

def test_a_root_that_may_not_be_opened(tmp_path, monkeypatch):
    def scandir(path): raise PermissionError(13, "Permission denied", path)
    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(ValueError, match="^root: expected the folder of KDEF, got .*: folder cannot be opened: Permission denied$"): kdef(tmp_path)

def test_iphone_pictures_are_pictures(tmp_path):
    "they count, and the report says how to read them"
    (tmp_path / "IMG_0001.HEIC").write_bytes(b"\0\0\0\x18ftypheic" + bytes(99))
    picture(tmp_path / "a.png")
    data = read(unlabeled, tmp_path)
    assert names(data) == ["a.png", "IMG_0001.HEIC"]
    report = data.check()
    if report.unreadable: assert report.unreadable == [(str(tmp_path / "IMG_0001.HEIC"), report.unreadable[0][1])] and "pillow-heif" in report.unreadable[0][1]

def test_tree_lists_pictures_and_label_files(tmp_path):
    for name in ("b/X.PNG", "labels.CSV", "film.avi", "0_exp.npy", "0_val.npy", "notes.md", "all.zip"): write(tmp_path / name, "")
    tree = Tree(tmp_path, "KDEF")
    assert tree.files == {"0_exp.npy": "0_exp.npy", "b/x.png": "b/X.PNG", "film.avi": "film.avi", "labels.csv": "labels.CSV"}
    assert tree.pictures == {"b/x.png": "b/X.PNG"} and tree.archives == ["all.zip"] and tree("b/X.PNG") == os.path.join(tmp_path, "b", "X.PNG")
    assert [path for _, path in tree.matching("x\\.png")] == ["b/X.PNG"] and str(tree.wrong("no reason")).startswith("root: expected KDEF in this layout:")

# ---- the same tree twice

def test_a_tree_unpacked_twice_is_named(tmp_path):
    trees.kdef(tmp_path / "KDEF")
    once = read(kdef, tmp_path)
    shutil.copytree(tmp_path / "KDEF", tmp_path / "KDEF (1)")
    with pytest.warns(UserWarning, match="no problem, got 28, such as KDEF/AF01/AF01AFS.JPG: the same file as KDEF .1./AF01/AF01AFS.JPG, left out"): twice = kdef(tmp_path)
    assert len(twice) == len(once) == twice.report.pictures == 28 and names(twice) == names(once) and twice.targets.equal(once.targets)

def test_another_file_of_the_same_name_stays(tmp_path):
    for folder, gray in (("a", 0), ("b", 1), ("c", 1)): picture(tmp_path / folder / "x.png", gray)
    (tmp_path / "d").mkdir(); (tmp_path / "d/x.png").write_bytes((tmp_path / "a/x.png").read_bytes() + b" ") # longer by a byte
    picture(tmp_path / "e/x.png", 5) # of the size of the others; now of the same time, too
    for name in "abce": os.utime(tmp_path / name / "x.png", (1e9, 1e9))
    assert len({(tmp_path / name / "x.png").stat().st_size for name in "abce"}) == 1
    data = read(unlabeled, tmp_path)
    assert [Path(p).parent.name for p in data.paths] == ["a", "b", "d", "e"] and problems(data) == {"c/x.png": "the same file as b/x.png, left out"}

def test_the_same_file_in_two_parts_or_classes_stays(tmp_path):
    "it is a leak, or a doubtful label: find_duplicates says so, and nothing is taken from the test part in silence"
    for name in ("train/happy", "test/happy", "train/sad"): picture(tmp_path / name / "x.png")
    assert len(read(fer2013, tmp_path)) == 3 and not read(fer2013, tmp_path).report.problems

def test_action_units_stay_with_their_pictures(tmp_path):
    for n, name in enumerate(("a/1.png", "b/1.png", "b/2.png")): write(tmp_path / name, "same" if n < 2 else "other")
    data = make_dataset(Tree(tmp_path, "EmotioNet"), [Found("a/1.png"), Found("b/1.png"), Found("b/2.png")], aus=torch.arange(54.).view(3, 18), expected={})
    assert names(data) == ["1.png", "2.png"] and data.aus[:, 0].tolist() == [0, 36]

def test_only_files_of_one_name_and_size_are_read(tmp_path, monkeypatch):
    import filecmp
    for k in range(9): picture(tmp_path / f"{k}" / f"{k % 8}.png", k % 8)
    compared, real = [], filecmp.cmp
    monkeypatch.setattr(filecmp, "cmp", lambda a, b, shallow: compared.append((a, b)) or real(a, b, shallow))
    assert len(read(unlabeled, tmp_path)) == 8 and len(compared) == 1

def test_a_listing_is_used_again(tmp_path, monkeypatch):
    tree = Tree(trees.kdef(tmp_path), "unlabeled")
    monkeypatch.setattr(os, "scandir", lambda path: pytest.fail("listed again"))
    a, b = read(kdef, tree), read(unlabeled, tree)
    assert len(a) == 28 and len(b) == 56 and a.report.problems is not b.report.problems and tree.problems == []
