"Many trainings, and tables of them."
import csv
import json
import math
import os
import signal
import subprocess
import sys
from dataclasses import asdict, fields, replace

import pytest
import torch

from fer_nb.embeddings import Run
from fer_nb.papers import (HEADS, LOSSES, TABLE_1, Recipe, compare, interval, label, movie_path, paired, read_rows,
                           preset, spread, table, train)
from fer_nb.tables import finished
from papers_parts import TINY, same
from waiting import alive, wait_for


# ---- comparisons

PAIR = [Recipe('softmax', **TINY), Recipe('dda', **TINY)]

@pytest.fixture(scope='module')
def rows(tmp_path_factory):
    "A comparison by two processes, with its folder"
    out = tmp_path_factory.mktemp('compare')
    return compare(PAIR, 2, out, movies=True, workers=2, progress=False), out

@pytest.mark.slow
def test_compare_orders_rows_by_recipe_then_seed(rows):
    assert [(r['loss'], r['seed']) for r in rows[0]] == [('softmax', 0), ('softmax', 1), ('dda', 0), ('dda', 1)]
    assert [asdict(replace(r, seed=s)) for r in PAIR for s in (0, 1)] == [{f.name: row[f.name] for f in fields(Recipe)} for row in rows[0]]

@pytest.mark.slow
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

@pytest.mark.slow
def test_an_error_in_a_worker_reaches_the_caller_and_ends_the_others():
    from multiprocessing import active_children
    before = set(active_children())                                            # other tests' partners
    with pytest.raises(ValueError, match='301 wanted'):
        compare([Recipe('softmax', majority=301), *(Recipe(loss, epochs=300) for loss in ('dda', 'center'))], 1, workers=2, progress=False)
    assert set(active_children()) <= before

@pytest.mark.slow
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

def test_rows_written_are_rows_read(tmp_path):
    rows = compare([Recipe('softmax', **TINY), Recipe('dda', **TINY)], seeds=1, out=tmp_path, workers=1, progress=False)
    again = read_rows(tmp_path/'results.csv')
    assert [label(row) for row in again] == [label(row) for row in rows] == ['softmax', 'DDA λ=1 γ=3']
    assert all(row[k] == v for row, old in zip(again, rows) for k, v in old.items() if isinstance(v, (int, float)) and v == v)

def test_rows_of_before_a_field_belong_to_those_with_its_default():
    old = [{k: v for k, v in row('adjusted' if i else 'softmax', i, 80).items() if k not in ('tau', 'm', 'beta', 'feat_dim')} for i in (0, 1)]
    rows = [*old, row('softmax', 1, 90), row('adjusted', 0, 70)]
    assert [line[0] for line in cells(table(rows))[2::3]] == ['softmax', 'logit adjustment τ=1']
