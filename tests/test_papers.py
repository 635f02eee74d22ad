"Recipes, Wild-MNIST data, trainings, comparisons and tables: fer_nb.papers, from the installed package."
import csv
import json
import math
import os
import signal
import subprocess
import sys
from dataclasses import FrozenInstanceError, asdict, fields, replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from fer_nb.backbones import Output
from fer_nb.embeddings import Run, regions
from fer_nb.papers import (HEADS, LOSSES, PRESETS, TABLE_1, Data, Recipe, build, class_means, compare, interval, label, movie_path, paired, read_rows,
                           preset, recording, score, spread, start, table, train, wild_data)
from fer_nb.files import append_line, read_lines
from fer_nb.tables import finished
from fer_nb.training import Objective, evaluate
from waiting import alive, wait_for

TINY = dict(majority=40, epochs=1, width=0.1)  # a training of about 0.1 s
DIVERGES = dict(lr=1e9, clip=None)


@pytest.fixture(autouse=True, scope='module')
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def scores(row): return {k: v for k, v in row.items() if k not in asdict(Recipe())}

def same(a, b): return json.dumps(a) == json.dumps(b)  # NaN equals NaN


# ---- recipes

def test_recipe_is_frozen_and_hashable():
    r = Recipe()
    with pytest.raises(FrozenInstanceError): r.loss = 'softmax'
    assert {Recipe(): 1}[Recipe()] == 1 and hash(Recipe(profile=[9]*10)) == hash(Recipe(profile=(9,)*10))
    assert PRESETS['lab'] == Recipe()

def test_equal_recipes_are_written_the_same():
    a, b = Recipe(gamma=3, majority=300, width=1), Recipe(gamma=3.0, majority=np.int64(300), width=1.0)
    assert a == b and json.dumps(asdict(a)) == json.dumps(asdict(b))
    assert json.loads(json.dumps(asdict(a))) == {**asdict(a)} and Recipe(**json.loads(json.dumps(asdict(a)))) == a

def test_recipe_goes_through_json_with_explicit_counts_and_a_folder(tmp_path):
    r = Recipe(profile=[5, 4, 3, 2, 1]*2, data=tmp_path)
    assert r.data == str(tmp_path) and r.profile == (5, 4, 3, 2, 1)*2
    assert Recipe(**json.loads(json.dumps(asdict(r)))) == r

@pytest.mark.parametrize('field, value', [
    ('loss', 'sofmax'), ('loss', None), ('schedule', 'step'), ('scaling', 'both'), ('centers', 'moving'),
    ('profile', 'wild'), ('profile', (1, 2, 3)), ('profile', (0,) + (5,)*9), ('profile', 5), ('profile', (1.5,)*10),
    ('majority', 0), ('majority', 2.5), ('majority', 300.), ('data', 5), ('majority', '300'), ('seed', -1), ('seed', 2**32), ('seed', 0.5), ('seed', True),
    ('epochs', 0), ('epochs', -3), ('epochs', 1.5), ('epochs', None), ('lr', 0), ('lr', -0.1), ('lr', math.inf), ('lr', math.nan), ('lr', '0.1'),
    ('lam', -1), ('lam', math.nan), ('gamma', -1e-9), ('gamma', math.inf), ('gamma', None), ('alpha', 0), ('alpha', 1.01), ('alpha', math.nan),
    ('tau', 0), ('m', -.1), ('beta', 1), ('beta', -.1), ('feat_dim', 0), ('feat_dim', 2.), ('width', 0), ('width', -1), ('width', True), ('size', 11), ('size', 29), ('size', 14.5), ('batch_size', 0), ('clip', 0), ('clip', -5), ('clip', math.nan)])
def test_recipe_names_the_bad_field(field, value):
    with pytest.raises(ValueError, match=rf'^{field}\b') as e: Recipe(**{field: value})
    assert '\n' not in str(e.value) and (repr(value) in str(e.value) or isinstance(value, tuple))
    with pytest.raises(ValueError, match=rf'^{field}\b'): replace(Recipe(), **{field: value})

def test_limits_themselves_are_allowed():
    Recipe(majority=1, seed=0, epochs=1, lam=0, gamma=0, alpha=1, size=12, batch_size=1, clip=None)
    Recipe(seed=2**32 - 1, size=28)
    build(Recipe(alpha=1, size=12, gamma=0, lam=0))


# ---- data

def bag(x): return [row.numpy().tobytes() for row in x.flatten(1)]

def test_wild_data_parts_are_disjoint_and_have_the_promised_counts():
    d = wild_data(Recipe())
    assert d.counts == [300]*6 + [20, 30, 40, 60] and torch.bincount(d.y).tolist() == d.counts
    assert torch.bincount(d.watch[1]).tolist() == [50]*10 and torch.bincount(d.test[1]).tolist() == [150]*10
    parts = [bag(d.x), bag(d.watch[0]), bag(d.test[0])]
    assert all(len(set(p)) == len(p) for p in parts) and len(set().union(*parts)) == sum(map(len, parts))
    assert d.x.shape == (1950, 1, 14, 14) and d.images.shape == (500, 28, 28) and d.images.dtype == torch.uint8

def test_watched_pictures_are_the_watched_inputs():
    d = wild_data(Recipe(size=28))
    torch.testing.assert_close((d.images.float() - 127.5)/128, d.watch[0][:, 0])

def test_wild_data_depends_on_the_seed_alone():
    a, b, c = wild_data(Recipe(**TINY)), wild_data(Recipe('softmax', **TINY | dict(epochs=9), lr=1)), wild_data(Recipe(seed=1, **TINY))
    assert torch.equal(a.x, b.x) and torch.equal(a.y, b.y)
    assert not torch.equal(a.x, c.x) and torch.bincount(a.y).equal(torch.bincount(c.y))
    assert torch.equal(a.watch[0], c.watch[0]) and torch.equal(a.test[0], c.test[0])  # the same for every seed

def test_wild_data_with_explicit_counts():
    assert torch.bincount(wild_data(Recipe(profile=tuple(range(1, 11)))).y).tolist() == list(range(1, 11))

def test_wild_data_says_which_class_has_too_few():
    wild_data(Recipe(majority=300, profile='balanced'))
    with pytest.raises(ValueError, match='class 0: 301 wanted, 300 available.*IDX'): wild_data(Recipe(majority=301))


# ---- network and objective

def test_losses_of_one_seed_start_alike():
    built = {loss: build(Recipe(loss, seed=3, **TINY)) for loss in LOSSES}
    first = built['softmax'][0].state_dict()
    for loss, (model, objective) in built.items():
        same = [k for k, v in model.state_dict().items() if k in first and torch.equal(first[k], v)]
        assert set(first) - set(same) == ({'classifier.weight'} if loss in ('angular', 'ldam', 'cosface', 'etf') else set()), loss
    centers = {loss: next(m.centers for m in objective.modules() if hasattr(m, 'centers')) for loss, (_, objective) in built.items() if loss in ('center', 'island', 'dda', 'separate', 'margin')}
    assert all(torch.equal(centers['center'], centers[loss]) for loss in ('dda', 'island', 'separate')) and not centers['margin'].any()
    assert centers['dda'].shape == (10, 2) and centers['dda'].std() > 0
    other = build(Recipe(seed=4, **TINY))[0].state_dict()
    assert not torch.equal(first['embed.1.weight'], other['embed.1.weight'])

def test_objective_terms_carry_the_recipe():
    assert build(Recipe('softmax', **TINY))[1].weights == {'softmax': 1.}
    assert build(Recipe('center', lam=.25, **TINY))[1].weights == {'softmax': 1., 'center': .25}
    assert build(Recipe('island', lam=.5, **TINY))[1].weights == {'softmax': 1., 'island': .5}
    assert build(Recipe('separate', lam=.9, alpha=.3, **TINY))[1].weights == {'softmax': 1., 'separate': .9}
    assert build(Recipe('margin', lam=2, alpha=.3, **TINY))[1].terms['margin'].alpha == build(Recipe('separate', alpha=.3, **TINY))[1].terms['separate'].alpha == .3
    assert build(Recipe('angular', s=5, **TINY))[0].classifier.s == 5. and build(Recipe('angular', **TINY))[1].weights == {'softmax': 1.}
    dda = build(Recipe('dda', lam=.1, gamma=7, alpha=.3, scaling='code', **TINY))[1].terms['dda']
    assert (dda.lam, dda.gamma, dda.alpha, dda.scaling) == (.1, 7., .3, 'code')
    own = lambda centers: sum(p.numel() for p in build(Recipe('dda', centers=centers, **TINY))[1].parameters())
    assert (own('rule'), own('autograd')) == (0, 20)

def test_softmax_on_angles_keeps_its_class_vectors_at_length_one_and_its_regions_right():
    r = Recipe('angular', epochs=2, lr=.1, **{k: v for k, v in TINY.items() if k not in ('epochs', 'lr')})
    model, _ = build(r)
    even = model.classifier.weight @ model.classifier.weight.T
    torch.testing.assert_close(even[0].sort().values, torch.tensor([math.cos(2*math.pi*k/10) for k in (5, 4, 6, 3, 7, 2, 8, 1, 9, 0)]))
    run = recording(r).finish()
    torch.testing.assert_close(torch.from_numpy(run.head[-1]).norm(dim=1), torch.ones(10))
    assert abs(run.head[-1] - run.head[0]).max() > .01
    assert (regions(run, -1, run.embedding()) == run.predictions).mean() > .99

def test_centers_that_are_directions_are_no_places_for_the_nearest_center():
    for loss in ('separate', 'margin', 'angular'):
        r = Recipe(loss, **TINY)
        step = list(start(r))[-1]
        d = wild_data(r)
        means = class_means(step.model, d.x, d.y)
        expected = 100*evaluate(step.model, *d.test, head='center', centers=means).accuracy
        assert score(step.model, step.objective, d)['center'] == pytest.approx(expected)

def test_dda_without_gamma_is_center_loss():
    "while centers follow the gradient; by the papers' rules they move differently, whatever γ is"
    gap = {}
    for centers in ('autograd', 'rule'):
        a, b = ([s.losses['total'] for s in start(Recipe(loss, gamma=0, centers=centers, **TINY))] for loss in ('center', 'dda'))
        torch.testing.assert_close(a[0], b[0])
        gap[centers] = max((s - t).abs().item() for s, t in zip(a, b))
    assert gap['autograd'] < 1e-5 and gap['rule'] > 1e-3

def test_start_gives_every_loss_the_same_batches():
    a, b = (list(start(Recipe(loss, **TINY))) for loss in ('softmax', 'dda'))
    assert len(a) == len(b) == a[0].total == math.ceil((6*40 + 2 + 4 + 5 + 8)/128)
    assert all(torch.equal(s.batch[0], t.batch[0]) and torch.equal(s.batch[1], t.batch[1]) for s, t in zip(a, b))
    torch.testing.assert_close(a[0].output.embedding, b[0].output.embedding)
    assert set(a[0].losses) == {'softmax', 'total'} and set(b[0].losses) == {'softmax', 'dda', 'total'}

def test_start_takes_loaded_data_and_options_of_fit(tmp_path):
    r = Recipe('softmax', **TINY)
    d = wild_data(r)
    a = [s.losses['total'].item() for s in start(r, d, checkpoint=tmp_path/'c')]
    assert a == [s.losses['total'].item() for s in start(r)] and list((tmp_path/'c').iterdir())


# ---- the paper's protocol

PAPER = dict(epochs=100, batch_size=128, lr=0.001, schedule='staircase', lam=0.01, width=1., size=28, clip=None, alpha=0.5, scaling='code')

def test_paper_preset_is_the_papers_protocol():
    recipes = preset('paper')
    assert [(r.loss, r.gamma) for r in recipes if r.loss == 'dda'] == [('dda', g) for g in (1., 3., 5., 7.)]
    assert [r.loss for r in recipes] == ['softmax', 'center'] + ['dda']*4
    for r in recipes: assert {k: getattr(r, k) for k in PAPER} == PAPER

def test_paper_network_is_at_full_width():
    model, _ = build(preset('paper')[0])
    convs = [m for m in model.modules() if isinstance(m, torch.nn.Conv2d)]
    assert [c.out_channels for c in convs] == [32, 32, 64, 64, 128, 128] and {c.kernel_size for c in convs} == {(5, 5)}
    assert model.embed[1].weight.shape == (2, 1152) and model.classifier.bias is None
    assert model(torch.zeros(1, 1, 28, 28)).logits.shape == (1, 10)

def test_paper_learning_rate_at_every_step():
    "100 epochs of two batches: 0.001, divided by 1.25 after each 20 epochs"
    r = replace(preset('paper')[0], profile=(13,)*10, width=.05, size=14)
    seen = [(s.epoch, s.lr) for s in start(r)]
    assert [e for e, _ in seen] == [e for e in range(1, 101) for _ in range(2)]
    expected = {1: 0.001, 20: 0.001, 21: 0.0008, 40: 0.0008, 41: 0.00064, 60: 0.00064, 61: 0.000512, 80: 0.000512, 81: 0.0004096, 100: 0.0004096}
    for epoch, lr in seen:
        assert lr == pytest.approx(0.001/1.25**((epoch - 1)//20), rel=1e-9)
        if epoch in expected: assert lr == pytest.approx(expected[epoch], rel=1e-9)

def test_paper_stairs_stay_20_epochs_long_when_epochs_change():
    r = replace(preset('paper', epochs=50)[0], profile=(1,)*10, width=.05, size=14)
    lr = [s.lr for s in start(r)]
    assert lr == pytest.approx([0.001]*20 + [0.0008]*20 + [0.00064]*10)

def test_paper_optimizer_is_sgd_with_momentum_and_weight_decay():
    "Three steps of `start` equal momentum SGD written out by hand, without a clip"
    r = replace(preset('paper')[0], profile=(40,)*10, width=.1, size=14, lr=.01)
    model, _ = build(r)
    weights = {k: p.detach().double().clone() for k, p in model.named_parameters()}
    moment, model = {k: torch.zeros_like(w) for k, w in weights.items()}, model.double()
    for n, step in zip(range(3), start(r)):
        with torch.no_grad():
            for k, p in model.named_parameters(): p.copy_(weights[k])
        model.zero_grad()
        F.cross_entropy(model(step.batch[0].double()).logits, step.batch[1]).backward()
        for k, p in model.named_parameters():
            moment[k] = .9*moment[k] + p.grad + 5e-4*weights[k]
            weights[k] = weights[k] - .01*moment[k]
        for k, p in step.model.named_parameters(): torch.testing.assert_close(p.detach().double(), weights[k], rtol=1e-4, atol=1e-5)

def test_table_1_as_printed():
    # Farzaneh & Qi (2020), Table 1: softmax 96.78 · center (λ 0.01) 97.12 · DDA (λ 0.01) with γ 1, 3, 5, 7: 97.17, 97.17, 97.15, 97.34
    assert list(TABLE_1.items()) == [(('softmax', None), 96.78), (('center', None), 97.12), (('dda', 1.), 97.17), (('dda', 3.), 97.17),
                                     (('dda', 5.), 97.15), (('dda', 7.), 97.34)]
    assert [(r.loss, r.gamma if r.loss == 'dda' else None) for r in preset('paper')] == list(TABLE_1)

def test_preset_changes_and_errors():
    assert [r.loss for r in preset()] == ['softmax', 'center', 'dda'] and preset()[2] == Recipe()
    assert [r.gamma for r in preset('paper', ['dda'], gamma=2)] == [2.]
    assert all(r.epochs == 2 and r.profile == 'mild' for r in preset('paper', epochs=2, profile='mild'))
    with pytest.raises(ValueError, match='preset: expected one of lab, paper, got .big'): preset('big')
    with pytest.raises(ValueError, match='changes: expected fields of a recipe .loss, .*got momentum'): preset('lab', momentum=.9)
    with pytest.raises(ValueError, match='loss: expected one of softmax, .*sofmax'): preset('lab', ['sofmax'])
    with pytest.raises(ValueError, match='epochs'): preset('lab', epochs=0)


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


# ---- comparisons

PAIR = [Recipe('softmax', **TINY), Recipe('dda', **TINY)]

@pytest.fixture(scope='module')
def rows(tmp_path_factory):
    "A comparison by two processes, with its folder"
    out = tmp_path_factory.mktemp('compare')
    return compare(PAIR, 2, out, movies=True, workers=2, progress=False), out

def test_compare_orders_rows_by_recipe_then_seed(rows):
    assert [(r['loss'], r['seed']) for r in rows[0]] == [('softmax', 0), ('softmax', 1), ('dda', 0), ('dda', 1)]
    assert [asdict(replace(r, seed=s)) for r in PAIR for s in (0, 1)] == [{f.name: row[f.name] for f in fields(Recipe)} for row in rows[0]]

def test_one_worker_two_workers_and_train_agree(rows):
    threads = torch.get_num_threads()
    assert same(rows[0], compare(PAIR, 2, workers=1, progress=False))
    assert same(rows[0][3], train(replace(PAIR[1], seed=1)))
    assert torch.get_num_threads() == threads

def test_compare_writes_rows_csv_and_movies(rows):
    rows, out = rows
    assert sorted(map(json.dumps, finished(out/'rows.jsonl').values())) == sorted(map(json.dumps, rows))
    assert set(finished(out/'rows.jsonl')) == {f'{replace(r, seed=s).key()} test' for r in PAIR for s in (0, 1)}
    with (out/'results.csv').open(newline='') as f: read = list(csv.DictReader(f))
    assert [(r['loss'], int(r['seed']), float(r['center_balanced'])) for r in read] == [(r['loss'], r['seed'], r['center_balanced']) for r in rows]
    assert sorted(p.name for p in out.glob('*.npz')) == sorted(movie_path(out, r).name for r in PAIR)
    assert [Recipe(**Run.load(movie_path(out, r)).recipe) for r in PAIR] == PAIR

@pytest.fixture
def no_training(monkeypatch):
    "Makes a training in this process fail, and other processes impossible"
    calls = []
    def train(r, *args): calls.append(r); raise RuntimeError('trained')
    monkeypatch.setattr('fer_nb.papers.comparing.train', train)
    monkeypatch.setattr('fer_nb.tables.ProcessPoolExecutor', None)
    return calls

def copy(out, to, text=None):
    to.mkdir()
    for f in out.iterdir(): (to/f.name).write_bytes(f.read_bytes())
    if text is not None: (to/'rows.jsonl').write_text(text)
    return to

def test_a_finished_comparison_is_not_trained_again(rows, tmp_path, no_training):
    rows, out = rows
    again = compare(PAIR, 2, copy(out, tmp_path/'c'), movies=True, workers=2, progress=False)
    assert same(rows, again) and not no_training
    assert same(rows[:1], compare(PAIR[:1], 1, tmp_path/'c', workers=1, progress=False))
    assert same(rows[2:], compare(PAIR[1:], 2, tmp_path/'c', workers=1, progress=False))

@pytest.mark.parametrize('change', [dict(lr=.01), dict(seed=0, gamma=1), dict(profile='mild')])
def test_another_recipe_is_trained(rows, tmp_path, no_training, change):
    with pytest.raises(RuntimeError, match='trained'):
        compare([replace(PAIR[1], **change)], 1, copy(rows[1], tmp_path/'c'), workers=1, progress=False)
    assert no_training == [replace(PAIR[1], **change)]

def test_the_other_part_is_scored_anew(rows, tmp_path):
    out = copy(rows[1], tmp_path/'c')
    watched = compare(PAIR[:1], 1, out, part='watch', workers=1, progress=False)
    assert watched[0]['part'] == 'watch' and watched[0]['center'] != rows[0][0]['center']
    assert same(rows[0][:1], compare(PAIR[:1], 1, out, workers=1, progress=False))

@pytest.mark.parametrize('cut', [0, 1, 150, -1])
def test_an_interrupted_comparison_goes_on(rows, tmp_path, monkeypatch, cut):
    "Two whole rows and a third that was cut after `cut` characters (-1: only its line end is missing)"
    rows, out = rows
    keyed = {key: json.dumps({'key': key, **row}) for key, row in finished(out/'rows.jsonl').items()}
    lines = [keyed[f'{replace(r, seed=s).key()} test'] for r, s in ((PAIR[0], 0), (PAIR[1], 1), (PAIR[1], 0))]
    out = copy(out, tmp_path/'c', '\n'.join(lines[:2]) + '\n' + lines[2][:cut if cut >= 0 else None])
    import fer_nb.papers as papers
    trained, train_really = [], papers.train
    monkeypatch.setattr(papers.comparing, 'train', lambda r, *args: trained.append(r) or train_really(r, *args))
    assert same(rows, compare(PAIR, 2, out, workers=1, progress=False))
    assert trained == [replace(PAIR[0], seed=1)] + [PAIR[1]]*(cut >= 0)
    assert sorted(map(json.dumps, finished(out/'rows.jsonl').values())) == sorted(map(json.dumps, rows))

def test_rows_of_other_versions_are_ignored(rows, tmp_path):
    old = json.dumps(rows[0][0] | {'linear': -1.}) # without a key, as rows once were
    out = copy(rows[1], tmp_path/'c', old + '\n')
    assert same(rows[0][:1], compare(PAIR[:1], 1, out, workers=1, progress=False))

def test_a_deleted_movie_is_made_again(rows, tmp_path):
    out = copy(rows[1], tmp_path/'c')
    movie_path(out, PAIR[0]).unlink()
    assert same(rows[0], compare(PAIR, 2, out, movies=True, workers=1, progress=False)) and movie_path(out, PAIR[0]).exists()

def test_movies_of_different_recipes_do_not_overwrite_each_other():
    recipes = [*preset('lab', LOSSES), Recipe(lr=.1), Recipe(lam=2), Recipe(profile='mild'), Recipe(scaling='code')]
    assert len({movie_path('x', r) for r in recipes}) == len(recipes)

def test_repeated_recipes_are_trained_and_listed_once():
    assert len(compare(PAIR[:1]*2, 1, workers=1, progress=False)) == 1

@pytest.mark.parametrize('named, changes', [
    ('seeds', dict(seeds=0)), ('seeds', dict(seeds=-1)), ('seeds', dict(seeds=1.5)), ('workers', dict(workers=0)), ('workers', dict(workers=-2)),
    ('part', dict(part='train')), ('recipes', dict(recipes=[]))])
def test_compare_names_the_bad_argument(named, changes, no_training):
    with pytest.raises(ValueError, match=f'^{named}'): compare(**dict(recipes=PAIR, progress=False) | changes)
    assert not no_training

def test_out_that_is_a_file(tmp_path, no_training):
    (tmp_path/'f').write_text('mine')
    with pytest.raises(ValueError, match='out: expected a folder, got the file'): compare(PAIR, 1, tmp_path/'f', progress=False)
    assert (tmp_path/'f').read_text() == 'mine' and not no_training

def test_an_error_in_a_worker_reaches_the_caller_and_ends_the_others():
    from multiprocessing import active_children
    before = set(active_children())                                            # other tests' partners
    with pytest.raises(ValueError, match='301 wanted'):
        compare([Recipe('softmax', majority=301), *(Recipe(loss, epochs=300) for loss in ('dda', 'center'))], 1, workers=2, progress=False)
    assert set(active_children()) <= before

@pytest.mark.skipif(os.name != 'posix', reason='signals')
def test_workers_end_with_a_killed_parent(tmp_path):
    code = ('import sys\nfrom fer_nb.papers import *\n'
            f'if __name__ == "__main__": compare([Recipe("softmax", width=.1, majority=40, epochs=e) for e in (1, 100000, 99999)], 1, {str(tmp_path/"o")!r}, workers=2, progress=False)')
    (tmp_path/'run.py').write_text(code)
    p = subprocess.Popen([sys.executable, tmp_path/'run.py'], start_new_session=True)
    try:
        wait_for(lambda: (tmp_path/'o/rows.jsonl').exists() and (tmp_path/'o/rows.jsonl').read_text())
        p.kill()
        p.wait()
        wait_for(lambda: not alive(p.pid))
    finally:
        try: os.killpg(p.pid, signal.SIGKILL)
        except ProcessLookupError: pass


# ---- tables

def row(loss='softmax', seed=0, value=None, **kw):
    "A row whose every score is `value`"
    r = asdict(Recipe(loss, seed=seed, **{k: v for k, v in kw.items() if k in asdict(Recipe())}))
    made = r | {h + s: float(value) for h in HEADS for s in ('', '_balanced', '_majority', '_minority')} if value is not None else r | {'diverged': 7}
    return made | {k: v for k, v in kw.items() if k not in r}

def cells(text): return [[c.strip() for c in line.strip('|').split('|')] for line in text.splitlines()]

def test_spread_by_hand():
    assert spread([1, 2, 3]) == '2.0 ± 1.0' and spread([4]) == '4.0' and spread([]) == '–'
    assert spread([90.04, 90.06]) == '90.0 ± 0.0' or spread([90.04, 90.06]) == '90.1 ± 0.0'
    assert spread(x for x in (0, 10)) == '5.0 ± 7.1' and spread([math.nan, math.nan]) == '–'

@pytest.mark.parametrize('values, level, expected', [
    ([1, 2, 3], .95, (2, 2 - 4.302653/3**.5, 2 + 4.302653/3**.5)),                     # t(0.975; 2) = 4.302653, sd 1
    ([2, 4, 4, 4, 6], .95, (4, 4 - 2.776445*2**.5/5**.5, 4 + 2.776445*2**.5/5**.5)),   # t(0.975; 4) = 2.776445, sd √2
    ([0, 2], .9, (1, 1 - 6.313752, 1 + 6.313752)),                                     # t(0.95; 1) = 6.313752, sd √2
    ([5, 5, 5], .95, (5, 5, 5))])
def test_interval_by_hand(values, level, expected):
    assert interval(values, level) == pytest.approx(expected, rel=1e-6)

def test_interval_of_few_and_bad_level():
    mean, low, high = interval([3])
    assert mean == 3 and math.isnan(low) and math.isnan(high) and all(map(math.isnan, interval([])))
    for level in (0, 1, 95):
        with pytest.raises(ValueError, match='level'): interval([1, 2, 3], level)

def test_table_by_hand():
    rows = [row('softmax', 0, 80), row('softmax', 1, 90), row('dda', 0, 70, gamma=5), row('dda', 1, 72, gamma=5, linear=60., center_minority=math.nan)]
    head, rule, *lines = cells(table(rows))
    assert head == ['loss', 'head', 'accuracy', 'balanced', 'majority recall', 'minority recall', 'seeds'] and all(set(c) == {'-'} for c in rule)
    assert lines[0] == ['softmax', 'linear', *['85.0 ± 7.1']*4, '2']
    assert [line[1] for line in lines] == ['linear', 'prior', 'center']*2
    assert lines[3] == ['DDA λ=1 γ=5', 'linear', '65.0 ± 7.1', *['71.0 ± 1.4']*3, '2']
    assert lines[5][5] == '70.0'
    assert len({len(line) for line in table(rows).splitlines()}) == 1  # columns align

def test_table_beside_the_paper():
    rows = [row(r.loss, 0, 50, lam=.01, gamma=r.gamma) for r in preset('paper', ['softmax', 'center', 'dda', 'island'])]
    lines = cells(table(rows, TABLE_1))
    assert lines[0][-1] == 'paper'
    assert [line[-1] for line in lines[2::3]] == ['96.78', '97.12', '97.17', '97.17', '97.15', '97.34', '']
    assert all(line[-1] == '' for i, line in enumerate(lines[2:]) if i % 3)

def test_diverged_rows_are_counted_and_said():
    lines = cells(table([row('softmax', 0, 80), row('softmax', 1), row('softmax', 2, 90), row('center', 0), row('center', 1)]))
    assert lines[2][2] == '85.0 ± 7.1' and lines[2][-1] == '2, 1 diverged'
    assert lines[5][2:] == ['–']*4 + ['0, 2 diverged']

def test_recipes_of_one_name_are_told_apart():
    rows = [row('softmax', 0, 80), row('softmax', 0, 60, lr=.1), row('dda', 0, 50), row('dda', 0, 40, profile='mild', lr=.1)]
    names = [line[0] for line in cells(table(rows))[2::3]]
    assert names == ['softmax lr=0.05', 'softmax lr=0.1', 'DDA λ=1 γ=3 profile=severe lr=0.05', 'DDA λ=1 γ=3 profile=mild lr=0.1']
    assert [line[2] for line in cells(table(rows))[2::3]] == ['80.0', '60.0', '50.0', '40.0']

def test_table_reads_rows_of_a_csv(rows):
    "as a spreadsheet user would: numbers are floats, empty cells are missing"
    def value(v):
        try: return float(v)
        except ValueError: return v
    with (rows[1]/'results.csv').open(newline='') as f: read = [{k: value(v) for k, v in r.items() if v} for r in csv.DictReader(f)]
    assert table(read) == table(rows[0]) and paired(read) == paired(rows[0])

def test_paired_by_hand():
    rows = ([row('softmax', s, v) for s, v in enumerate((80, 81, 82))] + [row('center', s, v) for s, v in enumerate((81, 83, 85))]
            + [row('dda', s, v) for s, v in enumerate((70, 90, 82, 99))])
    head, rule, *lines = cells(paired(rows))
    assert head == ['difference', 'head', 'mean [95 % interval]', 'seeds in favor']
    assert [line[:2] for line in lines] == [[d, h] for d in ('center λ=1 − softmax', 'DDA λ=1 γ=3 − softmax', 'DDA λ=1 γ=3 − center λ=1') for h in ('linear', 'center')]
    assert lines[0][2:] == ['+2.0 [-0.5, +4.5]', '3 of 3']        # differences 1 2 3
    # DDA − softmax: −10, 9, 0: mean −1/3, sd 9.504, half-width 4.3027 · 9.504/√3 = 23.61
    assert lines[2][2:] == ['-0.3 [-23.9, +23.3]', '1 of 3']

def test_paired_leaves_out_diverged_and_unpaired_seeds():
    rows = [row('softmax', 0, 80), row('softmax', 1), row('softmax', 2, 80), row('center', 0, 81), row('center', 1, 99), row('center', 3, 99)]
    assert cells(paired(rows))[2][2:] == ['+1.0', '1 of 1']
    assert cells(paired([row('softmax', 0, 80), row('center', 0)]))[2][2:] == ['–', '0 of 0']
    assert len(cells(paired(rows, heads=('prior',)))) == 3

def test_rows_with_explicit_counts_go_through_a_csv(tmp_path):
    rows = compare([Recipe('softmax', profile=(20,)*10, epochs=1, width=.1)], seeds=1, out=tmp_path, workers=1, progress=False)
    assert table(read_rows(tmp_path/'results.csv')) == table(rows)

def test_labels():
    assert [label(r) for r in (Recipe('softmax'), Recipe('center', lam=.01), Recipe('island'), Recipe('dda', lam=.01, gamma=7, scaling='code'),
                               Recipe('center', centers='autograd'), Recipe('softmax', centers='autograd', scaling='code'),
                               Recipe('separate', lam=.9), Recipe('margin'), Recipe('angular', centers='autograd'))] == [
        'softmax', 'center λ=0.01', 'island λ=1', 'DDA λ=0.01 γ=7 (code)', 'center λ=1 (autograd)', 'softmax', 'separate λ=0.9', 'large margin λ=1', 'angular softmax s=8']


def test_the_lab_preset_gives_island_loss_a_weight_it_trains_with():
    assert [r.lam for r in preset('lab', ['center', 'island'])] == [1, .1] and preset('lab', ['island'], lam=.5)[0].lam == .5
    assert preset('paper', ['island'])[0].lam == .01 and preset('lab', ['separate', 'margin'])[0].lam == .9


def test_rows_written_are_rows_read(tmp_path):
    rows = compare([Recipe('softmax', **TINY), Recipe('dda', **TINY)], seeds=1, out=tmp_path, workers=1, progress=False)
    again = read_rows(tmp_path/'results.csv')
    assert [label(row) for row in again] == [label(row) for row in rows] == ['softmax', 'DDA λ=1 γ=3']
    assert all(row[k] == v for row, old in zip(again, rows) for k, v in old.items() if isinstance(v, (int, float)) and v == v)
