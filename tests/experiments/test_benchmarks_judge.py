"The judge's own arithmetic, without any judge: what bias removal, confusion, spread and distances are, by hand."
import json

import numpy as np
import pytest
import torch

import judge as room
from fer_nb.faces import AU_NAMES, DOMAINS, EMOTIONS


def test_bias_removal_by_hand():
    logits = np.array([[3., 1.], [5., 4.], [4., 1.]]) # likes the first class: all three are called 0
    assert logits.argmax(1).tolist() == [0, 0, 0]
    np.testing.assert_allclose(room.unbiased(logits), [[-1, -1], [1, 2], [0, -1]])
    assert room.unbiased(logits[1:]).argmax(1).tolist() == [1, 0]

def test_bias_removal_knows_no_bias_that_was_added():
    logits = np.random.default_rng(0).normal(size=(70, 7))
    np.testing.assert_allclose(room.unbiased(logits + np.arange(7) * 100), room.unbiased(logits))
    shift = np.random.default_rng(1).normal(size=(70, 1)) # log-probabilities are logits less a number of the picture
    assert (room.unbiased(logits + shift).argmax(1) == room.unbiased(logits).argmax(1)).all()

def test_confusion_by_hand():
    table = room.confusion([0, 0, 0, 1, 1], [0, 2, 2, 1, 1], 4)
    np.testing.assert_allclose(table, [[1/3, 0, 2/3, 0], [0, 1, 0, 0], [0] * 4, [0] * 4]) # rows: what was drawn

def test_accuracy_is_a_mean_over_people():
    right, people = np.array([1, 1, 1, 1, 0, 1]), np.array([5, 5, 5, 5, 9, 9])
    mean, error = room.accuracy(right, people)
    assert mean == pytest.approx(.75) # (1 + .5) / 2, not 5/6
    assert error == pytest.approx(np.std([1, .5], ddof=1) / 2 ** .5)

def test_distance_is_in_eye_distances():
    truth = np.array([[[10., 10], [30, 10], [20, 20], [12, 30], [28, 30]]])
    assert room.off(truth + [0, 2], truth) == pytest.approx(.1) and room.off(truth, truth) == 0

def test_five_points_of_68():
    points = np.zeros((1, 68, 2))
    points[0, :, 0] = np.arange(68)
    assert room.five(points)[0, :, 0].tolist() == [38.5, 44.5, 30, 48, 54]

def test_outputs_are_put_in_our_order():
    assert sorted(room.FER) == sorted(room.FACE_API) == sorted(EMOTIONS)
    for names in (room.FER, room.FACE_API):
        logits = np.array([[EMOTIONS.index(name) for name in names]])
        assert room.in_order(logits, names).tolist() == [list(range(7))]

def test_every_action_has_a_blendshape(): assert tuple(room.BLENDSHAPES) == AU_NAMES


# ---- tables

@pytest.fixture
def judged():
    "Two people of every domain; a judge that reads all but anger, which it calls sadness."
    labels, people = np.tile(np.arange(7), 2), np.repeat([3, 4], 7)
    logits = np.eye(7)[np.where(labels == 1, 5, labels)]
    return {name: (logits, labels, people) for name in DOMAINS}

def test_accuracy_rows(judged):
    raw, unbiased = room.accuracy_rows("x", judged)
    assert raw == "| x, raw | " + " | ".join(["86 ± 0"] * 6) + " | 86 |" and unbiased.startswith("| x, bias removed |")

def test_recall_rows_name_the_confusion(judged):
    rows = room.recall_rows(judged, lambda z: z)
    assert rows[3] == "| anger | " + " | ".join(["0 (sadness 100)"] * 7) + " |" and rows[4].startswith("| disgust | 100 (")

def test_confusion_rows(judged):
    assert room.confusion_rows(judged, lambda z: z)[3] == "| anger | 0 | 0 | 0 | 0 | 0 | 100 | 0 |"

def test_dose_rows_mark_what_moves_most():
    logits = {("rest", 0.): np.zeros((12, 7))}
    for name in AU_NAMES:
        for dose in room.DOSES: logits[name, dose] = np.zeros((12, 7)) + np.array([0, 0, 0, 0, 2 * dose, -dose, 0])
    assert room.dose_rows(logits)[2].split(" | ")[5] == "**+2.0 ± 0.0** (+0.5 +1.0 +1.5)"

def test_blendshape_rows_skip_faces_not_found():
    shapes = {("rest", 0.): [{"a": .1} | dict.fromkeys(room.BLENDSHAPES.values(), .2), None]}
    for name in AU_NAMES:
        for dose in room.DOSES: shapes[name, dose] = [{"a": .6} | dict.fromkeys(room.BLENDSHAPES.values(), .2 + .4 * dose)] * 2
    row = room.blendshape_rows(shapes)[2]
    assert row.startswith("| AU1 | browInnerUp | 0.20, 0.30, 0.40, 0.50, 0.60 |") and "a +0.50" in row


# ---- where judges are missing

def test_says_in_words_what_is_missing(tmp_path, monkeypatch):
    assert len(room.missing(tmp_path)) == 2 and "npm" in room.missing(tmp_path)[0] and "pip" in room.missing(tmp_path)[1]
    monkeypatch.setattr("sys.argv", ["judge.py", str(tmp_path)])
    with pytest.raises(SystemExit, match="lacks what the line with npm"): room.main()

def test_a_short_answer_of_node_is_an_error(monkeypatch, tmp_path):
    class Done: stdout = json.dumps([0.] * 7) + "\n"
    monkeypatch.setattr(room.subprocess, "run", lambda *args, **kw: Done)
    images = torch.zeros(2, 3, 64, 64, dtype=torch.uint8)
    with pytest.raises(RuntimeError, match="expected 2 lines, got 1"): room.face_api(str(tmp_path), images, "expressions")
    assert room.face_api(str(tmp_path), images[:1], "expressions").tolist() == [[0.] * 7]
