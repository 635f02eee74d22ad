"The table of adaptation between real digits: complete, and its choices by hand."
import pytest

import real_digits as room
from fer_nb.adaptation import SCORERS
from fer_nb.files import read_csv
from house import ROOT

SHIPPED = read_csv(ROOT/"data_samples/real_digits.csv")


def test_the_shipped_table_is_complete():
    there = {(r["source"], r["target"], r["method"], float(r["lambd"]), int(r["seed"])) for r in SHIPPED}
    assert len(SHIPPED) == len(there) == 280 and list(SHIPPED[0]) == room.FIELDS
    assert there == {(s, t, m, v, seed) for s, t in room.DIRECTIONS for m, v in room.GRID for seed in range(room.SEEDS)}

def test_a_scorer_takes_its_highest_and_never_what_was_trained_on_the_target():
    make = lambda method, score, seed="0": dict(source="mnist", target="optdigits", method=method, seed=seed, information=score, target_test="1")
    rows = [make("source", ".5"), make("MMD", ".7"), make("target", "9"), make("CORAL", "-1", "1")]
    taken = room.chosen(rows, "information")
    assert {where[2]: r["method"] for where, r in taken.items()} == {"0": "MMD", "1": "CORAL"}

def test_words_of_the_lab_are_those_of_the_table():
    text = room.tables(SHIPPED)
    assert all(name.replace("_", " ") in text for name in SCORERS)
    for line in ("| MMD λ=3         | 90.4 ± 1.2 (+14.3 [+11.8, +16.8])", "| AdaBN           | 85.0 ± 1.7 (+8.8 [+7.7, +10.0])"): assert line in text

@pytest.mark.parametrize("method, lambd", [("source", 0.), ("AdaBN", 0.), ("MMD", 1.), ("UDAT-AS", .01)])
def test_one_cell(method, lambd):
    row = room.cell(dict(source="optdigits", target="mnist", method=method, lambd=lambd, seed=0, steps=2))
    assert set(row) == set(room.FIELDS) and 0 <= row["target_test"] <= 100
