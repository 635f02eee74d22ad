"The tables of adaptation on two grounds: complete, and their words by hand."
import pytest

import grounds as room
from fer_nb.adaptation import SCORERS
from fer_nb.files import read_csv
from fer_nb.runtime import evaluating
from shared import DATA

SHIPPED = {name: read_csv(DATA/ground.file) for name, ground in room.GROUNDS.items()}


@pytest.mark.parametrize("name", room.GROUNDS)
def test_the_shipped_table_is_complete(name):
    rows, ground = SHIPPED[name], room.GROUNDS[name]
    there = {(r["source"], r["target"], r["method"], float(r["lambd"]), int(r["seed"])) for r in rows}
    assert len(rows) == len(there) and list(rows[0]) == room.FIELDS
    seeds = {int(r["seed"]) for r in rows}
    assert seeds == set(range(len(seeds))) and len(seeds) >= 3
    assert there == {(s, t, m, v, seed) for s, t in ground.directions for m, v in ground.grid for seed in seeds}
    assert all(0 <= float(r[f"{side}_test"]) <= 100 for r in rows for side in ("source", "target"))

def test_one_network_serves_both_directions(): # what was trained on a domain alone is source there and target here
    for rows in SHIPPED.values():
        alone = {(r["source"], r["seed"]): r for r in rows if r["method"] == "source"}
        for r in rows:
            if r["method"] == "target": assert r["target_test"] == alone[r["target"], r["seed"]]["source_test"]

def test_words_of_the_lab_are_those_of_the_table():
    text = room.tables(SHIPPED["digits"])
    assert all(name.replace("_", " ") in text for name in SCORERS)
    for line in ("| MMD λ=3         | 90.4 ± 1.2 (+14.3 [+11.8, +16.8])", "| AdaBN           | 85.0 ± 1.7 (+8.8 [+7.7, +10.0])"): assert line in text
    assert "lab_color → studio_gray" in room.tables(SHIPPED["faces"])

@pytest.mark.parametrize("name, method, lambd", [("digits", "source", 0.), ("digits", "MMD", 1.), ("digits", "UDAT-AS", .01), ("faces", "CORAL", 10.)])
def test_one_cell(name, method, lambd):
    ground = room.GROUNDS[name]
    row = room.cell(dict(source=ground.pair[1], target=ground.pair[0], method=method, lambd=lambd, seed=0, steps=2), ground)
    assert set(row) == set(room.FIELDS) and 0 <= row["target_test"] <= 100

def test_ada_bn_leaves_the_network_of_the_source_as_it_was():
    ground, job = room.GROUNDS["digits"], dict(source="optdigits", target="mnist", lambd=0., seed=0, steps=2)
    (plain, _), (adapted, _) = (room.trained(ground, job | {"method": method}) for method in ("source", "AdaBN"))
    assert room.trained(ground, job | {"method": "source"})[0] is plain # trained once
    x = ground.parts("mnist", "test")[0][:8]
    with evaluating(plain), evaluating(adapted): assert not plain(x).logits.allclose(adapted(x).logits)
