"Names of classes, runs and files are text everywhere: no markup, no formula, no line break of a table, no sign that steers a terminal."
import csv
import re

import numpy as np
import pytest
import torch

from fer_nb import plots, separate_loss, tables, wmnist
from fer_nb.batches import balance_figure
from fer_nb.centers import center_loss, force_field
from fer_nb.checks import printable
from fer_nb.cli import main
from fer_nb.datasets import FaceFolder, Report
from fer_nb.embeddings import Run, figures
from fer_nb.files import cell_text, plain_cell, read_csv, write_csv
from fer_nb.large_margin import f1_text
from fer_nb.pictures import show
from fer_nb.training import confusion_figure, curves_figure, schedule_figure, score

NAMES = [r"$\frac{$", "$x$ and $y$", "a\nb", "a\r\nb\u2028c", "<script>alert(1)</script>", "</script><!--", "a|b", r"a\|b", "=1+1", "@SUM(A1)", "-x", "+x", "\tx",
         "\x1b[2J\x1b]0;title\x07", "\u202egnp.exe", "%s {0} {name}", "'; DROP", "&amp;", "日本語 é 😀", "", " ", "\udcff"]

def drawn(figure):
    "All texts of a figure; it must be possible to draw it."
    from matplotlib.text import Text
    figure.savefig("figure.png", format="png")
    return " ".join(t.get_text() for t in figure.findobj(Text))

def a_run(name, classes=None):
    run = Run(np.arange(6) % 2, classes, name)
    for s in (1, 2): run.add(s, np.random.default_rng(s).normal(size=(6, 2)), np.arange(6) % 2, centers=np.eye(2), losses={"softmax": 1.})
    return run

@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch): monkeypatch.chdir(tmp_path)

FIGURES = {
    "run": lambda name: figures(a_run(name, [name, "b"])), "show": lambda name: show([torch.rand(1, 8, 8)], [name]),
    "confusion": lambda name: confusion_figure({name: score(torch.arange(2), torch.arange(2), 2)}, [name, "b"]),
    "curves": lambda name: curves_figure({name: ([1., 2.], [1., 2.])}), "schedule": lambda name: schedule_figure({name: lambda n, total: 1.}, 5),
    "balance": lambda name: balance_figure({name: 3, "b": 5}), "force": lambda name: force_field({name: center_loss}, torch.eye(2), 0, grid=3),
    "similarity": lambda name: separate_loss.similarity_figure(a_run("", [name, "b"])),
    "wild": lambda name: wmnist.wild_figure(torch.zeros(8, 28, 28, dtype=torch.uint8), torch.arange(8) % 2, [2, 1], names=[name, "b"]),
    "samples": lambda name: FaceFolder(["a.png", "b.png"], [0, 1], classes=[name, "b"], opener=lambda path: __import__("PIL.Image").Image.new("L", (4, 4))).describe().figure,
}

@pytest.mark.parametrize("what", FIGURES)
def test_in_figures(what):
    for name in NAMES[:4] + NAMES[-5:]:
        if name == "" and what in ("curves", "schedule"): continue # without a label there is no legend
        said = drawn(FIGURES[what](name))
        assert "".join(printable(name).split()) in "".join(said.replace(r"\$", "$").split()), name

def test_a_name_for_a_picture_has_no_formula():
    assert plots.literal("$x$\ny") == r"\$x\$ y"

@pytest.mark.parametrize("name", NAMES)
def test_in_films_and_files(name):
    run = a_run(name, [name, "b"])
    if name != "\udcff": # no text that can be written
        run.save("run.npz")
        again = Run.load("run.npz")
        assert (again.name, again.class_names) == (name, [name, "b"])
    run.to_gif("run.gif")
    run.to_png()

@pytest.mark.parametrize("name", [name for name in NAMES if name != "\udcff"])
def test_in_pages(name):
    a_run(name, [name, "b"]).to_html("run.html")
    page = open("run.html", encoding="utf-8", newline="").read()
    assert page.count("<script") - page.count("\\<script") == re.sub(r"\\u003c", "", page).count("<script")
    assert "<script>alert(1)" not in page and page.count("</script>") == 2
    data = FaceFolder(["a.png"], [0], name=name, classes=[name], opener=lambda path: __import__("PIL.Image").Image.new("L", (4, 4)))
    assert "<script>alert" not in data.describe()._repr_html_() + data.report._repr_html_()

def cells(line):
    "A row of a Markdown table as GitHub reads it."
    return [re.sub(r"\\([|\\])", r"\1", cell.strip()) for cell in re.findall(r"((?:\\.|[^|\\])*)\|", line.strip()[1:])]

@pytest.mark.parametrize("name", NAMES)
def test_in_markdown(name):
    text = tables.markdown([["name", "value"], [name, 1]])
    assert len(text.splitlines()) == 3 and [len(cells(line)) for line in text.splitlines()] == [2, 2, 2] and text.isprintable() is False # line breaks
    assert all(line.isprintable() for line in text.splitlines())
    if "|" in name or name in ("a\nb", "=1+1"): assert cells(text.splitlines()[2])[0].replace("\\", "") == printable(name).replace("\\", "")
    assert len(f1_text({name: torch.rand(1)}, [1]).splitlines()) == 3
    table = separate_loss.similarity_table(torch.eye(2), torch.arange(2), torch.eye(2))
    assert len(separate_loss.similarity_text({name: table}, [name, "b"]).splitlines()) == 3

@pytest.mark.parametrize("name", [name for name in NAMES if name != "\udcff"])
def test_in_tables_for_spreadsheets(name):
    rows = [{"name": name, name or "key": "x", "number": -1.5}]
    write_csv("a.csv", rows)
    held = [cell for row in csv.reader(open("a.csv", encoding="utf-8", newline="")) for cell in row]
    assert not [cell for cell in held if re.match(r"[=+@\t\r-]", cell) and cell != "-1.5"]
    assert read_csv("a.csv") == [{k: str(v) for k, v in rows[0].items()}]
    assert cell_text(plain_cell(name)) == name

def test_numbers_stay_numbers_and_an_apostrophe_comes_back():
    assert [plain_cell(text) for text in ("-1.5", "+3", "-inf", "'a", "''=x", "a=b")] == ["-1.5", "+3", "-inf", "'a", "'''=x", "a=b"]
    assert [cell_text(cell) for cell in ("-1.5", "'a", "'''=x", "'=x", "=x")] == ["-1.5", "'a", "''=x", "=x", "=x"]

@pytest.mark.parametrize("name", NAMES)
def test_on_the_terminal(name, capsys):
    report = str(Report(name, 1, problems=[(name, name)], dropped={name: 1}))
    assert all(line.isprintable() for line in report.splitlines()) and len(report.splitlines()) == 3
    assert main(["doctor", f"{name}.npz".replace("\0", "")]) == 2
    assert main(["wmnist", "--losses", name or "x", "--seeds", "1"]) == 2
    assert all(line.isprintable() for line in "".join(capsys.readouterr()).splitlines())

def test_losses_named_by_a_run_on_the_terminal(capsys):
    run = Run(np.arange(6) % 2)
    for s in (1, 2): run.add(s, np.random.default_rng(s).normal(size=(6, 2)), np.arange(6) % 2, losses={"\x1b[2J": 1.})
    run.save("run.npz")
    main(["doctor", "run.npz"])
    assert r"losses \x1b[2J" in capsys.readouterr().out
