"The adaptation experiment: its smallest cell trains and goes on after an interruption, what it chooses, and the table that ships."
import math
from pathlib import Path

import nbformat
import pytest
import torch
from torch import nn

import adaptation as A
from fer_nb.files import read_csv
from shared import complete, key

ROOT = Path(__file__).parents[2]
SHIPPED = read_csv(ROOT/"data_samples/adaptation.csv")


# ---- the machine

@pytest.mark.slow
def test_the_smallest_cell_trains_and_an_interruption_loses_nothing(tmp_path):
    out, (source, target), trained = tmp_path/"a.csv", A.DIRECTIONS[0], []
    jobs = [dict(part="search", source=source, target=target, **change, seed=7, steps=1) for change in (A.setting("source"), A.setting("AdaBN"), A.setting("UDAT-AS + margin", .01))]
    def cell(job):
        if len(trained) == 1 and not out.with_suffix(".again").exists():
            out.with_suffix(".again").touch()
            raise KeyboardInterrupt
        trained.append(job["method"])
        return A.cell(job)
    go = lambda: complete(out, A.FIELDS, A.KEY, jobs, cell, progress=False)
    with pytest.raises(KeyboardInterrupt): go()
    assert trained == ["source"] and out.with_suffix(".jsonl").read_text().count("\n") == 1 and not out.exists()
    rows = go()
    assert trained == ["source", "AdaBN", "UDAT-AS + margin"] and go() == rows and len(trained) == 3 and not out.with_suffix(".jsonl").exists()
    plain, adabn, angular = rows
    assert list(plain) == A.FIELDS and plain["target_test"] != adabn["target_test"] and plain["domain_nll"] == "" and int(plain["steps"]) == 35
    assert plain["source_test"] != adabn["source_test"] # the model of the source alone is as it was before AdaBN
    assert A.accuracy(A.plain(source, 7, 1)[0], source, "test") == float(plain["source_test"])
    assert -1 <= float(angular["cosine"]) <= 1 and float(angular["domain_loss"]) > 0 and float(angular["reversed"]) > 0

def test_ada_bn_takes_the_targets_statistics():
    torch.manual_seed(0)
    model, x = A.Net(), torch.randn(300, 1, 64, 64) * 3 + 1
    A.statistics_of(model, x[:256])
    first = model.features[0](x[:256])
    torch.testing.assert_close(model.features[1].running_mean, first.mean((0, 2, 3)), atol=1e-4, rtol=1e-3)
    assert not model.training and not any(m.training for m in model.modules())

def test_coral_by_hand():
    x = torch.tensor([[1., 0.], [-1., 0.], [2., 0.], [-2., 0.]])     # variances 2 and 8 along the first axis
    loss = A.Coral(10.)((None, torch.tensor([0, 0, -1, -1]), torch.tensor([0, 0, 1, 1])), A.Output(x, torch.zeros(4, 7)))
    assert loss["coral"].item() == pytest.approx(10 * 36 / 16) and loss["softmax"].item() == pytest.approx(math.log(7))

def test_objectives_are_what_their_names_say():
    kind = lambda change: A.objective_of(**change, steps=10)
    assert type(kind(A.setting("source"))) is A.Objective and isinstance(kind(A.setting("CORAL", 1.)), A.Coral)
    paper = kind(A.PRINTED[0])
    assert (paper.clamp, paper.scales, paper.alpha, paper.strength, len(list(paper.classifier.trunk))) == (5000., "loss", 10., 1., 0)
    udat, dann, mixed = kind(A.setting("UDAT", .1)), kind(A.setting("DANN", .1)), kind(A.setting("mixed"))
    assert (udat.alpha, dann.alpha, mixed.strength) == (None, 10., 0.) and udat.scales == "reversal"
    assert [(h.m, h.monotone) for h in (kind(A.setting(f"UDAT-AS{form}", .1)).classifier.head for form in ("", " + margin", " + plain margin"))] == [(0., True), (.5, True), (.5, False)]
    assert isinstance(udat.classifier.head, nn.Linear) and len(udat.classifier.trunk) == 4


# ---- the choice

def search_rows(**targets):
    "A search in which every setting has its own numbers."
    rows = []
    for i, change in enumerate(A.GRID):
        for source, target in A.SEARCHED:
            row = {k: "" if v is None else str(v) for k, v in change.items()} | dict(part="search", source=source, target=target, seed="100", source_validation="70", information=str(i / 100))
            rows.append(row | {name: str(value(i)) for name, value in targets.items()})
    return rows

def test_choice_needs_no_target_label():
    chosen = A.choose(search_rows())
    assert set(chosen) == {"DANN", "UDAT", "UDAT-AS", "UDAT-AS + margin", "CORAL"}
    for method, change in chosen.items(): assert change == [c for c in A.GRID if c["method"] == method][-1]     # the highest information
    assert A.choose(search_rows(target_test=lambda i: -i, target_validation=lambda i: -i)) == chosen

def test_choice_keeps_the_source():
    rows = search_rows()
    best = A.choose(rows)["CORAL"]
    for row in rows:
        if row["method"] == "CORAL" and row["lambd"] == str(best["lambd"]): row["source_validation"] = "60"
    assert A.choose(rows)["CORAL"]["lambd"] == 10.


# ---- what ships

def test_table_by_hand():
    row = lambda method, seed, test: dict(part="report", source="lab_color", target="studio_gray", method=method, lambd="0.0", clamp="", normalise="False", seed=str(seed), target_test=str(test))
    rows = [row("source", 0, 40), row("source", 1, 50), row("mixed", 0, 44), row("mixed", 1, 56)]
    assert "| source | 45.0 ± 7.1 |" in A.table(rows)
    assert "| mixed | 50.0 ± 8.5 (+5.0 [-7.7, +17.7]) |" in A.table(rows)     # differences 4 and 6: 12.706 · 1.414 / 1.414 = 12.7

def test_shipped_csv_is_complete():
    keys = [key(row, A.KEY) for row in SHIPPED]
    assert len(keys) == len(set(keys)) == 300 and set(keys) == {key(job, A.KEY) for job in (*A.search(), *A.report(SHIPPED))}
    assert {job["seed"] for job in A.search()} == {100} and {job["seed"] for job in A.report(SHIPPED)} == set(range(5))

def test_shipped_figures_make_sense():
    for row in SHIPPED:
        assert set(row) == set(A.FIELDS)
        assert all(0 <= float(row[f"{side}_{split}"]) <= 100 for side in ("source", "target") for split in ("validation", "test"))
        assert 0 <= float(row["proxy_a"]) <= 2 and 0 <= float(row["information"]) <= math.log(7) + 1e-3

def cells_of(table):
    "A Markdown table without its padding and its line of dashes."
    return [[cell.strip() for cell in line.split("|")] for line in table.strip().splitlines() if set(line) - set("|- ")]

def test_the_notebooks_table_is_the_csvs():
    nb = nbformat.read(ROOT/"nbs/labs/adaptation.ipynb", 4)
    tables = [cells_of(out.data["text/markdown"]) for cell in nb.cells for out in cell.get("outputs", ()) if "text/markdown" in out.get("data", {})]
    assert cells_of(A.table(SHIPPED)) in tables
