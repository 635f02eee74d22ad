"Who wins where: paired differences to one loss, as rows, table and picture."
import math

import pytest

from fer_nb.papers import HEADS, Gap, gap_figure, gap_table, gaps


def row(loss, seed, linear, center=50., profile='severe', **more): return {'loss': loss, 'seed': seed, 'profile': profile, 'linear_balanced': linear,
                                                                           'prior_balanced': 60., 'center_balanced': center, **more}

ROWS = [*(row('softmax', s, 80., 70. + s) for s in range(3)), *(row('focal', s, 81. + s, 70.) for s in range(3)),
        *(row('ring', s, v) for s, v in enumerate((70., 90., 82.))), row('softmax', 0, 40., profile='step'), row('ring', 0, 45., profile='step')]


def test_gaps_by_hand():
    found = {(g.name, g.profile, g.head): g for g in gaps(ROWS)}
    focal = found['focal γ=3', 'severe', 'linear']
    half = 4.302653 / 3**.5                                             # differences 1, 2, 3: t(0.975; 2) · sd / √3
    assert focal[3:] == pytest.approx((2, 2 - half, 2 + half, 3)) and not focal.apart
    center = found['focal γ=3', 'severe', 'center']
    assert center.mean == -1 and str(center) == '≈ -1.0 [-3.5, +1.5]'
    alone = found['ring λ=1', 'step', 'linear']
    assert (alone.mean, alone.seeds, alone.apart, str(alone)) == (5, 1, False, '+5.0 (one seed)') and math.isnan(alone.low)
    assert len(found) == 3 * len(HEADS) and not any(name == 'softmax' for name, *_ in found)

def test_a_clear_difference_is_told_apart():
    rows = [row(loss, s, 80. + s + up * (loss == 'ring')) for up in (0,) for loss in ('softmax', 'ring') for s in range(4)]
    assert gaps(rows, ['linear'])[0].mean == 0
    for up in (5., -5.):
        rows = [row(loss, s, 80. + s + (up + .1 * s) * (loss == 'ring')) for loss in ('softmax', 'ring') for s in range(4)]
        gap, = gaps(rows, ['linear'])
        assert gap.apart and str(gap)[0] == ('+' if up > 0 else '-')

def test_against_another_loss_or_another_head():
    assert {g.name for g in gaps(ROWS, ['linear'], 'ring λ=1')} == {'softmax', 'focal γ=3'}
    best = {(g.name, g.profile): g for g in gaps(ROWS, ['linear'], to_head='prior')}
    assert best['softmax', 'severe'].mean == 20 and best['focal γ=3', 'severe'].mean == 22

def test_only_seeds_that_both_have_and_that_did_not_diverge():
    rows = [*ROWS[:3], row('focal', 0, 82.), row('focal', 1, 99., diverged=3), row('focal', 7, 99.)]
    gap, = gaps(rows, ['linear'])
    assert (gap.mean, gap.seeds) == (2, 1)
    assert gaps([row('softmax', 0, 1.), row('ring', 1, 1.)], ['linear']) == []

def test_bad_input():
    for change, message in ((dict(heads=['best']), 'heads: expected one of linear, prior, center, got .best'), (dict(to='dda'), 'to: expected one of .*softmax, got .dda'),
                            (dict(to_head='best'), 'to_head: expected one of'), (dict(rows=[]), 'rows: expected'), (dict(heads=[]), 'heads: expected')):
        with pytest.raises(ValueError, match=message): gaps(**dict(rows=ROWS) | change)

def test_table_and_picture():
    found = gaps(ROWS, ['linear'])
    lines = [[c.strip() for c in line.strip('|').split('|')] for line in gap_table(found).splitlines()]
    assert lines[0] == ['loss', 'severe', 'step'] and lines[2][0] == 'focal γ=3' and lines[2][2] == '' and lines[3][2] == '+5.0 (one seed)'
    fig = gap_figure([Gap('a', 'severe', 'linear', 4., 1., 7., 5), Gap('b', 'severe', 'linear', 1., -1., 3., 5), Gap('a', 'step', 'center', -3., -4., -2., 5)])
    shown = [[t.get_text() for t in ax.texts] for ax in fig.axes]
    assert shown == [['+4', '≈'], ['-3']] and [ax.get_title() for ax in fig.axes] == ['linear head', 'center head']
    values = fig.axes[0].images[0].get_array()
    assert values[0, 0] == 4 and values[1, 0] == 0 and math.isnan(values.filled(math.nan)[0, 1])
