"Cells, tables and figures of rows made by hand."
import json
import math

import pytest
import torch

from fer_nb.files import read_csv
from fer_nb.reproduce import EXPERIMENTS, Cell, Experiment, Training, at_scale, collect, decimals, figures, markdown, show
from fer_nb.reproduce.report import _save, write

T = Training(("kdef",))
E = Experiment("x-figure", "y", (Cell("r", "c", T, "kdef", "accuracy", 50.), Cell("r", "d", T, "kdef", "loss")))
CONFUSION = [[1] * 7] * 7
ROWS = [{"training": at_scale(T, "lab").key(), "seed": s, "measured": {"kdef": {"accuracy": a, "loss": math.nan, "confusion": CONFUSION}}} for s, a in enumerate((60., 70.))] + [
    {"training": at_scale(T, "lab").key(), "seed": 2, "diverged": "NaN"}]


def test_mean_spread_and_difference():
    a, b = collect(E, reversed(ROWS), "lab", {})
    assert (a["ours"], a["seeds"], a["diverged"], a["difference"], a["each"]) == (65., 2, 1, 15., "60 70 nan") and a["sd"] == pytest.approx(50**.5) and math.isnan(b["ours"])
    assert "65.0 ± 7.1 (1 diverged)" in markdown([a, b]) and "+15.0" in markdown([a]) and "embedded lab_color" in markdown([a])
    assert collect(E, ROWS, "lab", {"kdef": "somewhere"})[0]["trained on"] == "KDEF" and math.isnan(collect(E, (), "lab", {})[0]["ours"])

def test_decimals(): assert [decimals(m) for m in ("accuracy", "AU1", "loss", "intra fear", "average inter")] == [1, 1, 2, 2, 2]

def test_every_experiment_shows_itself():
    for name, e in EXPERIMENTS.items():
        text = show(name)
        assert e.title in text and f"{len(e.trainings())} trainings" in text
        for cell in e.cells:
            if cell.paper is not None: assert f"{cell.paper:.2f}" in text
    assert ", goes on with kdef" in show("000-table-2") and "scaling code" in show("003-table-1")

def test_figures_of_rows():
    features = {at_scale(T).key(): {"kdef x": torch.randn(30, 5, generator=torch.Generator().manual_seed(0)), "kdef y": torch.arange(30) % 7}}
    drawn = figures(E, collect(E, ROWS, "lab", {}), ROWS, "lab", features)
    assert set(drawn) == {"table", "confusion r on kdef", "features r"}
    paper, ours, *_ = drawn["table"].data
    assert (paper.name, paper.y, ours.name, ours.y, paper.line.dash) == ("paper", (50.,), "ours", (65.,), "dot") and ours.error_y.array[0] == pytest.approx(50**.5)
    assert drawn["confusion r on kdef"].data[0].z[0][0] == pytest.approx(100 / 7) and len(drawn["features r"].data[0].x) == 30

def test_a_training_of_several_rows_is_called_by_its_column():
    e = Experiment("x", "y", (Cell("r", "joint", T, "kdef", "accuracy"), Cell("s", "joint", T, "ckplus", "accuracy")))
    assert "confusion joint on kdef" in figures(e, collect(e, (), "lab", {}), ROWS)

def test_files(tmp_path):
    rows = [row | {"training": at_scale(T, "smoke").key()} for row in ROWS]
    write(E, collect(E, rows, "smoke", {}), rows, "smoke", {"kdef": "here"}, 3, tmp_path, tmp_path/"work")
    about = json.loads((tmp_path/"x-figure.json").read_text(encoding="utf-8"))
    assert about["seeds"] == [0, 1, 2] and about["data"] == {"kdef": "here"} and about["trainings"][at_scale(T, "smoke").key()]["network"] == "labcnn"
    assert [row["ours"] for row in read_csv(tmp_path/"x-figure.csv")] == ["65.0", "nan"] and "65.0 ± 7.1" in (tmp_path/"x-figure.md").read_text(encoding="utf-8")
    assert (tmp_path/"figures/x-figure table.html").stat().st_size > 1000

@pytest.mark.slow
def test_figures_as_png(tmp_path, monkeypatch):
    kaleido = pytest.importorskip("kaleido")
    import plotly.graph_objects as go
    draw = kaleido.write_fig_from_object_sync
    monkeypatch.setattr(kaleido, "write_fig_from_object_sync",                    # on a busy machine its browser may take longer than 90 seconds
                        lambda *a, kopts, **how: draw(*a, kopts=kopts | {"timeout": None}, **how))
    _save({"a/b": go.Figure(go.Scatter(y=[1, 2])), "c": go.Figure()}, tmp_path/"figures", png=True)
    assert {p.name for p in (tmp_path/"figures").iterdir()} >= {"a-b.html", "c.html"}
    for name in ("a-b", "c"): assert (tmp_path/f"figures/{name}.png").read_bytes()[:4] == b"\x89PNG"

def test_a_figure_that_kaleido_gives_up_is_said(tmp_path, monkeypatch):
    pytest.importorskip("kaleido")
    import plotly.graph_objects as go
    monkeypatch.setattr("plotly.io.write_images", lambda *a: None)
    with pytest.warns(UserWarning, match=r"not as PNG: FileNotFoundError: .*c\.png"): _save({"c": go.Figure()}, tmp_path/"figures", png=True)
