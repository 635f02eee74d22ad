"The papers' numbers, from their files."
import pytest

from fer_nb.files import data_file, read_csv
from fer_nb.large_margin import EMOTIONET_AUS
from fer_nb.papers import TABLE_1
from fer_nb.reproduce import EXPERIMENTS, TRAININGS, find

FILES = {paper: read_csv(data_file(f"paper_{paper}.csv")) for paper in TRAININGS}


def printed(name, row, column): return next(c.paper for c in EXPERIMENTS[name].cells if (c.row, c.column) == (row, column))

@pytest.mark.parametrize("name, row, column, value", [
    ("000-table-1", "CK", "KDEF+CK+JAFFE", 98.92), ("000-table-1", "JAFFE", "KDEF+CK, loss", 3.86), ("000-table-2", "TFEID", "then JAFFE", 58.69), ("000-table-3", "KDEF", "clamp 5,000", 79.08),
    ("000-table-4", "CK", "baseline, loss", 5.62), ("001-table-1", "UDAT-AS with margin", "RAF-DB → FER2013", 44.41), ("001-table-2", "Train on target", "FER2013 → RAF-DB", 84.78),
    ("002-table-1", "large margin, semi-supervised", "Avg. Acc.", 67.26), ("002-table-2", "large margin, transfer", "AU43", 47.2), ("003-table-1", "DDA λ=0.01 γ=7", "Acc.", 97.34), ("003-table-2", "DDA λ=0.01 γ=5", "Avg. Acc.", 79.71),
    ("003-table-3", "softmax", "Acc.", 61.46), ("004-table-1", "softmax + separate", "average inter", .75), ("004-table-2", "softmax", "RAF-DB compound", 56.94), ("004-table-3", "trained on RAF-DB", "MMI", 69.71),
    ("004-figure-4", "λ = 0.9", "RAF-DB", 86.38), ("004-features", "512", "RAF-DB", 86.41)])
def test_printed_numbers(name, row, column, value): assert printed(name, row, column) == value

def test_averages_of_table_2_are_those_of_its_columns():
    "By them the columns were put together again; the center loss's do not fit, as the notebook says."
    full, short = EMOTIONET_AUS, {"AU1", "AU4", "AU5", "AU6", "AU12", "AU25", "AU26"}
    for row, fits in (("island loss, transfer", True), ("large margin, transfer", True), ("center loss, supervised", False)):
        f1 = {c.column: c.paper for c in EXPERIMENTS["002-table-2"].cells if c.row == row}
        assert (abs(sum(f1[a] for a in short) / 7 - f1["avg small"]) < .05) == fits and (abs(sum(f1[a] for a in full) / 12 - f1["avg full"]) < .06) == fits

def test_tables_that_print_the_same_training_agree():
    "000's baseline stands in Tables I, II and IV, its clamps in III and IV."
    values = {}
    for e in EXPERIMENTS.values():
        for c in e.cells:
            if c.paper is not None and e.name.startswith("000"): values.setdefault((c.training, c.test, c.measure), set()).add(c.paper)
    assert len(values) == 80 and all(len(v) == 1 for v in values.values())

def test_files_hold_what_is_needed_and_nothing_else():
    for paper, rows in FILES.items():
        assert {row["training"] for row in rows} == set(TRAININGS[paper])
        assert list(dict.fromkeys(row["experiment"] for row in rows)) == [name for name in EXPERIMENTS if name.startswith(paper)]
        keys = [(row["experiment"], row["row"], row["column"]) for row in rows]
        assert len(set(keys)) == len(keys)
        for row in rows: assert set(row) == {"experiment", "row", "column", "training", "test", "measure", "printed"} and all(v for k, v in row.items() if k != "printed")
    assert sum(map(len, FILES.values())) == 295

def test_table_1_of_the_digits_is_the_files():
    assert list(TABLE_1.values()) == [c.paper for c in EXPERIMENTS["003-table-1"].cells if c.measure == "accuracy"]

def test_experiments_know_their_names():
    assert len(EXPERIMENTS) == 19 and all(name == e.name for name, e in EXPERIMENTS.items()) and all(e.cells and e.title for e in EXPERIMENTS.values())
    assert find("003-table-2") is EXPERIMENTS["003-table-2"]
    with pytest.raises(ValueError, match="name: expected one of 000-table-1, .*, got 'table 1'"): find("table 1")
