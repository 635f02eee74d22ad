"A folder on disk, by command: fer_nb.disk, from the installed package."
import importlib

import numpy as np
import pytest
from PIL import Image

import dataset_trees as trees
from fer_nb.cli import main
from fer_nb.preprocessing import read_manifest
from photos import HOPPER


def described(capsys, *args):
    status = main(["describe", *map(str, args)])
    return status, capsys.readouterr().out

def test_describe_says_which_set_and_what_is_wrong(tmp_path, capsys):
    path = trees.rafdb_folders(tmp_path/"archive (3)")/"train_labels.csv"
    path.write_text(path.read_text().replace("train_00001_aligned.jpg,1", "train_00001_aligned.jpg,2"))
    (tmp_path/"archive (3)/DATASET/test/4/test_00004_aligned.jpg").write_bytes(b"")
    status, out = described(capsys, tmp_path/"archive (3)")
    lines = out.splitlines()
    assert status == 1 and lines[0] == "this is RAF-DB, one folder per class, such as DATASET/test/1"
    assert f"to read it: fer_nb.datasets.rafdb('{tmp_path}/archive (3)')" in lines and any(line.split() == ["surprise", "DATASET/test/1/test_00001_aligned.jpg"] for line in lines)
    assert "  problem: DATASET/train/1/train_00001_aligned.jpg: its folder says surprise, train_labels.csv, line 2 says fear" in lines
    assert any(line.startswith("  unreadable: ") and "test_00004_aligned.jpg: an empty file" in line for line in lines)
    assert any(line.startswith("  duplicate: ") and "the same picture as" in line for line in lines) # flat pictures of one gray

def test_describe_by_names_alone(tmp_path, capsys, monkeypatch):
    trees.kdef(tmp_path/"KDEF")
    (tmp_path/"KDEF/AF01/AF01ANS.JPG").write_bytes(b"")
    monkeypatch.setattr("fer_nb.datasets.leaks.find_duplicates", lambda *args: pytest.fail("looked"))
    monkeypatch.setattr("fer_nb.datasets.find_duplicates", lambda *args: pytest.fail("looked"))
    status, out = described(capsys, tmp_path, "--names-only")
    assert status == 1 and out.startswith("this is KDEF\n") and "unreadable" not in out and out.endswith("the pictures were not opened: nothing is known about duplicates\n")

def test_describe_says_what_leaks(tmp_path, capsys):
    a = trees.face(tmp_path/"train/happy/a.png", 1)
    trees.face(tmp_path/"train/sad/b.png", 2); trees.face(tmp_path/"test/happy/c.png", 3)
    (tmp_path/"test/sad").mkdir()
    with Image.open(a) as face: face.resize((48, 48)).save(tmp_path/"test/sad/d.jpg")
    out = described(capsys, tmp_path)[1]
    assert out.count("  leak: ") == 1 and "looks like" in out and "a.png, which is labeled happiness" in out

def test_describe_on_a_set_that_is_right(tmp_path, capsys):
    for k in range(3): trees.face(tmp_path/f"{k}.png", k)
    status, out = described(capsys, tmp_path)
    assert status == 0 and out.startswith("no set that is known here\n") and "unlabeled: 3 pictures" in out

def test_describe_no_folder(tmp_path, capsys):
    assert main(["describe", str(tmp_path/"nowhere")]) == 2
    assert "which is not there" in capsys.readouterr().err
    (tmp_path/"sets.zip").write_bytes(b"PK")
    assert main(["describe", str(tmp_path)]) == 2 and "Unpack sets.zip first" in capsys.readouterr().err

def awkward(folder):
    "Files of every kind that people's disks hold, in the folders of a sorted copy: those that give a picture, and those that give none."
    gray = np.random.default_rng(0).integers(0, 256, (48, 48)).astype(np.uint8)
    turned = Image.Exif()
    turned[274] = 6
    readable = {"16.png": Image.fromarray(gray.astype(np.uint16) * 257), "16.tiff": Image.fromarray(gray.astype(np.int32) * 257), "bit.png": Image.fromarray(gray > 128), "cmyk.jpg": Image.fromarray(gray).convert("CMYK"),
                "palette.gif": Image.fromarray(gray).convert("P"), "alpha.png": Image.fromarray(np.dstack([gray] * 4)), "la.png": Image.fromarray(np.dstack([gray] * 2)), "web.webp": Image.fromarray(gray), "UPPER.JPEG": Image.fromarray(gray)}
    unreadable = {"empty.png": b"", "text.jpg": b"<html>404</html>", "cut.png": HOPPER.read_bytes()[:3000], "IMG_0001.HEIC": b"\0\0\0\x18ftypheic" + bytes(99)}
    for n, (name, image) in enumerate(readable.items()):
        path = folder/"train"/str(n % 7)/name
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path, exif=turned) if name == "UPPER.JPEG" else image.save(path)
    for name, data in unreadable.items(): (folder/"train/3"/name).write_bytes(data)
    (folder/"train/3/folder.jpg").mkdir()
    Image.fromarray(np.ones((48, 48), np.float32)).save(folder/"train/3/float.tiff")
    for junk in (".DS_Store", "Thumbs.db", "._16.png", "notes.docx"): (folder/"train/3"/junk).write_bytes(b"junk")
    return readable, [*unreadable, "float.tiff"]

def test_describe_on_awkward_files(tmp_path, capsys):
    readable, unreadable = awkward(tmp_path/"in")
    status, out = described(capsys, tmp_path/"in")
    named = {line.split(": ")[1].rsplit("/")[-1] for line in out.splitlines() if line.startswith("  unreadable: ")}
    assert status == 1 and named == set(unreadable)
    assert f"FER2013: {len(readable) + len(unreadable)} pictures" in out and "Traceback" not in out
    twice = {line.split(": ")[1].rsplit("/")[-1] for line in out.splitlines() if line.startswith("  duplicate: ")}
    assert twice == {"16.tiff", "palette.gif", "la.png"} # the same pixels in other kinds of files

def test_names_that_would_steer_the_terminal(tmp_path, capsys):
    trees.picture(tmp_path/"train/happy/a\x1b[31m.png") # an example of its class
    trees.picture(tmp_path/"train/sad\nthis is KDEF/b.png")
    (tmp_path/"train/happy/c\x1b.png").write_bytes(b"")
    out = described(capsys, tmp_path)[1]
    assert "\x1b" not in out and "\nthis is KDEF" not in out

def photos(folder):
    folder.mkdir(parents=True)
    (folder/"hopper.jpg").write_bytes(HOPPER.read_bytes())
    Image.new("RGB", (60, 50), "red").save(folder/"red.png")
    (folder/"labels.txt").write_text("hopper.jpg 4")
    (folder/"b\x1b.png").write_bytes(b"")
    return folder

def test_preprocess(tmp_path, capsys):
    args = ["preprocess", str(photos(tmp_path/"in")), str(tmp_path/"out"), "--size", "48", "--gray", "--workers", "1", "--landmarks", "0", "--min-size", "30", "--margin", "0"]
    assert main(args) == 0
    out = capsys.readouterr().out.splitlines()
    assert out == ["1 unreadable, 1 face, 1 copied, 1 no face", "b\\x1b.png: unreadable: an empty file", "red.png: no face: found no face of at least 30 pixels in 60 x 50", f"written to {tmp_path}/out, with manifest.csv"]
    with Image.open(tmp_path/"out/hopper.jpg") as face: assert face.size == (48, 48) and face.mode == "L"
    before = (tmp_path/"out/manifest.csv").read_bytes()
    assert main(args) == 0 and (tmp_path/"out/manifest.csv").read_bytes() == before # goes on, and nothing is left to do
    assert main([*args[:3], "--size", "64", "--workers", "1"]) == 2 and "was made with size=48" in capsys.readouterr().err

def test_preprocess_names_ten_and_counts_the_rest(tmp_path, capsys):
    photos(tmp_path/"in")
    for k in range(14): Image.new("L", (20, 20)).save(tmp_path/f"in/x{k:02d}.png")
    main(["preprocess", str(tmp_path/"in"), str(tmp_path/"out"), "--workers", "1"])
    out = capsys.readouterr().out.splitlines()
    assert len(out) == 12 and out[-1] == f"written to {tmp_path}/out, with manifest.csv; 6 more files without a face are in it"

def test_preprocess_looks_for_small_faces(tmp_path):
    photo = Image.new("RGB", (2400, 900), (120, 120, 120))
    (tmp_path/"in").mkdir()
    with Image.open(HOPPER) as hopper: photo.paste(hopper.convert("RGB").resize((100, 118)), (300, 200))
    photo.save(tmp_path/"in/a.png")
    assert main(["preprocess", str(tmp_path/"in"), str(tmp_path/"out"), "--longest", "800", "--workers", "1"]) == 0
    assert read_manifest(tmp_path/"out")[0]["status"] == "face"

def test_what_68_landmarks_need_is_one_line(tmp_path, capsys, monkeypatch):
    def missing(device): raise RuntimeError("68 landmarks need the package face-alignment")
    monkeypatch.setattr(importlib.import_module("fer_nb.preprocessing.folders"), "fan", missing)
    assert main(["preprocess", str(photos(tmp_path/"in")), str(tmp_path/"out"), "--landmarks", "68"]) == 2
    assert capsys.readouterr().err == "fer_nb: 68 landmarks need the package face-alignment\n"

def test_ctrl_c_keeps_what_is_done(tmp_path, capsys, monkeypatch):
    room = importlib.import_module("fer_nb.preprocessing.folders")
    real, seen = room._do_file, []
    def stops(*args):
        seen.append(args[2])
        if len(seen) == 3: raise KeyboardInterrupt
        return real(*args)
    args = ["preprocess", str(photos(tmp_path/"in")), str(tmp_path/"out"), "--workers", "1"]
    with monkeypatch.context() as patch:
        patch.setattr(room, "_do_file", stops)
        assert main(args) == 130 and capsys.readouterr().err.endswith("what is finished is kept, run the same command to go on\n")
    assert len(read_manifest(tmp_path/"out")) == 2
    assert main(args) == 0 and len(read_manifest(tmp_path/"out")) == 4
