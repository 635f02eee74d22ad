"Hidden tests of the lab: right answers in several styles, each known mistake, each erratum."
from fer_nb.assignments import wild_mnist
from synthetic import check_lab


def test_all_get_what_they_deserve(monkeypatch):
    "The trainings are told, not made: a weaker pull gains six points, a stronger one loses three."
    monkeypatch.setattr(wild_mnist, "_scored", lambda recipe: {.03: 83., 1.: 77., 2.: 74.}[recipe.lam])
    check_lab("wild_mnist", wild_mnist.TESTS)

def test_what_is_trained():
    "One epoch of the recipe in question, by the nearest center."
    from fer_nb.papers import Recipe
    assert 5 < wild_mnist._scored(Recipe("center", epochs=1, majority=30)) < 100
