"Few labels on the digits: the table is complete, made again byte for byte, and says what the notebook says."
import pytest

import few_digits as room
from fer_nb.files import read_csv

ROWS = read_csv(room.RESULTS)


def test_center_loss_alone_shrinks_under_the_balance():
    for row in ROWS:
        shrunk = row["method"] == "center, balanced"
        assert (float(row["spread"]) < .01) == (float(row["lam"]) > 1e4) == (float(row["accuracy"]) < 15) == shrunk, row

def test_a_tenth_is_labeled():
    x, y = room.training_set(1)
    assert x.shape == (2000, 1, 14, 14) and y[y >= 0].bincount().tolist() == [20] * 10 and (y < 0).sum() == 1800

@pytest.mark.parametrize("method, weight", [("labeled only", 0), ("center, λ₂ = 0.01", .01)])
def test_a_fixed_weight_is_the_last(method, weight, monkeypatch):
    monkeypatch.setattr(room, "EPOCHS", 1)
    row = room.cell(dict(method=method, seed=0))
    assert list(row) == room.FIELDS and 0 <= row["accuracy"] <= 100 and float(row["lam"]) == pytest.approx(weight) and float(row["spread"]) > 0
