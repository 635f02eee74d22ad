"Tables over seeds, by hand."
import pytest

from fer_nb.reproduce import beside, told_apart

HEADS = {"linear": "linear head", "center": "nearest center"}


def rows(method, *pairs): return [dict(method=method, seed=str(s), linear=str(a), center=str(b), diverged="") for s, (a, b) in enumerate(pairs)]

def cells(text, line): return [cell.strip() for cell in text.splitlines()[line].split("|")[1:-1]]


def test_paper_ours_and_difference():
    text = beside([*rows("a", (90, 80), (92, 80), (97, 83)), *rows("b", (91, 70))], {"a": 92.5, "b": 90, "never": 1}, HEADS)
    assert cells(text, 0) == ["", "paper", "linear head", "difference", "nearest center", "difference"]
    assert cells(text, 2) == ["a", "92.50", "93.00 ± 3.61", "+0.50", "81.00 ± 1.73", "-11.50"]
    assert cells(text, 3) == ["b", "90.00", "91.00", "+1.00", "70.00", "-20.00"] and cells(text, 4) == ["never", "1.00", "–", "–", "–", "–"]

def test_pairs_share_seeds_and_say_what_is_missing():
    made = [*rows("a", (1, 1), (2, 2), (3, 3)), *rows("b", (2, 2), (4, 3), (6, 4.1))]
    text = told_apart(made, {"a": 5, "b": 4.5}, HEADS)
    assert cells(text, 2) == ["b − a", "-0.50", "+2.00 [-0.48, +4.48], 5 seeds", "+1.03 [+0.89, +1.18]"] # 1, 2, 3: 2 ± 4.303 · 1/√3
    assert cells(told_apart(made[:4], {"a": 5, "b": 4.5}, HEADS), 2)[2] == "+1.00" and cells(told_apart(made[:3], {"a": 5, "b": 4}, HEADS), 2)[2] == "–"
    even = [*rows("a", (1, 1), (1, 1)), *rows("b", (0, 0), (2, 2))]
    assert "> 1,000 seeds" in told_apart(even, {"a": 1, "b": 1}, HEADS)

def test_what_diverged_does_not_count():
    made = [*rows("a", (90, 80), (92, 80)), dict(method="a", seed="2", linear="", center="", diverged="17")]
    assert cells(beside(made, {"a": 91}, HEADS), 2)[2] == "91.00 ± 1.41"

@pytest.mark.parametrize("change", [dict(rows=[]), dict(rows=[dict(method="a", seed=0, linear=1)]), dict(rows=["a"]), dict(printed=[1]), dict(readouts=["linear"])])
@pytest.mark.parametrize("table", [beside, told_apart])
def test_bad_input_is_named(table, change):
    given = dict(rows=rows("a", (1, 1)), printed={"a": 1.}, readouts=HEADS) | change
    with pytest.raises(ValueError, match=f"^{list(change)[0]}: expected "): table(**given)
