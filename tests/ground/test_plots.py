"Colors and axes of every picture."
import sys

import numpy as np
import subprocess
from hypothesis import given, settings, strategies as st

from fer_nb.plots import PALETTE, color, figure, principal_axes


def test_ten_colors_go_round():
    assert len(set(PALETTE)) == 10 and all(len(c) == 7 and c[0] == "#" for c in PALETTE)
    assert [color(k) for k in range(20)] == PALETTE * 2

def test_figures_are_unknown_to_pyplot_and_need_no_screen():
    import matplotlib.pyplot as plt
    before = plt.get_fignums()
    fig, axes = figure(6, 2, 2, 3, sharex=True)
    assert axes.shape == (2, 3) and plt.get_fignums() == before and fig.dpi == 80
    assert fig.get_layout_engine().__class__.__name__ == "ConstrainedLayoutEngine"

def test_importing_plots_needs_no_matplotlib():
    done = subprocess.run([sys.executable, "-c", "import sys, fer_nb.plots; print('matplotlib' in sys.modules, 'torch' in sys.modules)"], capture_output=True, text=True)
    assert done.stdout.split() == ["False", "False"], done.stderr

@settings(max_examples=30)
@given(st.integers(0, 10**6), st.integers(2, 6))
def test_principal_axes_are_the_widest_directions(seed, D):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(50, D)) * np.arange(1, D + 1) + rng.normal(size=D)
    mean, axes = principal_axes(x)
    values, vectors = np.linalg.eigh(np.cov(x.T, bias=True))
    assert np.allclose(mean, x.mean(0)) and np.allclose(axes.T @ axes, np.eye(2), atol=1e-9)
    assert np.allclose(((x - mean) @ axes).var(0), values[::-1][:2])
    assert (axes[np.abs(axes).argmax(0), [0, 1]] > 0).all()

def test_a_kernel_shows_a_figure_that_pyplot_does_not_know():
    from nbclient import NotebookClient
    from nbformat.v4 import new_code_cell, new_notebook
    book = new_notebook(cells=[new_code_cell("from fer_nb.plots import figure\nfigure(2, 1)[0]")])
    NotebookClient(book, timeout=600, kernel_name="python3").execute()
    assert "image/png" in book.cells[0].outputs[0].data
