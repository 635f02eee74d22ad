"Wild-MNIST data, networks and objectives."
import math

import pytest
import torch

from fer_nb.embeddings import regions
from fer_nb.arena import class_balanced_weights, even_directions, ldam_margins
from fer_nb.papers import (LOSSES, Recipe, build, class_means, recording, score, start, wild_data)
from fer_nb.training import evaluate
from papers_parts import TINY


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
    torch.testing.assert_close(torch.from_numpy(run.head[-1]).norm(dim=1), torch.full((10,), r.s)) # as long as their scale
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


# ---- the arena's losses

def test_which_losses_take_the_place_of_softmax():
    alone = {loss for loss in LOSSES if 'softmax' not in build(Recipe(loss, **TINY))[1].weights}
    assert alone == {'adjusted', 'weighted', 'focal', 'ldam', 'cosface', 'etf'}
    for loss in ('supcon', 'bcl', 'ring'): assert build(Recipe(loss, lam=.2, **TINY))[1].weights == {'softmax': 1., loss: .2}

def test_the_arenas_losses_carry_the_recipe():
    counts = [40]*6 + [2, 4, 5, 8]
    term = lambda loss, **changes: build(Recipe(loss, **TINY, **changes))[1].terms[loss]
    assert term('adjusted', tau=1.5).tau == 1.5 and term('adjusted').log_prior.exp().mul(sum(counts)).tolist() == pytest.approx(counts, rel=1e-5)
    torch.testing.assert_close(term('weighted', beta=.9).weight, class_balanced_weights(counts, .9))
    assert term('focal', gamma=.7).gamma == .7 and term('supcon', tau=.3).temperature == term('bcl', tau=.3).temperature == .3
    assert (term('cosface', m=.2, s=5).s, term('cosface', m=.2, s=5).margins.tolist()) == (5., pytest.approx([.2]*10))
    ldam = term('ldam', m=.4, s=5)
    torch.testing.assert_close(ldam.loss.margins, ldam_margins(counts, .4))
    assert ldam.loss.s == 5 and ldam.after == 3*4//5 and torch.equal(ldam.later, class_balanced_weights(counts, .9999))
    assert build(Recipe('ldam', s=5, **TINY))[0].classifier.s == build(Recipe('etf', s=5, **TINY))[0].classifier.s == 5

def test_late_weights_begin_after_four_fifths():
    r = Recipe('ldam', **TINY | dict(epochs=5))
    late = [s.objective.terms['ldam'].loss.weight.std() > 0 for s in start(r)]
    assert late == [False]*12 + [True]*3

def test_the_directions_of_a_fixed_etf_never_move():
    for d in (2, 16):
        r = Recipe('etf', feat_dim=d, **TINY)
        model, objective = build(r)
        assert not model.classifier.weight.requires_grad
        step = list(start(r))[-1]
        assert torch.equal(step.model.classifier.weight, even_directions(10, d)) and torch.equal(step.objective.terms['etf'].directions, even_directions(10, d))
        assert not torch.equal(step.model.embed[1].weight, model.embed[1].weight) and set(step.losses) == {'etf', 'total'}

def test_every_loss_trains_in_more_dimensions():
    for loss in LOSSES:
        r = Recipe(loss, feat_dim=16, **TINY)
        step = list(start(r))[-1]
        assert step.output.embedding.shape[1] == 16 and step.losses['total'].isfinite(), loss
