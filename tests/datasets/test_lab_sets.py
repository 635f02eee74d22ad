"Sets from laboratories: fer_nb.datasets.lab_sets, from the installed package."
import shutil
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

import dataset_trees as trees
from dataset_trees import names, picture, problems, read, shown, write
from fer_nb.datasets import ckplus, jaffe, kdef, mmi, open_frame, tfeid


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

def test_jaffe(tmp_path):
    data = read(jaffe, trees.jaffe(tmp_path))
    found = dict(zip(names(data), zip(data.targets.tolist(), data.subjects)))
    assert len(data) == 28 and found["KA.AN1.3.tiff"] == (1, "KA") and found["YM.FE2.22.tiff"] == (3, "YM")
    picture(tmp_path / "KR.SU3.90..tiff", 6); picture(tmp_path / "KA.XX1.3.tiff"); picture(tmp_path / "montage.png") # a doubled dot is understood
    data = read(jaffe, tmp_path)
    assert len(data) == 29 and set(problems(data)) == {"KA.XX1.3.tiff", "montage.png"}

def test_jaffe_renamed(tmp_path):
    data = read(jaffe, trees.jaffe_renamed(tmp_path))
    assert len(data) == 28 and shown(data) == data.targets.tolist() and set(data.subjects) == {"KA", "YM"} and not data.report.notes
    for name in ("KATE HAPPY.png", "XX.AN1.39.png", "KAANNE.png", "IMG_0001.png"): picture(tmp_path / name)
    assert set(problems(read(jaffe, tmp_path))) == {"KATE HAPPY.png", "XX.AN1.39.png", "KAANNE.png", "IMG_0001.png"}

def test_jaffe_without_its_names(tmp_path):
    with pytest.warns(UserWarning, match="JAFFE: nobody says who is in 14 of its pictures, so it cannot be split by person"): data = jaffe(trees.jaffe_folders(tmp_path))
    assert shown(data) == data.targets.tolist() and data.subjects is None and data.report.layout == "one folder per emotion"

def test_ck48(tmp_path):
    with pytest.warns(UserWarning, match="CK.: no neutral faces: this copy, CK.48, holds the last three frames of each sequence"): data = ckplus(trees.ck48(tmp_path))
    assert data.targets.tolist() == [2, 4, 6] == shown(data) and data.subjects == ["S005", "S011", "S010"] and data.report.dropped == {"earlier frames": 6, "pictures of contempt": 3}
    assert [name[-6:] for name in names(data)] == ["11.png"] * 3 and "no neutral" in str(data.report)
    assert "309 pictures, found 3" in data.report.differences and not any("neutral" in line for line in data.report.differences)
    three = read(ckplus, tmp_path, peaks=3)
    assert len(three) == 9 and "927 pictures, found 9" in three.report.differences and three.report.dropped == {"pictures of contempt": 3}
    assert not read(ckplus, trees.ckplus(tmp_path / "whole")).report.notes

def test_tfeid(tmp_path):
    data = read(tfeid, trees.tfeid(tmp_path))
    assert len(data) == 14 and data.report.dropped == {"pictures of contempt": 2} and set(data.subjects) == {"F01", "M12"}
    for word, label in (("Angry", 1), ("happiness", 4), ("Surprised faces", 6), ("Contempt", None)): picture(tmp_path / "2" / word / "f02.jpg", label or 0)
    picture(tmp_path / "2/others/f02.jpg")
    data = read(tfeid, tmp_path)
    assert len(data) == 17 and shown(data) == data.targets.tolist() and data.report.dropped == {"pictures of contempt": 3} and set(problems(data)) == {"2/others/f02.jpg"}

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
    with pytest.raises(OSError, match="frame 99 of .*S001-001.avi cannot be read"): open_frame(str(tmp_path / "Sessions/1/S001-001.avi:99"))
    (tmp_path / "Sessions/1/S001-001.avi").write_bytes(b"")
    with pytest.raises(ValueError, match="no session has a film or frames .*First problem: .*found 0"): mmi(tmp_path)

def test_mmi_films_without_opencv(tmp_path, monkeypatch):
    trees.session(tmp_path, 1, "S001-001", 5)
    (tmp_path / "Sessions/1/S001-001.avi").touch()
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(ValueError, match=r'pip install "fer_nb\[faces\]", or extract the frames: ffmpeg'): mmi(tmp_path)
