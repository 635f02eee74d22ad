"Readings of the clamp: what the shipped curves say, and who pulls under each."
import pytest
import torch

import figure_4 as room
from fer_nb.files import read_csv

SHIPPED = read_csv(room.RESULTS)


def curves(reading, features):
    "(clamp, seed) → rows in the order of the steps."
    found = {}
    for row in SHIPPED:
        if (row["reading"], row["features"]) == (reading, features): found.setdefault((float(row["clamp"]), row["seed"]), []).append(row)
    return found

def test_the_shipped_table_is_complete():
    assert list(SHIPPED[0]) == room.FIELDS
    assert {(r["reading"], r["features"], float(r["clamp"]), int(r["seed"])) for r in SHIPPED} == {tuple(job[k] for k in room.KEY) for job in room.jobs_of(room.SEEDS)}

@pytest.mark.parametrize("reading, features", [("min", "small"), ("max", "growing"), ("none", "growing")])
def test_where_no_clamp_acts_all_four_train_one_network(reading, features):
    found = curves(reading, features)
    for (_, seed), rows in found.items():
        for column in ("cross_entropy", "source_loss", "target_loss"): assert [r[column] for r in rows] == [r[column] for r in found[room.CLAMPS[0], seed]]

def test_max_draws_the_factor_function_and_min_stays_below_it():
    for (clamp, _), rows in curves("max", "growing").items():
        for before, row in zip(rows, rows[1:]): assert clamp * float(before["factor"]) * .99 <= float(row["domain_loss"]) <= clamp * float(row["factor"]) * 1.01
    for (clamp, _), rows in curves("min", "growing").items():
        assert all(float(r["domain_loss"]) <= clamp * float(r["factor"]) * (1 + 1e-5) for r in rows) and float(rows[-1]["domain_loss"]) > .45 * clamp

def test_growing_features_reach_the_thousands_without_a_limit_and_small_ones_never_do():
    assert all(max(float(r["domain_loss"]) for r in rows) > 20_000 for rows in curves("none", "growing").values())
    assert all(max(float(r["domain_loss"]) for r in rows) < 5 for rows in curves("min", "small").values())

@pytest.mark.parametrize("reading, pulls", [("min", [1, 1, 0]), ("max", [0, 0, 1]), ("none", [1, 1, 1])])
def test_who_pulls(reading, pulls):
    nll = torch.tensor([1., 2., 9.], requires_grad=True)
    room.READINGS[reading](nll, torch.tensor(5.)).sum().backward()
    assert nll.grad.tolist() == pulls

def test_one_training():
    rows = room.moments(dict(reading="min", features="growing", clamp=3000., seed=0), steps=1)
    assert set(rows[0]) == set(room.FIELDS) and float(rows[0]["domain_loss"]) <= float(rows[0]["cross_entropy"]) + 1e-4
