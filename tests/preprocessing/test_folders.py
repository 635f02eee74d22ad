"Whole folders: fer_nb.preprocessing.folders, from the installed package."
import csv
import json
import os
import signal
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
import torch
from PIL import Image
from torchvision.transforms.v2 import functional as TF

import fer_nb.preprocessing.folders as room
from fer_nb.preprocessing import align, crop, detect, preprocess, read_image, read_manifest, to_gray
from fer_nb.runtime import torch_threads
from photos import HOPPER, pil
from waiting import STUCK, wait_for


def photographs(root, hopper):
    "A small data set with everything that goes wrong"
    small, side = TF.resize(hopper, [150, 128], antialias=True), torch.cat([hopper, hopper], 2)
    pictures = {"a/hopper.jpg": hopper, "a/face 2.png": small, "a/ünï-côde.tif": to_gray(small).expand(3, -1, -1), "b/deep/er/x.bmp": small, "b/collar.jpg": hopper[:, 400:, :200], "two.png": TF.resize(side, [300, 512], antialias=True),
                "b/UPPER.JPG": small, "web.webp": small}
    for name, picture in pictures.items():
        (root/name).parent.mkdir(parents=True, exist_ok=True)
        pil(picture.contiguous()).save(root/name)
    Image.new("RGB", (5, 5)).save(root/"b/tiny.png")
    (root/"b/damaged.jpg").write_bytes(HOPPER.read_bytes()[:5000])
    (root/"b/empty.png").touch()
    (root/"b/more.zip").write_bytes(b"PK")
    (root/"b/film.AVI").write_bytes(b"RIFF")
    (root/"labels.txt").write_text("a/hopper.jpg 4\n")
    return root

@pytest.fixture()
def data(tmp_path, hopper): return photographs(tmp_path/"photos", hopper)

def snapshot(folder, stamps=False): return {p.relative_to(folder).as_posix(): (p.read_bytes(), p.stat().st_mtime_ns if stamps else 0) for p in sorted(Path(folder).rglob("*")) if p.is_file()}

def go(folder, out, **how): return preprocess(folder, out, **({"size": 64, "workers": 1, "progress": False} | how))

@pytest.fixture(scope="module")
def whole(tmp_path_factory, hopper):
    "One data set and what comes of it"
    root = tmp_path_factory.mktemp("whole")
    folder = photographs(root/"photos", hopper)
    before = snapshot(folder, True)
    with torch_threads(2):
        counts = go(folder, root/"faces")
        left = torch.get_num_threads()
    return folder, root/"faces", counts, before, left

def test_every_file_has_its_outcome(whole):
    folder, out, counts, *_ = whole
    assert counts == {"face": 7, "no face": 2, "unreadable": 2, "left out": 2, "copied": 1}
    rows = {row["file"]: row for row in read_manifest(out)}
    assert list(rows) == sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    assert rows["b/empty.png"]["reason"] == "an empty file" and "truncated" in rows["b/damaged.jpg"]["reason"] and "5 x 5" in rows["b/tiny.png"]["reason"]
    assert rows["b/more.zip"]["status"] == "left out" and "unpack" in rows["b/more.zip"]["reason"] and "frames" in rows["b/film.AVI"]["reason"] and rows["labels.txt"]["status"] == "copied"
    assert rows["two.png"]["faces"] == "2" and rows["a/hopper.jpg"]["faces"] == "1" and rows["b/collar.jpg"]["faces"] == "0"
    assert len({row["settings"] for row in rows.values()}) == 1 and all(row["reason"] for row in rows.values() if row["status"] not in ("face", "copied"))

def test_the_tree_is_mirrored(whole):
    folder, out, *_ = whole
    rows = read_manifest(out)
    there = {p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file()}
    assert there == {row["file"] for row in rows if row["status"] in ("face", "copied")} | {"manifest.csv", "preprocess.json"}
    for row in rows:
        if row["status"] == "face":
            with Image.open(out/row["file"]) as a, Image.open(folder/row["file"]) as b: assert a.format == b.format and a.size == (64, 64) and a.mode == "RGB"
    assert (out/"labels.txt").read_text() == "a/hopper.jpg 4\n"
    assert json.loads((out/"preprocess.json").read_text()) == dict(size=64, margin=.1, landmarks=5, gray=False, min_size=40, longest=1024)

def test_the_manifest_says_where(whole, hopper):
    folder, out, *_ = whole
    row, = (row for row in read_manifest(out) if row["file"] == "a/face 2.png")
    photo = read_image(folder/row["file"])
    face, = detect(photo, main=True)
    torch.testing.assert_close(torch.tensor([float(row[k]) for k in ("left", "top", "right", "bottom")]), face.box, atol=.02, rtol=0)
    points = torch.tensor([float(v) for v in row["landmarks"].split()]).view(5, 2)
    torch.testing.assert_close(points, face.landmarks, atol=.02, rtol=0)
    assert abs(float(row["score"]) - face.score) < 1e-3 and row["bytes"] == str((folder/row["file"]).stat().st_size)
    assert (read_image(out/row["file"]).int() - align(photo, points, 64, .1).int()).abs().max() <= 1     # a PNG loses nothing
    row, = (row for row in read_manifest(out) if row["file"] == "a/hopper.jpg")
    expected = align(hopper, torch.tensor([float(v) for v in row["landmarks"].split()]).view(5, 2), 64, .1)
    assert (read_image(out/"a"/"hopper.jpg").float() - expected).abs().mean() < 2.5                      # a JPEG little

def test_the_input_is_not_touched(whole):
    folder, out, counts, before, threads_left = whole
    assert snapshot(folder, True) == before and threads_left == 2

def test_twice_gives_the_same_bytes_and_repeats_nothing(whole, tmp_path):
    folder, out, counts, *_ = whole
    assert go(folder, tmp_path/"again") == counts
    assert snapshot(tmp_path/"again") == snapshot(out)
    stamps = {name: stamp for name, (_, stamp) in snapshot(tmp_path/"again", True).items() if name != "manifest.csv"}
    assert go(folder, tmp_path/"again") == counts
    assert stamps == {name: stamp for name, (_, stamp) in snapshot(tmp_path/"again", True).items() if name != "manifest.csv"}

@pytest.mark.slow
def test_in_parallel(whole, tmp_path):
    folder, out, counts, *_ = whole
    assert preprocess(folder, tmp_path/"out", size=64, workers=2, progress=False) == counts
    assert snapshot(tmp_path/"out") == snapshot(out)

KILLED = STUCK.format(room="fer_nb.preprocessing.folders", name="_do_file", calls=6) + """
room.preprocess(sys.argv[1], sys.argv[2], size=64, workers=1, progress=False)
"""

@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="kills by signal")
def test_killed_and_started_again(whole, tmp_path):
    folder, reference, counts, *_ = whole
    out = tmp_path/"out"
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(folder), str(out)])
    wait_for(lambda: (out/"manifest.csv").exists() and (out/"manifest.csv").read_bytes().count(b"\n") >= 5, pause=.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    (out/"a"/".0badcafe.1.part").write_bytes(b"half a face")
    rows = read_manifest(out)
    assert 4 <= len(rows) < sum(counts.values())
    stamps = {row["file"]: (out/row["file"]).stat().st_mtime_ns for row in rows if row["status"] == "face"}
    assert go(folder, out) == counts
    assert snapshot(out) == snapshot(reference) and stamps
    assert stamps == {name: (out/name).stat().st_mtime_ns for name in stamps}

@pytest.mark.parametrize("cut", [1, 30, 200, 400, 700, 1500])
def test_a_manifest_cut_anywhere(whole, tmp_path, cut):
    folder, reference, counts, *_ = whole
    import shutil
    shutil.copytree(reference, tmp_path/"out")
    path = tmp_path/"out"/"manifest.csv"
    path.write_bytes(path.read_bytes()[:-cut])
    assert go(folder, tmp_path/"out") == counts and snapshot(tmp_path/"out") == snapshot(reference)

def test_what_changed_is_done_again(data, tmp_path):
    go(data, tmp_path/"out")
    good = snapshot(tmp_path/"out")
    (tmp_path/"out"/"a"/"hopper.jpg").unlink()
    pil(read_image(data/"a/hopper.jpg")).save(data/"b/damaged.jpg", quality=80)
    counts = go(data, tmp_path/"out")
    assert counts["face"] == 8 and counts["unreadable"] == 1
    assert snapshot(tmp_path/"out")["a/hopper.jpg"] == good["a/hopper.jpg"] and (tmp_path/"out"/"b"/"damaged.jpg").is_file()
    assert [row["file"] for row in read_manifest(tmp_path/"out")] == sorted(row["file"] for row in read_manifest(tmp_path/"out"))

def few(folder, hopper, names=("a.png",)):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names: pil(TF.resize(hopper, [150, 128], antialias=True)).save(folder/name)
    return folder

def test_gray_and_box(hopper, tmp_path):
    folder = few(tmp_path/"in", hopper, ["a.png", "b.jpg"])
    go(folder, tmp_path/"gray", gray=True)
    for name in ("a.png", "b.jpg"):
        with Image.open(tmp_path/"gray"/name) as image: assert image.mode == "L"
    go(folder, tmp_path/"box", landmarks=0, margin=0)
    photo = read_image(folder/"a.png")
    assert (read_image(tmp_path/"box"/"a.png").int() - crop(photo, detect(photo, main=True)[0].box, 64).int()).abs().max() <= 12

def test_sixty_eight(hopper, tmp_path, monkeypatch):
    folder, asked = few(tmp_path/"in", hopper), []
    monkeypatch.setattr(room, "fan", lambda device: asked.append(device))
    monkeypatch.setattr(room, "landmarks68", lambda image, faces: [torch.rand(68, 2, generator=torch.Generator().manual_seed(0)) * 100])
    go(folder, tmp_path/"out", landmarks=68)
    assert len(read_manifest(tmp_path/"out")[0]["landmarks"].split()) == 136 and asked == ["cpu"]
    def missing(device): raise RuntimeError("no weights")
    monkeypatch.setattr(room, "fan", missing)
    with pytest.raises(RuntimeError, match="no weights"): go(folder, tmp_path/"none", landmarks=68)
    assert not (tmp_path/"none").exists()                                     # said at once, not for every file

def test_odd_names(hopper, tmp_path):
    names = ["with space.png", "日本.png", "comma, \"quote\".png", "-dash.png", "x.PNG", "." + "h.png"] + (["new\nline.png", "sep\u2028arator.png", os.fsdecode(b"b\xff.png")] if sys.platform.startswith("linux") else [])
    few(tmp_path/"in", hopper, names)
    assert go(tmp_path/"in", tmp_path/"out") == {"face": len(names)}
    assert sorted(row["file"] for row in read_manifest(tmp_path/"out")) == sorted(names) and all((tmp_path/"out"/name).is_file() for name in names)
    done = snapshot(tmp_path/"out")
    assert go(tmp_path/"in", tmp_path/"out") == {"face": len(names)} and snapshot(tmp_path/"out") == done

def test_links(hopper, tmp_path):
    few(tmp_path/"elsewhere", hopper, ["far.png"])
    folder = few(tmp_path/"in", hopper)
    (folder/"linked").symlink_to(tmp_path/"elsewhere")
    (folder/"circle").symlink_to(folder)
    (folder/"broken.png").symlink_to(tmp_path/"gone.png")
    (tmp_path/"out").mkdir()
    (folder/"result").symlink_to(tmp_path/"out")
    for _ in range(2): assert go(folder, tmp_path/"out") == {"face": 2, "unreadable": 1}
    assert (tmp_path/"out"/"linked"/"far.png").is_file() and not (tmp_path/"out"/"linked").is_symlink()

@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
def test_pipes_do_not_block(hopper, tmp_path):
    folder = few(tmp_path/"in", hopper)
    for name in ("pipe.png", "pipe.txt"): os.mkfifo(folder/name)
    assert go(folder, tmp_path/"out") == {"face": 1, "unreadable": 2}

def test_relative_paths(hopper, tmp_path, monkeypatch):
    few(tmp_path/"in", hopper)
    monkeypatch.chdir(tmp_path)
    assert preprocess("in", "out", size=64, workers=1, progress=False) == {"face": 1} and (tmp_path/"out"/"a.png").is_file()

def test_result_can_be_input(whole, tmp_path):
    _, out, counts, *_ = whole
    again = go(out, tmp_path/"out", margin=.2)
    assert again["copied"] == 1 and again["face"] + again.get("no face", 0) == counts["face"]     # its manifest and settings stay behind

@pytest.mark.filterwarnings("ignore")                                          # the readers miss most of the real sets' pictures
def test_readers_read_the_result(hopper, tmp_path):
    from fer_nb.datasets import kdef, rafdb
    small = TF.resize(hopper, [150, 128], antialias=True)
    for person in ("F01", "M02"):
        for letters in ("AF", "HA", "NE"):
            path = tmp_path/"kdef"/f"A{person}"/f"A{person}{letters}S.JPG"
            path.parent.mkdir(parents=True, exist_ok=True)
            pil(small).save(path)
    for n in (1, 2):
        path = tmp_path/"raf"/"Image"/"aligned"/f"train_0000{n}_aligned.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        pil(small).save(path)
    (tmp_path/"raf"/"EmoLabel").mkdir()
    (tmp_path/"raf"/"EmoLabel"/"list_patition_label.txt").write_text("train_00001.jpg 4\ntrain_00002.jpg 7\n")
    for name, reader in (("kdef", kdef), ("raf", rafdb)):
        go(tmp_path/name, tmp_path/f"{name}-faces")
        before, after = reader(tmp_path/name), reader(tmp_path/f"{name}-faces")
        assert len(after) and torch.equal(before.targets, after.targets) and before.subjects == after.subjects
        assert after.picture(0).size == (64, 64)

def test_progress(hopper, tmp_path, capsys):
    preprocess(few(tmp_path/"in", hopper), tmp_path/"out", size=64, workers=1)
    assert "1/1" in capsys.readouterr().err
    go(tmp_path/"in", tmp_path/"out")
    assert capsys.readouterr().err == ""

def refused(message, folder, out, **how):
    before = snapshot(folder, True) if Path(folder).is_dir() else None
    with pytest.raises(ValueError, match=message): go(folder, out, **how)
    assert before is None or snapshot(folder, True) == before

def test_refusals(hopper, tmp_path):
    folder, out = few(tmp_path/"in", hopper), tmp_path/"out"
    go(folder, out)
    done = snapshot(out, True)
    refused("out: .* was made with size=64, got size=48", folder, out, size=48)
    refused("margin=0.1, landmarks=5, got margin=0.2, landmarks=0", folder, out, margin=.2, landmarks=0)
    refused("out: expected a folder for this input.*a.png", few(tmp_path/"other", hopper, ["b.png"]), out)
    refused("folder: expected a folder with pictures, got .*nowhere, which does not exist", tmp_path/"nowhere", out)
    refused("folder: expected a folder with pictures, got .*a.png, which is a file", folder/"a.png", out)
    assert snapshot(out, True) == done
    refused("out: .*which is", folder, folder)
    refused("out: .*overlaps", folder, folder/"faces")
    refused("out: .*overlaps", folder, tmp_path)
    (tmp_path/"link").symlink_to(folder)
    refused("out: .*overlaps", folder, tmp_path/"link"/"faces")
    refused("out: .*which is", tmp_path/"link", folder)
    assert not (folder/"faces").exists()
    refused("out: expected a folder, got .*a file", folder, tmp_path/"other"/"b.png")
    refused("out: expected a new or empty folder", folder, tmp_path/"other")
    (tmp_path/"strange").mkdir()
    (tmp_path/"strange"/"preprocess.json").write_text("{not json")
    refused("out: expected readable settings", folder, tmp_path/"strange")
    for how, name in ((dict(size=4), "size"), (dict(size=64.), "size"), (dict(margin="wide"), "margin"), (dict(margin=float("nan")), "margin"), (dict(landmarks=6), "landmarks"), (dict(landmarks=True), "landmarks"), (dict(min_size=5), "min_size"),
                      (dict(workers=0), "workers"), (dict(workers=1.5), "workers")): refused(f"^{name}: expected", folder, tmp_path/"new", **how)
    assert not (tmp_path/"new").exists()

def test_folders_without_pictures(tmp_path):
    (tmp_path/"in").mkdir()
    refused("folder: expected pictures", tmp_path/"in", tmp_path/"out")
    (tmp_path/"in"/"all.zip").touch()
    refused("unpack all.zip", tmp_path/"in", tmp_path/"out")
    assert not (tmp_path/"out").exists()
    with pytest.raises(ValueError, match="out: expected a folder that preprocess wrote"): read_manifest(tmp_path)

def test_a_failing_disk_is_not_hidden(hopper, tmp_path, monkeypatch):
    folder = few(tmp_path/"in", hopper)
    def full(*args): raise OSError("no space left on device")
    monkeypatch.setattr(room.os, "replace", full)
    with pytest.raises(OSError, match="no space"): go(folder, tmp_path/"out")
    assert not list((tmp_path/"out").rglob("*.part"))

def test_iphone_pictures_are_not_copied_among_the_faces(hopper, tmp_path, monkeypatch):
    import fer_nb.pictures
    monkeypatch.setattr(fer_nb.pictures, "_add_heif_reader", lambda: False)
    folder = few(tmp_path/"in", hopper)
    for name in ("IMG_0001.HEIC", "b.heif"): (folder/name).write_bytes(b"\0\0\0\x18ftypheic" + bytes(999))
    assert go(folder, tmp_path/"out") == {"face": 1, "unreadable": 2}
    rows = {row["file"]: row for row in read_manifest(tmp_path/"out")}
    assert rows["b.heif"]["reason"] == fer_nb.pictures.HEIF and "pip install pillow-heif" in fer_nb.pictures.HEIF
    assert not (tmp_path/"out"/"b.heif").exists()

@pytest.mark.parametrize("kind", ["avif", "jp2"])
def test_faces_of_newer_kinds(hopper, tmp_path, kind):
    Image.init()
    if f".{kind}" not in Image.registered_extensions(): pytest.skip("this Pillow does not know it")
    folder = few(tmp_path/"in", hopper, ["a." + kind])
    for out in ("one", "two"): assert go(folder, tmp_path/out) == {"face": 1}
    assert snapshot(tmp_path/"one") == snapshot(tmp_path/"two") and read_image(tmp_path/"one"/f"a.{kind}").shape == (3, 64, 64)

def locked(monkeypatch, name):
    real = os.scandir
    def scandir(path):
        if Path(path).name == name: raise PermissionError(13, "Permission denied", path)
        return real(path)
    monkeypatch.setattr(os, "scandir", scandir)

def test_a_subfolder_that_may_not_be_opened(hopper, tmp_path):
    "has a row; once it can be opened its pictures are done, and the row is gone"
    folder = few(tmp_path/"in", hopper, ["a.png"])
    few(folder/"locked", hopper, ["b.png"])
    with pytest.MonkeyPatch.context() as patch:
        locked(patch, "locked")
        for _ in range(2): assert go(folder, tmp_path/"out") == {"face": 1, "unreadable": 1}
        assert [(row["file"], row["reason"]) for row in read_manifest(tmp_path/"out")] == [("a.png", ""), ("locked", "folder cannot be opened: Permission denied")]
        locked(patch, "in")
        refused("^folder: expected a folder with pictures, got .*in: folder cannot be opened: Permission denied$", folder, tmp_path/"out")
    assert go(folder, tmp_path/"out") == {"face": 2} and [row["file"] for row in read_manifest(tmp_path/"out")] == ["a.png", "locked/b.png"]

def test_the_reason_says_how_large_a_face_was_sought(tmp_path):
    folder = tmp_path/"in"
    folder.mkdir()
    for name, size in (("small.png", (300, 200)), ("large.png", (2048, 100))): Image.new("RGB", size).save(folder/name)
    go(folder, tmp_path/"out")
    assert [row["reason"] for row in read_manifest(tmp_path/"out")] == ["found no face of at least 40 pixels in 2048 x 100", "found no face of at least 40 pixels in 300 x 200"]

def in_large_photo(face, width, size):
    "A face of some width in a gray photograph of some size (height, width), in its middle."
    photo = torch.full((3, *size), 120, dtype=torch.uint8)
    small = TF.resize(face, [round(face.shape[1] * width / face.shape[2]), width], antialias=True)
    top, left = (size[0] - small.shape[1]) // 2, (size[1] - small.shape[2]) // 2
    photo[:, top:top + small.shape[1], left:left + width] = small
    return photo

def test_small_faces_in_large_photographs(hopper, tmp_path):
    "the face fills 40 to 94 pixels of 2400, and after shrinking too few"
    folder, photo = tmp_path/"in", in_large_photo(hopper, 100, (900, 2400))
    folder.mkdir()
    pil(photo).save(folder/"a.png")
    assert go(folder, tmp_path/"out") == {"face": 1}
    (row,) = read_manifest(tmp_path/"out")
    assert 30 <= float(row["right"]) - float(row["left"]) < 94 and 1150 <= float(row["left"]) and float(row["right"]) <= 1250
    assert len(detect(photo)) == 1 and detect(TF.resize(photo, [384, 1024], antialias=True)) == []

@pytest.mark.slow
@pytest.mark.parametrize("width", [400, 120, 60])
def test_a_face_in_twelve_megapixels(photos, tmp_path, width):
    "the width of the face, in pixels; the case that was wrong said: no face"
    folder, face = tmp_path/"in", photos["astronaut"][:, :200, 130:330]
    folder.mkdir()
    pil(in_large_photo(face, round(200 * width / 86), (3024, 4032))).save(folder/"a.jpg", quality=92)
    assert go(folder, tmp_path/"out") == {"face": 1}
    (row,) = read_manifest(tmp_path/"out")
    assert .6 * width < float(row["right"]) - float(row["left"]) < 1.5 * width and row["faces"] == "1"

def test_settings_of_an_older_version_are_gone_on_with(hopper, tmp_path):
    "they did not know of `longest`"
    folder, out = few(tmp_path/"in", hopper, ["a.bmp"]), tmp_path/"out"
    go(folder, out)
    old = {k: v for k, v in json.loads((out/"preprocess.json").read_text()).items() if k != "longest"}
    (out/"preprocess.json").write_text(json.dumps(old))
    assert go(folder, out) == {"face": 1}
    refused("was made with longest=1024, got longest=2000", folder, out, longest=2000)

def test_a_part_file_of_the_input_is_kept(hopper, tmp_path):
    folder = few(tmp_path/"in", hopper)
    (folder/".labels.part").write_text("ours")
    for _ in range(2): assert go(folder, tmp_path/"out") == {"face": 1, "copied": 1}
    assert (tmp_path/"out"/".labels.part").read_text() == "ours"

def test_a_picture_replaced_by_one_of_equal_size_is_done_again(hopper, tmp_path):
    folder, out = few(tmp_path/"in", hopper, ["a.bmp", "b.bmp"]), tmp_path/"out"
    go(folder, out)
    before, stamps = read_manifest(out), snapshot(out, True)
    picture = Image.open(folder/"a.bmp").transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    picture.save(folder/"a.bmp")
    go(folder, out)
    (a0, b0), (a1, b1) = before, read_manifest(out)
    assert a0["bytes"] == a1["bytes"] and a1["crc32"] == f"{zlib.crc32((folder/'a.bmp').read_bytes()):08x}" != a0["crc32"] and b0 == b1
    now = snapshot(out, True)
    assert now["a.bmp"][0] != stamps["a.bmp"][0] and now["b.bmp"] == stamps["b.bmp"]

def test_a_manifest_without_checksums_is_gone_on_with(hopper, tmp_path):
    "as versions before them wrote it; they are filled in"
    folder, out = few(tmp_path/"in", hopper, ["a.bmp", "b.bmp"]), tmp_path/"out"
    go(folder, out)
    whole, stamps = (out/"manifest.csv").read_bytes(), snapshot(out, True)
    rows = list(csv.DictReader(whole.decode().splitlines()))
    columns = [name for name in room.COLUMNS if name != "crc32"]
    (out/"manifest.csv").write_text("\n".join([",".join(columns), *(",".join(row[name] for name in columns) for row in rows)]) + "\n")
    assert [row.get("crc32") for row in read_manifest(out)] == [None, None]
    assert go(folder, out) == {"face": 2} and (out/"manifest.csv").read_bytes() == whole
    assert all(snapshot(out, True)[name] == stamps[name] for name in ("a.bmp", "b.bmp"))

def test_files_of_the_users_own_with_our_names_are_named(hopper, tmp_path):
    folder = few(tmp_path/"in", hopper)
    (folder/"manifest.csv").write_text("mine")
    for _ in range(2): assert go(folder, tmp_path/"out") == {"face": 1, "left out": 1}
    rows = {row["file"]: row for row in read_manifest(tmp_path/"out")}
    assert rows["manifest.csv"]["reason"] == "preprocess writes a file of that name" and (folder/"manifest.csv").read_text() == "mine"
    assert go(tmp_path/"out", tmp_path/"third", min_size=12).get("left out") is None # faces as an input: both files are ours

@pytest.mark.skipif(sys.platform == "win32", reason="names that Windows does not allow")
def test_names_that_a_spreadsheet_would_run(tmp_path):
    "have an apostrophe in the file, and their own name for those who read it with us"
    names = sorted(["=cmd|' !A1.txt", "+1.txt", "-1.txt", "@SUM(A1).txt", "'=a.txt", "'a.txt", "b=.txt"])
    (tmp_path/"in").mkdir()
    for name in names: (tmp_path/"in"/name).write_text(name)
    Image.new("RGB", (30, 30)).save(tmp_path/"in"/"z.png")
    for _ in range(2): assert go(tmp_path/"in", tmp_path/"out") == {"copied": 7, "no face": 1}
    assert [row["file"] for row in read_manifest(tmp_path/"out")] == [*names, "z.png"]
    cells = [row[0] for row in csv.reader((tmp_path/"out"/"manifest.csv").read_text().splitlines())][1:]
    assert not [cell for cell in cells if cell[0] in "=+-@"] and sorted(cells) == sorted(["'=cmd|' !A1.txt", "'+1.txt", "'-1.txt", "'@SUM(A1).txt", "''=a.txt", "'a.txt", "b=.txt", "z.png"])

def test_a_table_of_another_kind_is_no_manifest(tmp_path):
    (tmp_path/"manifest.csv").write_text("name,age\nx,3\n")
    with pytest.raises(ValueError, match="^out: expected a manifest that preprocess wrote, got .*manifest.csv with other columns$"): read_manifest(tmp_path)
