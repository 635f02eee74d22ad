"The film as a GIF."
import numpy as np
import pytest

import fer_nb.embeddings.movie as movie
from fer_nb import embeddings as E
from fer_nb.embeddings import Run
from recorded_parts import walk

@pytest.mark.slow
def test_gif_plays_all_frames_and_marks_minorities(tmp_path):
    from PIL import Image
    a, b = walk(n=500, f=60, k=10, minority=[7, 8]), walk(n=500, f=30, k=10, seed=3, minority=[7, 8], name="Ω β")
    a.to_gif(tmp_path / "x.gif", b)
    assert (tmp_path / "x.gif").stat().st_size < 2_000_000
    film = Image.open(tmp_path / "x.gif")
    assert film.n_frames == 60 and film.info["loop"] == 0
    first = np.asarray(film.convert("RGB"), int)
    film.seek(59)
    last = np.asarray(film.convert("RGB"), int)
    assert (first != last).any()
    for k in range(10):
        wanted = np.array([int(E.PALETTE[k][j:j + 2], 16) for j in (1, 3, 5)])
        assert (np.abs(last - wanted).sum(2) < 3).sum() > 20, k

def test_stamped_points_hide_each_other_whole():
    run = Run([0, 1])
    run.add(1, [[0., 0.], [0.12, 0.]], [0, 1])
    canvas = movie._stamped(run, 0, 1., 100, 5)
    colors = movie._colors(2)
    drawn = [(canvas == c).all(2).sum() for c in colors]
    assert max(drawn) == movie._stamp(5, 1)[1].sum() and 0 < min(drawn) < max(drawn)

def test_rare_classes_have_a_ring_and_a_dagger():
    run = Run([0, 1], class_names=["many", "few"], minority=[1])
    run.add(1, [[-.5, 0.], [.5, 0.]], [0, 1])
    canvas = movie._stamped(run, 0, 1., 100, 5)
    dark = (canvas == int(movie.RING[1:3], 16)).all(2)
    assert dark[:, :50].sum() == 0 and dark[:, 50:].sum() > movie._stamp(5, 1)[1].sum() / 2
    words = [text for _, _, text in movie._legend([run], 400, movie._font())[0]]
    assert words == ["● many", "● few†", "† few training samples"]

BAD = [
    ("path: expected a file in an existing folder", lambda: walk(f=2).to_gif("/no/such/folder/run.gif")),
    ("fps: expected .*got 0", lambda: walk(f=2).to_gif("x.gif", fps=0)),
    ("fps: .*got True", lambda: walk(f=2).to_gif("x.gif", fps=True)),
    ("fps: .*got '12'", lambda: walk(f=2).to_gif("x.gif", fps="12")),
    ("fps: expected a finite number above 0 and at most 50, got 51", lambda: walk(f=2).to_gif("x.gif", fps=51)),
]

@pytest.mark.parametrize("says, call", BAD, ids=[f"{i}-{says[:24]}" for i, (says, _) in enumerate(BAD)])
def test_bad_input_says_what_was_expected(says, call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=says): call()
    assert list(tmp_path.iterdir()) == []
