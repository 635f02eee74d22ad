"The table of the angular softmax: complete, made again byte for byte, and of heads that are what they are named after."
import pytest
import torch

import giveaway as room
from fer_nb.angular_softmax import AngularSoftmax
from fer_nb.backbones import Output
from fer_nb.files import read_csv

ROWS = read_csv(room.RESULTS)


def test_rows_hold_what_the_docstring_says():
    for row in ROWS:
        near = [float(v) for v in row["cosines"].split()]
        assert len(near) == 72 and all(-1 <= v <= 1 for v in (*near, float(row["cosine"]))) and 0 <= float(row["accuracy"]) <= 100 and float(row["loss"]) > 0

def test_a_small_loss_that_knows_nothing_is_in_the_table():
    far = {row["head"] for row in ROWS if float(row["cosine"]) < -.95}
    assert far == {"s = 64, m = 0.5", "two classes", "two classes, rate 0.001"} # plain, and full from the first step
    for row in ROWS:
        if row["head"] in far: assert float(row["loss"]) < .01 and float(row["accuracy"]) < 50

@pytest.mark.parametrize("head", room.HEADS)
def test_heads_are_what_they_are_named_after(head):
    made = room.head_of(**room.HEADS[head])
    assert made.weight.shape == (2 if "two" in head else 10, 2 if "2-D" in head else 16)
    if "linear" in head: assert type(made) is torch.nn.Linear and made.bias is None
    else:
        full = .5 * ("m = 0.5" in head or "two" in head)
        assert isinstance(made, AngularSoftmax) and made.s == (8 if "s = 8" in head else 64) and made.monotone == ("monotone" in head)
        assert made.m == (0 if "raised" in head else full) and room.margin_at(720, **room.HEADS[head]) == full

def test_a_margin_is_raised_in_time():
    assert [room.margin_at(n, m=.5, raised=120) for n in (1, 120, 180, 240, 720)] == [0, 0, .25, .5, .5]

def test_the_margin_is_put_on_by_the_objective():
    torch.manual_seed(0)
    head, x, y = AngularSoftmax(4, 3), torch.randn(6, 4), torch.arange(6) % 3
    with_margin = room.Margin(head)((None, y), Output(x, head(x)))["angular"]
    torch.testing.assert_close(with_margin, torch.nn.functional.cross_entropy(head(x, y), y))
    assert with_margin > torch.nn.functional.cross_entropy(head(x), y)

@pytest.mark.parametrize("head", ["linear", "two classes, raised more slowly"])
def test_one_cell(head, monkeypatch):
    monkeypatch.setattr(room, "EPOCHS", 1)
    row = room.cell(dict(head=head, seed=0))
    assert list(row) == room.FIELDS and 0 <= row["accuracy"] <= 100 and len(row["cosines"].split()) == 3
