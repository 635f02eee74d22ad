"Names of action units, F1, and the readers of OpenFace's and py-feat's files."
import math
import warnings

import pytest
import torch
from torch.testing import assert_close

from fer_nb import faces
from fer_nb.large_margin import EMOTIONET_AUS, PSEUDO_EMOTIONS, SMALL_AUS, PseudoEmotions, au_name, f1_averages, f1_per_au, f1_text, read_aus

NAN = float("nan")


# ---- F1

def test_f1_counts():
    g = torch.Generator().manual_seed(0)
    said, there = torch.rand(40, 5, generator=g), (torch.rand(40, 5, generator=g) < .4).float()
    there[::7] = NAN
    f1 = f1_per_au(said, there, .6)
    for k in range(5):
        pairs = [(s >= .6, t == 1) for s, t in zip(said[:, k].tolist(), there[:, k].tolist()) if not math.isnan(t)]
        right, claims, facts = (sum(map(f, pairs)) for f in (all, lambda p: p[0], lambda p: p[1]))
        precision, recall = right / claims, right / facts
        assert f1[k] == pytest.approx(2 * precision * recall / (precision + recall), rel=1e-6)
    assert f1_per_au(torch.zeros(3, 1), torch.zeros(3, 1)).isnan().all() and f1_per_au(torch.ones(3, 1), torch.zeros(3, 1)) == 0
    assert f1_per_au(torch.ones(3, 1, dtype=torch.bool), torch.ones(3, 1)) == 1


def test_averages_of_the_paper():
    island = torch.tensor((30.4, 29.5, 56.7, 30.6, 66.7, 44.1, 77.3, 26.7, 23.8, 83.9, 47.3, 43.9), dtype=torch.float64)
    small, full = f1_averages(island, EMOTIONET_AUS)
    assert round(small, 2) == 56.13 and round(full, 2) == 46.74
    few = f1_averages(island[:3], EMOTIONET_AUS[:3])
    assert math.isnan(few[0]) and math.isnan(few[1])
    some = [EMOTIONET_AUS.index(n) for n in SMALL_AUS]
    small, full = f1_averages(island[some], SMALL_AUS)
    assert round(small, 2) == 56.13 and math.isnan(full)
    text = f1_text({"ours": island[some] / 100}, SMALL_AUS).splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in text]
    assert cells[0][:3] == ["method", "AU1", "AU4"] and cells[2][-2:] == ["56.1", "n/a"] and text[1].count("| --") == 10 and len(set(map(len, text))) == 1


# ---- CSV files

OPENFACE_R, OPENFACE_C = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26, 45), (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26, 28, 45)
PYFEAT = (1, 2, 4, 5, 6, 7, 9, 10, 11, 12, 14, 15, 17, 20, 23, 24, 25, 26, 28, 43)


def openface(path, rows, image=False, blank=" ", bom=False, end="\n"):
    "A file as OpenFace writes it; rows: (frame, face, confidence, success, {AU: intensity})."
    names = ["face", "confidence"] if image else ["frame", "face_id", "timestamp", "confidence", "success"]
    names += ["gaze_0_x", "gaze_angle_x", "pose_Tx", "x_0", "X_0", "p_scale"] + [f"AU{n:02d}_r" for n in OPENFACE_R] + [f"AU{n:02d}_c" for n in OPENFACE_C]
    lines = [f",{blank}".join(names)]
    for frame, face, confidence, success, au in rows:
        head = [str(face), f"{confidence:.3f}"] if image else [str(frame), str(face), f"{frame / 30:.3f}", f"{confidence:.2f}", str(success)]
        lines.append(f",{blank}".join(head + ["0.1"] * 6 + [f"{au.get(n, 0):.2f}" for n in OPENFACE_R] + [f"{float(au.get(n, 0) >= 1):.1f}" for n in OPENFACE_C]))
    path.write_bytes((b"\xef\xbb\xbf" if bom else b"") + (end.join(lines) + end).encode())
    return path


def pyfeat(path, rows, index=False):
    "A file as py-feat writes it; rows: (input, frame, score or None, identity, {AU: intensity})."
    names = ([""] if index else []) + ["FaceRectX", "FaceRectY", "FaceRectWidth", "FaceRectHeight", "FaceScore", "Pitch"] + [f"AU{n:02d}" for n in PYFEAT] + ["anger", "neutral", "input", "frame", "Identity"]
    lines = [",".join(names)]
    for i, (name, frame, score, identity, au) in enumerate(rows):
        gone = score is None
        cells = ([str(i)] if index else []) + ["" if gone else "10.5"] * 4 + ["" if gone else str(score), "" if gone else "0.1"]
        lines.append(",".join(cells + ["" if gone else str(au.get(n, 0.)) for n in PYFEAT] + ["" if gone else "0.5"] * 2 + [name, frame, identity]))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("blank", ["", " "])
@pytest.mark.parametrize("bom", [False, True])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_openface_video(tmp_path, blank, bom, end):
    rows = [(1, 0, .98, 1, {6: 2.5, 12: 5., 45: 1.}), (2, 0, .02, 0, {}), (3, 0, .9, 1, {4: 1.})]
    table = read_aus(openface(tmp_path / "clip.csv", rows, blank=blank, bom=bom, end=end))
    assert table.aus == faces.AU_NAMES and table.pictures == ["clip#1", "clip#2", "clip#3"] and table.faces == ["0"] * 3
    assert table.found.tolist() == [True, False, True] and table.au[1].isnan().all() and table.missing == ("AU16", "AU24", "AU43")
    value = dict(zip(table.aus, table.au[0].tolist()))
    assert value["AU6"] == .5 and value["AU12"] == 1 and value["AU4"] == 0 and math.isnan(value["AU43"])
    assert_close(table.confidence, torch.tensor([.98, .02, .9]))
    present = read_aus(tmp_path / "clip.csv", ["AU12", "AU28", "AU4"], presence=True)
    assert present.au.tolist()[0] == [1, 0, 0] and present.au.tolist()[2] == [0, 0, 1] and present.au[1].isnan().all() and present.missing == ()
    found = PseudoEmotions(table.aus).classes(table.au)
    assert found.classes.tolist()[:2] == [PSEUDO_EMOTIONS.index("happiness"), -1]


def test_openface_picture_with_several_faces(tmp_path):
    table = read_aus(openface(tmp_path / "group.csv", [(0, 0, .5, 1, {4: 1.}), (0, 1, .9, 1, {12: 2.})], image=True), ["AU4", "AU12"])
    assert table.pictures == ["group"] * 2 and table.faces == ["0", "1"] and table.found.all()
    best = table.one_per_picture()
    assert best.faces == ["1"] and best.pictures == ["group"] and best.confidence.tolist() == pytest.approx([.9])
    assert_close(best.au, torch.tensor([[0., .4]]))


def test_openface_of_the_first_version(tmp_path):
    "No face_id; header with blanks, rows without; the confident face is a failed one."
    path = tmp_path / "old.csv"
    path.write_text("frame, timestamp, confidence, success, AU01_r, AU02_r, AU28_c\n1,0,0.883333,1,0.6773,0.4275,0\n2,0.001,0.99,0,0,0,0\n")
    table = read_aus(path, ["AU1", "AU2", "AU4"])
    assert_close(table.au[0, :2], torch.tensor([.6773, .4275]) / 5)
    assert table.missing == ("AU4",) and table.pictures == ["old#1", "old#2"] and table.found.tolist() == [True, False]


@pytest.mark.parametrize("index", [False, True])
def test_pyfeat(tmp_path, index):
    rows = [("shots/a.jpg", "0", .99, "Person_0", {6: .7, 12: .9}), ("shots/a.jpg", "0", .6, "Person_1", {4: 1.}), ("C:\\shots\\b.jpg", "1.0", None, "", {}), ("shots/c.jpg", "2", .8, "", {43: .5})]
    table = read_aus(pyfeat(tmp_path / "out.csv", rows, index))
    assert table.pictures == ["a.jpg#0", "a.jpg#0", "b.jpg#1", "c.jpg#2"] and table.faces == ["Person_0", "Person_1", "0", "0"] and table.missing == ("AU16",)
    assert table.found.tolist() == [True, True, False, True] and table.confidence[2].isnan()
    value = dict(zip(table.aus, table.au[0].tolist()))
    assert value["AU6"] == pytest.approx(.7) and value["AU12"] == pytest.approx(.9) and table.au[3, faces.AU_NAMES.index("AU43")] == .5
    best = table.one_per_picture()
    assert best.pictures == ["a.jpg#0", "b.jpg#1", "c.jpg#2"] and best.faces[0] == "Person_0" and best.found.tolist() == [True, False, True]


def test_a_found_face_is_preferred_to_a_confident_failure(tmp_path):
    table = read_aus(openface(tmp_path / "v.csv", [(1, 0, .99, 0, {}), (1, 1, .4, 1, {12: 1.})])).one_per_picture()
    assert table.faces == ["1"] and table.found.all()


# ---- bad input

BAD = [
    (lambda: au_name("brow"), "au: expected the name of an action unit, like AU1 or AU01, got 'brow'"),
    (lambda: au_name("AU0"), "au: .*got 'AU0'"),
    (lambda: f1_per_au(torch.zeros(4), torch.zeros(4)), r"predicted: expected \(N, A\), one column per action unit, as many as in au, got \(4,\)"),
    (lambda: f1_per_au(torch.zeros(4, 2), torch.zeros(4, 3)), r"predicted: .*got \(4, 2\)"),
    (lambda: f1_per_au(torch.zeros(4, 2), torch.zeros(4, 2) * 1j), "au: expected real numbers, got torch.complex64"),
    (lambda: f1_averages(torch.zeros(3), ["AU1", "AU2"]), r"f1: expected a tensor .2,., got shape \(3,\)"),
]


@pytest.mark.parametrize("number", range(len(BAD)))
def test_bad_input_is_named(number):
    call, message = BAD[number]
    with pytest.raises(ValueError, match=message): call()


HEAD = "frame, face_id, timestamp, confidence, success, AU01_r, AU02_r\n"
FILES = [
    ("", {}, "path: expected a CSV file with a header, got the empty file"),
    ("name,age\nx,3\n", {}, r"path: expected a CSV file of OpenFace \(columns AU01_r …\) or py-feat \(columns AU01 …\), got .* with the columns name, age"),
    (HEAD, {}, "path: expected at least one row below the header, got none"),
    (HEAD + "1, 0, 0, .9, 1, 2.0\n", {}, "line 2 of .*: expected 7 cells as in the header, got 6"),
    (HEAD + "1, 0, 0, .9, 1, , 1.0\n2, 0, 0, .9, 1, much, 1.0\n3, 0, 0, .9, 1, more, 1.0\n", {}, "AU01_r in line 3 of .*: expected a number, got 'much'"),
    (HEAD + "1, 0, 0, .9, 1, 7.5, 1.0\n2, 0, 0, .9, 1, 7.6, 1.0\n", {}, "AU01_r in line 2 of .*: expected a number from 0 to 5, got 7.5"),
    (HEAD + "1, 0, 0, .9, yes, 0.5, 1.0\n2, 0, 0, .9, no, 0.5, 1.0\n", {}, "success in line 2 of .*: expected a number, got 'yes'"),
    (HEAD + "1, 0, 0, .9, 1, 0.5, 1.0\n", dict(aus=["AU9"]), "aus: expected at least one action unit that .* has, got AU9"),
    (HEAD + "1, 0, 0, .9, 1, 0.5, 1.0\n", dict(presence=True), "aus: expected at least one action unit that"),
    (HEAD + "1, 0, 0, .9, 1, 0.5, 1.0\n", dict(aus="AU1"), "aus: expected a list of action units"),
    ("FaceScore,AU01,AU02\n.9,1.5,0\n.9,2.5,0\n", {}, "AU01 in line 2 of .*: expected a number from 0 to 1, got 1.5"),
    ("FaceScore,AU01,AU02\n.9,.5,0\n", dict(presence=True), "presence: expected False for a file of py-feat, it has no columns of presence, got True"),
    ("FaceScore,AU01,AU01\n.9,.5,0\n", {}, "path: expected every column once, got AU01 twice"),
    (b"\xff\xfe\x00F", {}, "path: expected a CSV file, got .*"),
    (None, {}, "path: expected a CSV file, got .*No such file"),
]


@pytest.mark.parametrize("number", range(len(FILES)))
def test_bad_files_are_named(number, tmp_path):
    content, arguments, message = FILES[number]
    path = tmp_path / "bad.csv"
    if content is not None: path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match=message): read_aus(path, **arguments)


def test_minus_nan_is_a_missing_value_without_a_word(tmp_path):
    "OpenFace on Windows writes -nan(ind): its issue 301"
    path = tmp_path / "video.csv"
    path.write_text(HEAD + "1, 0, 0, -nan(ind), 1, -nan(ind), 1.0\n2, 0, 0, .9, 1, 0.5, NAN(snan)\n")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = read_aus(path, ["AU1", "AU2"])
    assert table.au.isnan().tolist() == [[True, False], [False, True]] and table.confidence.isnan().tolist() == [True, False]
    assert_close(table.au.nan_to_num(9.), torch.tensor([[9., .2], [.1, 9.]]))


@pytest.mark.parametrize("cell", ["much", "7.5", "-1", "#REF!", "inf", "1e400", "0,5"])
def test_one_bad_cell_refuses_nothing(cell, tmp_path):
    "not even in a file of one face, as OpenFace writes for one picture: there no other row says whether the column is nonsense"
    path = tmp_path / "photo.csv"
    path.write_text(HEAD + f'1, 0, 0, .9, 1,"{cell}", 1.0\n')
    with pytest.warns(UserWarning, match=r"photo.csv: 1 cells hold nothing that makes sense and count as missing \(the first: AU01_r in line 2 of "): table = read_aus(path, ["AU1", "AU2"])
    assert table.au.isnan().tolist() == [[True, False]] and table.found.tolist() == [True] and table.au[0, 1] == .2


def test_single_cells_that_make_no_sense_are_missing_and_counted(tmp_path):
    path = tmp_path / "video.csv"
    path.write_text(HEAD + "1, 0, 0, .9, 1, 0.5, 1.0\n2, 0, 0, .9, 1, 7.5, 2.0\n3, 0, 0, much, 1, -1, 3.0\n4, 0, 0, .9, 3, 1.0, 4.0\n5, 0, 0, .9, 0, x, x\n")
    with pytest.warns(UserWarning, match=r"^video.csv: 4 cells .* missing \(the first: AU01_r in line 3 of .*video.csv: expected a number from 0 to 5, got 7.5\)$") as said:
        table = read_aus(path, ["AU1", "AU2"])
    assert len(said) == 1 and said[0].filename == __file__ # cells of the failed fifth frame are not read
    assert_close(table.au.nan_to_num(9.), torch.tensor([[.1, .2], [9., .4], [9., .6], [9., 9.], [9., 9.]])) # success 3 is none
    assert table.found.tolist() == [True, True, True, False, False] and table.confidence.isnan().tolist() == [False, False, True, False, False]
