"Scores, one training, recordings."
import json
import math
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch

from fer_nb.backbones import Output
from fer_nb.embeddings import Run, regions
from fer_nb.papers import (HEADS, LOSSES, Data, Recipe, class_means, label, recording, score, start, train, wild_data)
from fer_nb.training import Objective
from papers_parts import DIVERGES, TINY, same


def scores(row): return {k: v for k, v in row.items() if k not in asdict(Recipe())}


# ---- scores

class Fixed(torch.nn.Module):
    "A network whose input, (N, 2), is its embedding, with a given linear head"
    def __init__(self, head):
        super().__init__()
        self.head = torch.nn.Parameter(head)
    def forward(self, x): return Output(x, x @ self.head.T)

def by_hand():
    "Three classes with 8, 8 and 2 images; the heads of `Fixed` point to 0°, 90° and 45°"
    s = 2**-.5
    model = Fixed(torch.tensor([[1., 0.], [0., 1.], [s, s]]))
    x = torch.tensor([[2., 0.]]*8 + [[0., 2.]]*8 + [[1., 1.]]*2)
    y = torch.tensor([0]*8 + [1]*8 + [2]*2)
    #                  linear: 0       0        1         2 (0.9 · √2 > 1, but not by log 4)         1
    test = torch.tensor([[3., 0.], [1., .2], [0., 2.], [1., .8], [.1, 3.]]), torch.tensor([0, 1, 1, 2, 2])
    return model, Data(x, y, (x[:2], y[:2]), test, [8, 8, 2], torch.zeros(2, 28, 28, dtype=torch.uint8))

def test_score_by_hand():
    model, data = by_hand()
    row = score(model, Objective(), data)
    # linear: predictions 0 0 1 2 1; recall 1/1, 1/2, 1/2
    assert row['linear'] == pytest.approx(60) and row['linear_balanced'] == pytest.approx(200/3)
    assert row['linear_majority'] == pytest.approx(75) and row['linear_minority'] == pytest.approx(50)
    # prior adds log 4 = 1.386 to class 2 against the others: (1, .2): .85 + 1.39 > 1 and (.1, 3): 2.19 + 1.39 > 3, (3, 0): 2.12 + 1.39 > 3, (0, 2): 1.41 + 1.39 > 2
    assert row['prior'] == pytest.approx(40) and row['prior_balanced'] == pytest.approx(100/3) and row['prior_majority'] == 0 and row['prior_minority'] == 100
    # nearest of the class means (2, 0), (0, 2), (1, 1): 0, 0 or 2: (1, .2) is √1.04 from the first, .8 from the last; 1, 2, 1
    assert row['center'] == pytest.approx(60) and row['center_majority'] == pytest.approx(75) and row['center_minority'] == pytest.approx(50)
    assert set(row) == {h + s for h in HEADS for s in ('', '_balanced', '_majority', '_minority')} and all(type(v) is float for v in row.values())

def test_score_prefers_the_objectives_own_centers():
    model, data = by_hand()
    class Centers(torch.nn.Module):
        centers = torch.tensor([[0., 0.], [9., 9.], [-9., -9.]])
    row = score(model, Objective(center=Centers()), data)
    assert row['center'] == pytest.approx(20)  # everything is nearest to the first
    assert row['linear'] == pytest.approx(60)

def test_score_of_the_watched_part_and_of_balanced_data():
    model, data = by_hand()
    assert score(model, Objective(), data, 'watch')['linear'] == 100
    assert math.isnan(score(model, Objective(), data._replace(counts=[6, 6, 6]))['linear_minority'])
    with pytest.raises(ValueError, match='part: expected one of test, watch, got .valid'): score(model, Objective(), data, 'valid')

def test_class_means_keeps_the_mode():
    model, data = by_hand()
    model.train()
    torch.testing.assert_close(class_means(model, data.x, data.y, 3, batch_size=5), torch.tensor([[2., 0.], [0., 2.], [1., 1.]]))
    assert model.training


# ---- one training

def test_train_gives_a_row():
    r = Recipe('center', **TINY)
    row = train(r)
    assert {k: row[k] for k in asdict(r)} == asdict(r) and row['part'] == 'test'
    assert all(0 <= row[h] <= 100 for h in HEADS) and json.loads(json.dumps(row)) == {**row}
    assert same(row, train(r))
    assert not same(scores(row), scores(train(replace(r, seed=1))))
    watched = train(r, part='watch')
    assert watched['part'] == 'watch' and watched['center'] != row['center']
    with pytest.raises(ValueError, match='part'): train(r, part='train')

def test_recording_changes_nothing_and_saves_the_movie(tmp_path):
    r = Recipe('dda', seed=2, **TINY)
    assert same(train(r), train(r, tmp_path/'m.npz'))
    run = Run.load(tmp_path/'m.npz')
    assert Recipe(**run.recipe) == r and run.seed == 2 and run.name == label(r) and list(run.minority) == [6, 7, 8, 9]
    assert run.steps[-1] == run.total and run.embedding().shape == (500, 2) and run.images.shape == (500, 28, 28)

def test_recording_is_lazy_and_equals_the_training():
    run = recording(Recipe('softmax', **TINY), every=1, seed=1)
    assert len(run) == 0 and not run.done and run.name == 'softmax' and run.seed == 1
    run.finish()
    r = Recipe('softmax', seed=1, **TINY)
    for step in start(r): pass
    data = wild_data(r)
    step.model.eval()
    with torch.no_grad(): e = step.model(data.watch[0]).embedding.numpy()
    assert run.done and np.abs(run.embedding() - e).max() <= run.scales[-1]/32767
    assert np.array_equal(run.labels, data.watch[1].numpy()) and np.array_equal(run.images, data.images.numpy())

def test_diverged_training_is_a_row_that_says_so(tmp_path):
    row = train(Recipe('softmax', **TINY | DIVERGES | dict(epochs=20)), tmp_path/'m.npz')
    assert isinstance(row['diverged'], int) and row['diverged'] >= 1 and 'linear' not in row
    assert not (tmp_path/'m.npz').exists()

@pytest.mark.parametrize('loss', LOSSES[7:])
def test_films_of_the_arena_show_the_regions_the_network_means(loss):
    run = recording(Recipe(loss, lr=.1, **TINY | dict(epochs=3))).finish()
    assert run.name == label(Recipe(loss)) and set(run.losses) - {'total', 'softmax'} == {loss}
    assert (regions(run, -1, run.embedding()) == run.predictions).mean() > .99
