"Hidden tests of the lab: right answers in several styles, each known mistake, each erratum."
from functools import cache

import fer_nb.faces
import pytest
import torch

from fer_nb.assignments import action_units
from fer_nb.assignments.checkers import lab_names
from fer_nb.assignments.judging import Case
from synthetic import check_lab


@pytest.mark.slow
def test_all_get_what_they_deserve(monkeypatch):
    "The faces are read once, not once for each pupil."
    monkeypatch.setattr(fer_nb.faces, "load_faces", cache(fer_nb.faces.load_faces))
    check_lab("action_units", action_units.TESTS)

def test_one_pair_ties_and_two_units_tell_it_apart():
    "By the table itself, and by what the drawn people do."
    from fer_nb.large_margin import TABLES
    rows = {name: set(row) for name, row in TABLES["ekman"].items()}
    assert [(a, b) for a in rows for b in rows if rows[b] < rows[a]] == [("fear", "surprise")]
    often = lab_names("action_units")["how_often"]
    assert [k for k in sorted(rows["fear"] - rows["surprise"]) if often(k, "fear") >= .5] == [4, 20]

def test_what_a_lead_costs():
    assert action_units._counts()["lost"] == [127, 57, 70]

def test_faces_that_choose_are_not_those_that_tell():
    "One threshold is chosen; the test faces would have chosen another, and the validation faces are kinder than the test faces."
    chosen, = action_units._best("validation")
    told, kind = action_units._right("test")[chosen], action_units._right("validation")[chosen]
    assert chosen not in action_units._best("test") and kind > told + .1 and len(action_units._right("test")) == 9

@pytest.mark.parametrize("seed", range(3))
def test_the_reference_is_the_librarys_gradient(seed):
    "And that of finite differences of Eq. 3, written with distances."
    g = torch.Generator().manual_seed(seed)
    x, c = (torch.randn(n, 3, generator=g, dtype=torch.float64) for n in (5, 4))
    y = torch.randint(4, (5,), generator=g)
    def loss(x):
        apart = torch.cdist(x / x.norm(dim=1, keepdim=True), c / c.norm(dim=1, keepdim=True)) ** 2
        own = apart.gather(1, y[:, None])[:, 0]
        return (own - (apart.sum(1) - own) / 3).sum()
    steps = 1e-5 * torch.eye(15, dtype=torch.float64).view(15, 5, 3)
    slopes = torch.stack([(loss(x + s) - loss(x - s)) / 2e-5 for s in steps]).view(5, 3)
    torch.testing.assert_close(action_units._gradient(x, y, c), slopes, rtol=1e-6, atol=1e-6)

def test_inputs_are_the_students_own():
    "The same each time for one, others for another."
    ada, again, ben = (action_units._draw(Case(None, "gradient", name), 6, 5, 4) for name in ("ada", "Ada", "ben"))
    assert torch.equal(ada[0], again[0]) and not torch.equal(ada[0], ben[0]) and sorted(ada[1].tolist()) == [0, 0, 1, 1, 2, 3]
