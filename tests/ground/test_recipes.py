"Settings: what they refuse, keys that stay, rows that are read back."
import math
import pickle
from dataclasses import MISSING, FrozenInstanceError, dataclass, fields, replace

import numpy as np
import pytest

from fer_nb.checks import choice, number, whole
from fer_nb.papers import Recipe
from fer_nb.recipes import Settings, describe, from_row, kind, setting


@dataclass(frozen=True)
class Tea(Settings):
    "A cup of tea."
    leaves: str = setting(MISSING, "what is in it", choice, options=("green", "black"))
    grams: float = setting(2.5, "how much", number, above=0)
    cups: int = setting(1, "how many", whole, most=4)
    sugar: float | None = setting(None, "how sweet", number, True, least=0)
    with_it: tuple = setting((), "what is eaten")
    hot: bool = setting(True, "whether it is")
    second: Settings | None = setting(None, "made from the same leaves")


@pytest.mark.parametrize("change, says", [
    (dict(leaves="red"), "leaves: expected one of green, black, got 'red'"), (dict(grams=0), "grams: expected a finite number above 0, got 0"),
    (dict(grams=math.nan), "grams: "), (dict(cups=5), "cups: expected a whole number from 1 to 4, got 5"), (dict(cups=1.), "cups: "),
    (dict(cups=True), "cups: "), (dict(sugar=-1), "sugar: "), (dict(grams=None), "grams: "), (dict(cups=None), "cups: ")])
def test_wrong_values_are_named(change, says):
    with pytest.raises(ValueError, match=f"^{says}"): replace(Tea("green"), **change)
    with pytest.raises(TypeError, match="leaves"): Tea()

def test_equal_settings_are_one():
    a, b = Tea("green", 3, np.int64(2)), Tea("green", np.float32(3.), 2)
    assert a == b and hash(a) == hash(b) and a.key() == b.key() and repr(a) == repr(b)
    assert type(a.cups) is int and type(a.grams) is float and pickle.loads(pickle.dumps(a)) == a
    with pytest.raises(FrozenInstanceError): a.cups = 3

def test_only_what_differs_from_its_default_counts():
    assert Tea("green").changed() == {"leaves": "green"} and Tea("green", sugar=1, cups=1).changed() == {"leaves": "green", "sugar": 1.}
    cups = [Tea("green"), Tea("black"), Tea("green", 3), Tea("green", sugar=0), Tea("green", with_it=("bread",)), Tea("green", hot=False), Tea("green", second=Tea("green"))]
    assert len({c.key() for c in cups}) == len(cups) and all(len(c.key()) == 10 for c in cups)

def test_a_new_field_and_another_order_rename_nothing():
    @dataclass(frozen=True)
    class Later(Settings):
        "With a field more, in another order."
        milk: bool = setting(False, "whether there is milk")
        cups: int = setting(1, "how many")
        leaves: str = setting("green", "what is in it")
        grams: float = setting(2.5, "how much")
        second: Settings | None = setting(None, "made from the same leaves")
    for change in (dict(grams=3.), dict(cups=2, grams=1.)):
        new, old = Later(leaves="black", **change), Tea("black", **change)
        assert new.key() == old.key() and Later(leaves="black", second=new).key() == Tea("black", second=old).key()
    assert Later(leaves="black", milk=True).key() != Tea("black").key()

def test_keys_of_today_are_those_of_tomorrow():
    "These stand in users' folders; a changed default would give old rows another meaning."
    assert Recipe().key() == "44136fa355" and Recipe("center", lam=.1).key() == "cf7eb5ff66"
    assert {f.name: f.default for f in fields(Recipe)} == dict(
        loss="dda", profile="severe", majority=300, seed=0, epochs=30, lr=.05, lam=1., gamma=3., alpha=.5, scaling="paper", centers="rule", s=8., width=.25,
        size=14, batch_size=128, clip=5., schedule="cosine", data=None, tau=1., m=.3, beta=.999, feat_dim=2)

@pytest.mark.parametrize("row, tea", [
    (dict(leaves="green", grams="2", cups="3", sugar="", weather="fine"), Tea("green", 2., 3)), (dict(leaves="black", cups=2., sugar=1), Tea("black", cups=2, sugar=1.)),
    (dict(leaves="black", sugar=None), Tea("black"))])
def test_rows_are_read(row, tea): assert from_row(Tea, row) == tea

@pytest.mark.parametrize("row, says", [(dict(leaves="green", cups="2.5"), "cups: "), (dict(leaves="green", cups=9.), "cups: "), (dict(leaves="grey"), "leaves: "), (dict(leaves="green", grams=""), "grams: ")])
def test_rows_that_do_not_fit(row, says):
    with pytest.raises(ValueError, match=f"^{says}"): from_row(Tea, row)

def test_fields_say_what_they_are():
    assert [kind(f) for f in fields(Tea)] == [str, float, int, float, str, str, str]
    for cls in (Tea, Recipe):
        for f in fields(cls): assert f"\n    {f.name}: {f.metadata['about']}" in cls.__doc__
    assert Tea.__doc__.startswith("A cup of tea.\n\nArgs:\n    leaves: what is in it\n")

def test_describe_and_show():
    t = Tea("green", 3, with_it=("bread", "jam"), second=Tea("black"))
    assert describe(t) == "leaves green, grams 3.0, cups 1, with_it bread+jam, hot True"
    page = replace(t, sugar=2)._repr_html_()
    assert page.count("<tr>") == 7 and "<b>3.0</b>" in page and "<td>1</td>" in page and "how sweet" in page
