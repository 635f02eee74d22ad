"One's own face: the table is complete, the test part is nobody's lesson, and what the lab says of it holds."
import own_face as room
import pytest
import torch

from fer_nb.faces import AU_NAMES
from fer_nb.files import read_csv
from fer_nb.own_face import Fit, Lessons

ROWS = read_csv(room.RESULTS)


def mean(way, measure, zero="none"):
    "Seed → mean over action units."
    rows = [r for r in ROWS if (r["way"], r["zero"]) == (way, zero) and r[measure] != ""]
    return {seed: sum(float(r[measure]) for r in rows if r["seed"] == seed) / sum(r["seed"] == seed for r in rows) for seed in {r["seed"] for r in rows}}

def test_the_table_is_complete():
    zeros = {way: ("none",) if way in ("before, few", "twin") else ("none", "scores", "features") for way in room.ALL}
    seeds = {r["seed"] for r in ROWS}
    assert seeds == {str(n) for n in range(room.SEEDS)}
    wanted = {(seed, way, zero, au) for seed in seeds for way in room.ALL for zero in zeros[way] for au in AU_NAMES}
    assert {(r["seed"], r["way"], r["zero"], r["au"]) for r in ROWS} == wanted and len(ROWS) == len(wanted)

def test_scores_from_zero_have_the_same_correlation():
    for way in ("before", "AdaBN", "CORAL"): assert mean(way, "correlation") == pytest.approx(mean(way, "correlation", "scores"), abs=2e-4)

def test_a_cell_learns_from_practice_alone(monkeypatch):
    "With a reader and crops of its own: what is handed to adaptation and calibration, and what is measured."
    resting, practice, test = (torch.full((n, 3, 48, 48), n, dtype=torch.uint8) for n in (5, 7, 12))
    truth, heard = torch.rand(12, 18), {}
    monkeypatch.setattr(room, "person", lambda seed: (resting, practice, test, truth, 1.))
    monkeypatch.setattr(room, "train_reader", lambda seed: "reader")
    monkeypatch.setattr(room, "lessons", lambda: Lessons(None, None, None))
    monkeypatch.setattr(room, "adapt", lambda reader, way, frames, known, seed: heard.update(way=way, frames=frames) or "adapted")
    monkeypatch.setattr(room, "calibrate", lambda reader, crops, known: heard.update(crops=crops, by=reader) or type("Zero", (), dict(scores=torch.ones(18))))
    monkeypatch.setattr(room, "read", lambda reader, crops: truth[:len(crops)].clone())
    monkeypatch.setattr(room, "read_from_zero", lambda reader, zero, crops: -truth)
    monkeypatch.setattr(room, "prepared", lambda crops: crops)
    monkeypatch.setattr(room, "fit_twin", lambda x, au: Fit(1 - au, x))
    rows = room.cell(dict(seed=3, way="CORAL"))
    assert heard["frames"] is practice and heard["crops"] is resting and heard["by"] == "adapted" and heard["way"] == "CORAL"
    found = {zero: {r["correlation"] for r in rows if r["zero"] == zero} for zero in ("none", "scores", "features")}
    assert found == {"none": {1.}, "scores": {1.}, "features": {-1.}} and len(rows) == 54 and set(rows[0]) == set(room.FIELDS)

def test_what_the_lab_says_of_the_table():
    "Every way gains in F1, and the control nearly as much; correlation hardly moves, and AdaBN by one person's frames alone is worse than the control."
    from fer_nb.tables import paired
    for way in ("AdaBN", "AdaBN, half", "CORAL", "UDAT-AS", "more lessons"):
        gain, low, high = paired(mean(way, "f1"), mean("before", "f1"))
        assert .105 < gain < .155 and low > 0
        _, low, high = paired(mean(way, "correlation"), mean("before", "correlation"))
        assert low < 0 < high
    for way in ("AdaBN", "AdaBN, half"):
        _, low, high = paired(mean(way, "f1"), mean("more lessons", "f1"))
        assert low < 0 < high
    gain, low, high = paired(mean("AdaBN", "correlation"), mean("more lessons", "correlation"))
    assert high < 0
