"The race of the lab: its knobs in words, settings that really break, and code that trains the same again."
import json
from dataclasses import asdict, fields

import numpy as np
import pytest

from fer_nb.files import data_file
from fer_nb.papers import LOSSES, Recipe, read_rows, recording, wild_race
from fer_nb.wmnist import PROFILES

TOLD = json.loads(data_file('wild_race.json').read_text(encoding='utf-8'))
KNOBS = {k['name']: k for k in TOLD['knobs']}
BREAKS = {b['name']: b['settings'] for b in TOLD['breaks']}


def test_knobs_are_fields_of_the_recipe_in_words():
    assert set(KNOBS) <= {f.name for f in fields(Recipe)}
    assert KNOBS['loss']['options'] == list(LOSSES) and KNOBS['profile']['options'] == [*PROFILES, 'longtail', 'step']
    for k in KNOBS.values(): assert k['help'].endswith('.') and len(k['label']) > 3 and k['label'].isprintable(), k['name']
    for symbol, name in zip('λγαmτβ', ('lam', 'gamma', 'alpha', 'm', 'tau', 'beta')): assert KNOBS[name]['label'].endswith(f' {symbol}')


def test_a_knob_is_shown_where_it_changes_something():
    "`used` is what the recipe's objective and start really read"
    def made(loss, **changed):
        from fer_nb.papers import build
        model, objective = build(Recipe(loss, **changed))
        weight = getattr(objective.terms[loss], 'weight', None) if loss in objective.terms else None
        return repr([model, objective, weight, [(n, p.shape) for n, p in objective.named_parameters()]]) + str([getattr(m, a, None) for m in objective.modules() for a in ('lam', 'gamma', 'alpha', 'scaling')]) + str(objective.state_dict().keys()) + str(getattr(model.classifier, 's', None))
    other = dict(lam=.37, gamma=2.2, scaling='code', s=3., m=.2, tau=.7, beta=.9)
    for name, value in other.items():
        used = KNOBS[name]['used']['loss']
        for loss in LOSSES: assert (made(loss) != made(loss, **{name: value})) == (loss in used), (name, loss)


@pytest.mark.slow
def test_copied_code_trains_the_same_again_bit_for_bit():
    stage = wild_race(['softmax', 'dda'], epochs=2, lam=.7, seed=3)
    try:
        code = stage._status['code']
        assert 'Recipe(loss=\'softmax\', ' in code and 'lam=0.7' in code and 'seed=3' in code
        assert stage.wait() and stage.error is None
        space = {}
        exec(code, space)
        for ours, theirs in zip(stage.runs, space['runs'], strict=True):
            assert ours.name == theirs.name and ours.steps == theirs.steps and ours.losses == theirs.losses
            np.testing.assert_array_equal(ours.embedding(), theirs.embedding())
        stage.restart([dict(loss='island'), dict(loss='dda')], lam=.1)
        stage.wait()
        assert "Recipe(loss='island', seed=3, epochs=2, lam=0.1)" in stage._status['code']
    finally: stage.close()


def test_reset_goes_back_to_the_first_settings():
    stage = wild_race(['softmax'], gamma=2.)
    first = stage._config['first']
    assert first['values']['gamma'] == 2 and first['panels'] == [dict(loss='softmax')] and first['values']['lam'] == Recipe().lam
    stage.close()


ENDS = {row['name']: row for row in read_rows(data_file('wild_breaks.csv'))} # experiments/wild_breaks.py trained them
SEEN = { # what a reader sees who tries it
    'A push that nothing holds.': lambda end: end['largest'] > 1e4 and end['linear'] < 30,
    'Centers that stand still.': lambda end: end['center'] < 30,
    'An island too strong.': lambda end: end['linear'] < 40 and end['center'] < 40,
    'Steps that are too large.': lambda end: end['linear'] < 40}

@pytest.mark.parametrize('name', BREAKS)
def test_a_surprise_really_breaks(name):
    assert ENDS[name]['key'] == Recipe(**BREAKS[name]).key(), 'other settings: run experiments/wild_breaks.py'
    assert SEEN[name](ENDS[name])

def test_the_lab_itself_does_not_break():
    for loss in ('softmax', 'center', 'dda'):
        end = ENDS[f'{loss} as in the lab']
        assert end['key'] == Recipe(loss).key() and end['linear'] > 50 and end['center'] > 60 and end['largest'] < 200
        assert not any(broken(end) for broken in SEEN.values())

@pytest.mark.slow
def test_steps_that_are_too_large_lose_most_classes():
    "The cheapest of them, trained here"
    run = recording(Recipe(**BREAKS['Steps that are too large.']), every=100_000).finish()
    assert run.recall[-1].mean() < .4

def test_every_surprise_can_be_set_by_the_knobs():
    stage = wild_race()
    assert [s['name'] for s in stage._config['surprises']] == list(BREAKS) == list(SEEN)
    for s in stage._config['surprises']: assert asdict(Recipe(**s['settings'])) and s['why'].endswith('.')
    stage.close()
