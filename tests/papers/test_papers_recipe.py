"Recipes, their names, presets and the paper's protocol."
import json
import math
from dataclasses import FrozenInstanceError, asdict, replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from fer_nb.files import data_file
from fer_nb.recipes import from_row
from fer_nb.papers import (LOSSES, PRESETS, TABLE_1, Recipe, build, label, read_rows,
                           preset, start, table)


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


# ---- names

def test_labels():
    assert [label(r) for r in (Recipe('softmax'), Recipe('center', lam=.01), Recipe('island'), Recipe('dda', lam=.01, gamma=7, scaling='code'),
                               Recipe('center', centers='autograd'), Recipe('softmax', centers='autograd', scaling='code'),
                               Recipe('separate', lam=.9), Recipe('margin'), Recipe('angular', centers='autograd'))] == [
        'softmax', 'center λ=0.01', 'island λ=1', 'DDA λ=0.01 γ=7 (code)', 'center λ=1 (autograd)', 'softmax', 'separate λ=0.9', 'large margin λ=1', 'angular softmax s=8']


def test_the_lab_preset_gives_island_loss_a_weight_it_trains_with():
    assert [r.lam for r in preset('lab', ['center', 'island'])] == [1, .1] and preset('lab', ['island'], lam=.5)[0].lam == .5
    assert preset('paper', ['island'])[0].lam == .01 and preset('lab', ['separate', 'margin'])[0].lam == .9

def test_labels_of_the_arena():
    assert [label(Recipe(loss)) for loss in LOSSES[7:]] == ['logit adjustment τ=1', 'class-balanced β=0.999', 'focal γ=3', 'LDAM-DRW m=0.3 s=8', 'CosFace m=0.3 s=8',
        'SupCon λ=1 τ=1', 'BCL λ=1 τ=1', 'fixed ETF', 'ring λ=1']
    assert label(Recipe('etf', feat_dim=16)) == 'fixed ETF d=16'

def test_a_new_field_renames_nothing():
    "Keys of before the arena: finished rows are found again"
    assert [Recipe().key(), Recipe('softmax').key(), Recipe('angular', s=4., seed=2).key()] == ['44136fa355', '2e8fbe9e73', '8cf610aa77']

def test_a_fixed_etf_needs_a_plane_or_room_for_its_corners():
    for d in (1, 3, 8):
        with pytest.raises(ValueError, match=f'feat_dim: expected 2, or at least 9 for loss etf, got {d}'): Recipe('etf', feat_dim=d)
    assert Recipe('etf', feat_dim=9).feat_dim == 9 and Recipe('softmax', feat_dim=3).feat_dim == 3

@pytest.mark.parametrize('name', ['wild_results', 'wild_map'])
def test_rows_from_before_the_arena_are_read(name):
    rows = read_rows(data_file(f'{name}.csv'))
    assert 'tau' not in rows[0] and all(from_row(Recipe, row) for row in rows) and table(rows)
