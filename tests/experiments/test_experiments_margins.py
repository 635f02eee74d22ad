"The table of the lab on margins: complete, of heads that differ in what they say, and made again byte for byte."
import pytest
import torch

import margins as room
from fer_nb.angular_softmax import AngularSoftmax
from fer_nb.arena import CosFaceLoss, LDAMLoss
from fer_nb.backbones import Output
from fer_nb.files import read_csv

ROWS = read_csv(room.RESULTS)


def job(head, ground="digits", profile="wild", seed=0): return dict(zip(room.KEY, (ground, profile, *head, seed)))


def test_shares_and_cosines_are_some():
    assert all(0 <= float(r[name]) <= 100 for r in ROWS for name in ("balanced", "rare", "direction")) and all(abs(float(r["cosine"])) <= 1 for r in ROWS)

def test_both_profiles_have_as_many_pictures():
    assert room.counts("faces", "wild") == [169, 47, 48, 18, 320, 132, 86]
    for ground in room.STEPS:
        wild, balanced = (room.counts(ground, profile) for profile in room.PLAN)
        assert abs(sum(wild) - sum(balanced)) < len(wild) and len(set(balanced)) == 1

def test_heads_are_what_they_are_named_after():
    def head(*named):
        model = room.network("digits")
        room.objective_of(model, job(named))
        return model.classifier
    for name, m, monotone in (("angles", 0, False), ("angular margin", .5, True), ("plain angular margin", .5, False), ("raised angular margin", 0, False)): # raised: while training
        made = head(name, 64., .5 if m or "raised" in name else "")
        assert isinstance(made, AngularSoftmax) and (made.s, made.m, made.monotone) == (64, m, monotone), name
    assert type(head("separate", "", "")) is torch.nn.Linear

def test_margins_on_the_cosine_are_the_arenas():
    torch.manual_seed(0)
    x, y = torch.randn(8, 16), torch.arange(8)
    for head, loss in ((("cosine margin", 16., .3), CosFaceLoss(10, 16., .3)), (("class margins", 16., .5), LDAMLoss(room.counts("digits", "wild"), .5, 16.))):
        model = room.network("digits")
        ours = room.objective_of(model, job(head))((None, y), Output(x, None))["angles"]
        torch.testing.assert_close(ours, loss(model.classifier(x), y))

@pytest.mark.parametrize("head, ground", [(("softmax", "", ""), "faces"), (("raised angular margin", 64., .5), "digits")])
def test_one_cell(head, ground, monkeypatch):
    monkeypatch.setattr(room, "STEPS", {"digits": 3, "faces": 3})
    row = room.cell(job(head, ground))
    assert set(row) == set(room.FIELDS) and 0 <= row["balanced"] <= 100 and row["steps"] == 3 and float(row["loss"]) > 0
