"A camera that is turned: the table is complete and made again byte for byte; what is turned, and what has labels."
import math

import pytest
import torch

import turned_camera as room
from fer_nb.files import read_csv

ROWS = read_csv(room.RESULTS)


def test_the_source_is_known_and_a_little_helps_the_target():
    target = {lambd: [float(row["target"]) for row in ROWS if row["lambd"] == str(lambd)] for lambd in room.STRENGTHS}
    assert all(a > b for a, b in zip(target[.1], target[0.])) and all(float(row["source"]) > 95 for row in ROWS if row["lambd"] != "1.0")

def test_the_second_laboratory_is_the_first_one_turned():
    x, y, d = room.laboratories(0)
    middle = torch.stack([torch.stack([x[(y == k) & (d == s)].mean(0) for k in range(3)]) for s in (0, 1)])
    c, s = math.cos(room.ANGLE), math.sin(room.ANGLE)
    torch.testing.assert_close(middle[0] @ torch.tensor([[c, s], [-s, c]]), middle[1], atol=.2, rtol=0)

@pytest.mark.parametrize("lambd", [0., 1.])
def test_one_cell(lambd, monkeypatch):
    monkeypatch.setattr(room, "EPOCHS", 1)
    row = room.cell(dict(lambd=lambd, seed=0))
    assert list(row) == room.FIELDS and 0 <= row["source"] <= 100 and 0 <= row["target"] <= 100
