"Runs of any dimension in the plane."
import copy
import sys
from functools import partial

import numpy as np
import pytest

from fer_nb import embeddings as E
from fer_nb.embeddings import Run
from recorded_parts import a_run

def test_pca_of_a_plane_loses_nothing_and_keeps_the_head():
    rng = np.random.default_rng(0)
    plane = np.linalg.qr(rng.normal(size=(7, 2)))[0].T
    run, w, b = Run(rng.integers(0, 4, 60)), rng.normal(size=(4, 7)), rng.normal(size=4)
    for i in range(3):
        x = rng.normal(size=(60, 2)) @ np.diag([3, 1]) @ plane + np.arange(7)
        run.add(i, x, (x @ w.T + b).argmax(1), centers=x[:4], head=w, bias=b)
    two = E.project(run)
    assert two.d == 2 and run.d == 7 and two.done and two.steps == run.steps and two.recall == run.recall
    for i in range(3):
        from scipy.spatial.distance import pdist
        np.testing.assert_allclose(pdist(two.embedding(i)), pdist(run.embedding(i)), atol=0.01)
        np.testing.assert_allclose(two.centers[i], two.embedding(i)[:4], atol=0.01)
        assert (E.regions(two, i, two.embedding(i)) == (run.embedding(i) @ w.T + b).argmax(1)).mean() > 0.95

def test_pca_keeps_one_basis_for_the_whole_film():
    run = a_run(d=6)
    frozen = copy.copy(run)
    frozen.frames, frozen.scales = [run.frames[-1]] * len(run), [run.scales[-1]] * len(run)
    two = E.project(frozen)
    for i in range(len(two)): np.testing.assert_allclose(two.embedding(i), two.embedding(), atol=1e-3)

def test_tsne_keeps_clusters_and_is_deterministic():
    rng = np.random.default_rng(0)
    run, y = Run(np.arange(40) % 2), np.arange(40) % 2
    for i in range(2): run.add(i, rng.normal(size=(40, 5)) + 20 * y[:, None], y, centers=np.stack([np.zeros(5), np.full(5, 20.)]))
    one, two = E.project(run, "tsne"), E.project(run, "tsne")
    np.testing.assert_array_equal(one.frames, two.frames)
    assert one.head == [] and one.centers[0].shape == (2, 2) and E.separation(one.embedding(), y).min() > 2
    a, b = one.embedding(0), one.embedding(1)
    apart = np.linalg.norm(a[y == 0].mean(0) - a[y == 1].mean(0))
    assert all(np.linalg.norm(a[y == k].mean(0) - b[y == k].mean(0)) < apart / 2 for k in (0, 1))   # the film does not flip

@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_umap(monkeypatch):
    monkeypatch.setattr(pytest.importorskip("numba").config, "DISABLE_JIT", 1)  # on 12 points compiling takes longer than running
    umap = pytest.importorskip("umap")
    monkeypatch.setattr(umap, "UMAP", partial(umap.UMAP, n_epochs=40))          # few points settle soon
    monkeypatch.setattr(umap, "AlignedUMAP", partial(umap.AlignedUMAP, n_epochs=20))
    rng, y = np.random.default_rng(0), np.arange(12) % 3
    run = Run(y)
    for i in range(2): run.add(i, rng.normal(size=(12, 5)) + 20 * np.eye(5)[y], y, centers=20 * np.eye(5)[:3])
    one, two = E.project(run, "umap"), E.project(run, "aligned_umap")
    assert one.d == two.d == 2 and len(one) == len(two) == 2 and one.head == two.head == []
    assert E.separation(one.embedding(), y).min() > 2 and np.isfinite(two.embedding()).all() and two.centers[1].shape == (3, 2)

def test_without_umap_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(ImportError, match=r"pip install fer_nb\[lab\]"): E.project(a_run(d=5), "umap")

BAD = [
    ("method: expected one of pca, tsne, umap, aligned_umap, got 'lda'", lambda: E.project(a_run(d=3), "lda")),
    ("run: expected a Run, got list", lambda: E.project([1])),
    ("run: expected at least one frame", lambda: E.project(Run([0, 1, 2, 3]))),
    ("seed: .*got True", lambda: E.project(a_run(d=3), seed=True)),
    ("seed: .*got 'a'", lambda: E.project(a_run(d=3), seed="a")),
]

@pytest.mark.parametrize("says, call", BAD, ids=[f"{i}-{says[:24]}" for i, (says, _) in enumerate(BAD)])
def test_bad_input_says_what_was_expected(says, call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=says): call()
    assert list(tmp_path.iterdir()) == []
