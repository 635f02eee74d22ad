"The arena's experiment: equal budgets, what it chooses, an interruption, and the table that ships."
from dataclasses import replace
from pathlib import Path

import pytest

import arena as A
from fer_nb.files import read_csv
from fer_nb.papers import LOSSES, Recipe
from fer_nb.recipes import from_row
from shared import complete, key

ROOT = Path(__file__).parents[2]
SHIPPED = read_csv(ROOT/"data_samples/arena.csv")


def test_every_loss_has_the_same_budget():
    assert set(A.GRID) == set(LOSSES) and {len(settings) for settings in A.GRID.values()} == {3}
    jobs = A.search()
    assert len({key(job, A.NAMES) for job in jobs}) == 3 * len(LOSSES) and {(job["part"], job["seed"], job["epochs"], job["profile"]) for job in jobs} == {("watch", 100, 15, "longtail")}

def searched(value):
    "A search in which each training reached what `value` says."
    return [{**{name: "" for name in A.COLUMNS}, **{name: "" if v is None else str(v) for name, v in job.items()}, **{f"{head}_balanced": str(value(i, head)) for head in A.HEADS}}
            for i, job in enumerate(A.search())]

def test_the_choice_is_the_best_head_on_the_watched_digits():
    assert A.chosen(searched(lambda i, head: i)) == {loss: settings[-1] for loss, settings in A.GRID.items()}
    assert A.chosen(searched(lambda i, head: 1)) == {loss: settings[0] for loss, settings in A.GRID.items()}
    assert A.chosen(searched(lambda i, head: 99 if head == "prior" and i % 3 == 1 else i / 100)) == {loss: settings[1] for loss, settings in A.GRID.items()}
    lost = searched(lambda i, head: "" if i % 3 else 20)                 # diverged
    assert A.chosen(lost) == {loss: settings[0] for loss, settings in A.GRID.items()}

def test_the_report_covers_everything_on_seeds_that_chose_nothing():
    jobs = A.report(searched(lambda i, head: i))
    recipes = [from_row(Recipe, job) for job in jobs]
    assert len(jobs) == len({key(job, A.NAMES) for job in jobs}) == 5 * 5 * (len(LOSSES) + 1) + 5 * len(A.WIDE) and {job["part"] for job in jobs} == {"test"}
    assert {(r.loss, r.profile, r.seed) for r in recipes if r.feat_dim == 2} == {(loss, p, s) for loss in LOSSES for p in A.PROFILES for s in range(5)}
    assert all(A.GRID[r.loss][-1].items() <= job.items() for r, job in zip(recipes, jobs) if r.loss != "softmax")
    assert [r.lr for r in recipes if r.loss == "softmax" and (r.profile, r.seed, r.feat_dim) == ("mild", 3, 2)] == [.05, .1]
    assert len(A.report(searched(lambda i, head: float(i % 3 == 1)))) == 5 * 5 * len(LOSSES) + 5 * len(A.WIDE)   # where 0.05 is chosen it is not made twice

def test_an_interruption_loses_nothing(tmp_path, monkeypatch):
    base, trained = replace(A.BASE, majority=20, epochs=1, width=.05, size=12), []
    jobs = [A.job(replace(base, loss=loss), "watch") for loss in ("softmax", "ldam")]
    def work(job):
        if job["loss"] == "ldam" and len(trained) == 1 and not (tmp_path/"again").exists():
            (tmp_path/"again").touch()
            raise KeyboardInterrupt
        trained.append(job["loss"])
        return A.trained(job)
    go = lambda: complete(tmp_path/"a.csv", A.COLUMNS, A.NAMES, jobs, work, progress=False)
    with pytest.raises(KeyboardInterrupt): go()
    rows = go()
    assert trained == ["softmax", "ldam"] and go() == rows and len(trained) == 2
    assert list(rows[0]) == A.COLUMNS and from_row(Recipe, rows[1]) == replace(base, loss="ldam") and 0 <= float(rows[1]["prior_balanced"]) <= 100

def test_what_ships_is_a_part_of_the_plan():
    keys = [key(row, A.NAMES) for row in SHIPPED]
    planned = {key(job, A.NAMES) for job in (*A.search(), *A.report(SHIPPED))}
    assert len(keys) == len(set(keys)) and set(keys) <= planned and {key(job, A.NAMES) for job in A.search()} <= set(keys)

def test_shipped_figures_make_sense():
    for row in SHIPPED:
        assert list(row) == A.COLUMNS and from_row(Recipe, row)
        if not row["diverged"]: assert all(0 <= float(row[f"{head}_balanced"]) <= 100 for head in A.HEADS)
