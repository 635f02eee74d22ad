"Figures and PNGs of a frame."
import pytest

from fer_nb import embeddings as E
from recorded_parts import a_run, walk

def test_figures_show_points_recall_and_accuracy():
    run = walk(name="softmax", minority=[1])
    fig = run.figure()
    top, low = fig.axes
    assert top.get_title() == "softmax\nstep 111 · 100.0% correct by linear head" and [bar.get_height() for bar in low.patches] == [1] * 5
    assert sum(len(c.get_offsets()) for c in top.collections) == 200 and low.patches[1].get_hatch() and not low.patches[0].get_hatch()
    assert [t.get_text() for t in low.get_xticklabels()] == ["c0", "c1†", "c2", "c3", "c4"]
    assert [t.get_text() for t in fig.legends[0].get_texts()][:2] == ["c0", "c1†"] and "† few training samples" in fig.legends[0].get_texts()[5].get_text()
    assert "step 1 ·" in run.figure(0).axes[0].get_title()
    both = E.figures(run, walk(f=3), i=8)
    assert "step 81" in both.axes[0].get_title() and "step 21" in both.axes[1].get_title()   # the shorter one holds its last
    assert run.to_png()[:8] == b"\x89PNG\r\n\x1a\n"

def test_pictures_leave_pyplot_empty():
    import matplotlib.pyplot as plt
    before = plt.get_fignums()
    walk().figure(); walk().to_png()
    assert plt.get_fignums() == before

HOSTILE = [r"$\frac{$", "$", "a$b$c", "a\nb", "a\r\nb\u2028c"]

@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_text_never_formulas_or_lines(name, tmp_path):
    run = walk(k=3, f=2, name=name, class_names=[name, "b", "c"], minority=[0])
    fig = run.figure()
    fig.draw_without_rendering()
    flat = " ".join(name.splitlines()) + "†"
    shown = [label.get_text().replace(r"\$", "$") for label in (*fig.axes[1].get_xticklabels(), *fig.legends[0].get_texts())]
    assert shown[:3] == shown[3:6] == [flat, "b", "c"] and fig.axes[0].get_title().replace(r"\$", "$").startswith(flat[:-1] + "\nstep")
    assert run.to_png()[:4] == b"\x89PNG"
    run.to_gif(tmp_path / "x.gif")
    run.to_html(tmp_path / "x.html")

BAD = [
    ("i: expected a whole number from -2 to 1, got -5", lambda: walk(f=2).figure(-5)),
    ("i: expected a whole number .*got 0.5", lambda: a_run().to_png(0.5)),
    ("runs: expected 2-D frames; use project", lambda: a_run(d=5).figure()),
    ("runs: expected at least one run, got none", lambda: E.figures()),
]

@pytest.mark.parametrize("says, call", BAD, ids=[f"{i}-{says[:24]}" for i, (says, _) in enumerate(BAD)])
def test_bad_input_says_what_was_expected(says, call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=says): call()
    assert list(tmp_path.iterdir()) == []
