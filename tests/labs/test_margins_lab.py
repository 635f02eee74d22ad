"Week 2: the checks of the lab on margins take every number, know each misconception, and give nothing away."
import json
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from fer_nb.angular_softmax import angular_logits
from fer_nb.files import data_file, read_csv
from fer_nb.tables import finished, paired

CELLS = json.loads((Path(__file__).parents[2]/'nbs/labs/margins.ipynb').read_text(encoding='utf-8'))['cells']
SOURCES = [''.join(c['source']) for c in CELLS]
TAGS = [set(c['metadata'].get('tags', ())) for c in CELLS]
PROSE = '\n'.join(source for cell, source in zip(CELLS, SOURCES) if cell['cell_type'] == 'markdown')
EXERCISES = {'check_loss': 'loss_by_hand', 'check_largest': 'largest_margin', 'check_strict': 'strict', 'check_back': 'back', 'check_cured': 'cured'}
trained = []


def train_faces(s, m):
    "Stands in for a training: good with a small margin."
    trained.append((s, m))
    return (45. if m < .35 or s < 5 else 14.3), None

def compass(degrees):
    a = torch.deg2rad(torch.as_tensor(degrees, dtype=torch.float64))
    return torch.stack([a.cos(), a.sin()], -1)

@pytest.fixture(scope='module')
def checks():
    "Name → verdict, from the notebook's own checkers."
    space = dict(math=math, torch=torch, F=F, train_faces=train_faces, face_accuracy=lambda accuracy: accuracy, broken=14.3)
    for source, tags in zip(SOURCES, TAGS):
        if 'checker' in tags: exec(source, space)
    return {name: space[name].verdict for name in EXERCISES}


# ---- the notebook

def test_the_race_is_in_the_first_cells_and_is_one_key(): assert CELLS[1]['cell_type'] == 'code' and SOURCES[1].strip().endswith('"cosface"])') and len(SOURCES[1].splitlines()) < 6

def test_every_exercise_has_its_four_cells():
    places = [i for i, tags in enumerate(TAGS) if 'checker' in tags]
    assert len(places) == len(EXERCISES) == len(set(EXERCISES.values()))
    for i, (check, name) in zip(places, EXERCISES.items()):
        assert f'def {check}(' in SOURCES[i] and CELLS[i + 1]['cell_type'] == 'markdown'
        assert re.search(rf'^({name} = None   # your answer|def {name}\()', SOURCES[i + 2]) and SOURCES[i + 2].rstrip().endswith(f'{check}({name})') and not TAGS[i + 2]
        assert 'solution' in TAGS[i + 3] and f'assert {check}.verdict({name}) == "right"' in SOURCES[i + 3]

def test_answers_are_named_in_their_exercise_only():
    for name in EXERCISES.values():
        outside = [s for s, cell, tags in zip(SOURCES, CELLS, TAGS) if cell['cell_type'] == 'code' and not tags and re.search(rf'\b{name}\b', s)]
        assert len(outside) == 1, name

def test_a_student_trains_one_seed_of_five():
    "The rows that travel with the lab are those of its own recipes, by the names under which `compare` looks for them."
    import margins_lab
    given = next(s for s in SOURCES if 'recipes = [' in s).split('folder =')[0]
    names = {}
    exec(given, names)
    assert names['recipes'] == margins_lab.RECIPES
    rows = finished(margins_lab.RESULTS)
    assert list(rows) == [f'{replace(r, seed=seed).key()} test' for seed in range(1, margins_lab.SEEDS) for r in margins_lab.RECIPES] and {r['seed'] for r in rows.values()} == {1, 2, 3, 4}

def test_length_of_the_prose(): assert 600 < len(re.findall(r'\w+', re.sub(r'\$[^$]*\$', '', PROSE))) < 2700


# ---- numbers by hand

RIGHT = {'check_loss': math.log(1 + math.exp(4 * math.cos(math.pi / 3) - 4 * math.cos(math.radians(50)))), 'check_largest': 1 - math.cos(math.pi / 5)}
AS = (float, np.float64, np.float32, torch.tensor, lambda v: torch.tensor(v, dtype=torch.float64, requires_grad=True).detach(), np.array, lambda v: round(v, 2 if v > .3 else 3))

@pytest.mark.parametrize('kind', AS)
@pytest.mark.parametrize('check', RIGHT)
def test_a_right_number_of_every_type(checks, check, kind): assert checks[check](kind(RIGHT[check])) == 'right'

@pytest.mark.parametrize('answer', [None, 'half', '0.45', (1, 2), [], {}, float('nan'), float('inf'), -float('inf'), 1j, True, torch.ones(3), np.ones((2, 2)), torch, 10**400], ids=repr)
@pytest.mark.parametrize('check', EXERCISES)
def test_no_answer_raises_or_is_right(checks, check, answer): assert checks[check](answer).startswith('not yet')

def logit(own, other, s=4.): return math.log1p(math.exp(s * (math.cos(math.radians(other)) - math.cos(math.radians(own)))))

SLIPS = [
    ('check_loss', logit(30, 60), 'in use'), ('check_loss', logit(10, 60), 'easier than use'), ('check_loss', logit(50, 80), 'own class alone'), ('check_loss', logit(50, 60, 1.), 'multiplied by s'),
    ('check_loss', math.log1p(math.exp(4 * math.cos(60) - 4 * math.cos(50))), 'radians'), ('check_loss', logit(50, 60) / math.log(10), 'natural'), ('check_loss', math.exp(-logit(50, 60)), 'probability'),
    ('check_loss', 2, 'probability of 0.14'), ('check_loss', -.45, 'not negative'),
    ('check_largest', 36, 'no angle'), ('check_largest', math.pi / 5, 'on the *angle*'), ('check_largest', math.cos(math.pi / 5), 'a cosine, the neighbor'), ('check_largest', .3, 'nobody could meet it'),
    ('check_largest', 1 - math.cos(math.pi / 10), 'room for more'), ('check_largest', 0, 'room for more'), ('check_largest', np.int64(1), 'nobody')]

@pytest.mark.parametrize('check, answer, words', SLIPS)
def test_a_known_slip_gets_a_line_of_its_own(checks, check, answer, words):
    said = checks[check](answer)
    assert said.startswith('not yet') and words in said

def test_what_is_said_holds_no_answer(checks):
    for check, answer, _ in SLIPS: assert not re.search(r'0?\.4[45]|0\.191|0\.19\b|0\.809', checks[check](answer).replace(f'{answer:g}', '')), (check, answer)


# ---- functions

def sine_form(cos, y, m):
    own = cos.gather(1, y[:, None])
    moved = own * math.cos(m) - (1 - own**2).clamp(min=1e-12).sqrt() * math.sin(m)
    return cos.scatter(1, y[:, None], torch.where(own < -math.cos(m), own - m * math.sin(m), moved))

def arccos_form(cos, y, m):
    "With an arccos that is kept from the ends, and a floor beyond π − m."
    out, rows = cos.clone(), torch.arange(len(y))
    angle = cos[rows, y].clamp(-1 + 1e-6, 1 - 1e-6).arccos()
    out[rows, y] = (angle + m).clamp(max=math.pi).cos()
    return out

def one_hot_form(cos, y, m):
    angle = cos.clamp(-1 + 1e-6, 1 - 1e-6).arccos()
    strict = torch.where(angle > math.pi - m, -1 - .1 * (angle + m - math.pi), (angle + m).cos())
    return torch.where(F.one_hot(y, cos.shape[1]).bool(), strict, cos)

@pytest.mark.parametrize('form', [sine_form, arccos_form, one_hot_form])
def test_a_falling_margin_in_several_styles(checks, form): assert checks['check_strict'](form) == 'right'

def own_only(change):
    def form(cos, y, m): return torch.where(F.one_hot(y, cos.shape[1]).bool(), change(cos, m), cos)
    return form

def safe(cos): return cos.clamp(-1 + 1e-6, 1 - 1e-6).arccos()
def falling(cos, m): return torch.where(cos < -math.cos(m), cos - m * math.sin(m), cos * math.cos(m) - (1 - cos**2).clamp(min=1e-12).sqrt() * math.sin(m))

def in_place(cos, y, m):
    out = sine_form(cos.detach().clone(), y, m)
    with torch.no_grad(): cos.copy_(out)
    return cos

WRONG = [
    (own_only(lambda cos, m: (safe(cos) + m).cos()), 'rises again'),                                                       # as printed in paper 001
    (own_only(lambda cos, m: (safe(cos) - m).cos()), 'easier than use'), (own_only(lambda cos, m: cos - m), 'margin on the angle'), (own_only(lambda cos, m: cos), 'without margin'),
    (own_only(lambda cos, m: (safe(cos) + math.radians(m)).cos()), 'without margin'), (own_only(lambda cos, m: cos * math.cos(m)), 'without margin'),
    (lambda cos, y, m: falling(cos, m), 'other classes'), (lambda cos, y, m: 64 * sine_form(cos, y, m), 'other classes'), (in_place, 'writes into'),
    (own_only(lambda cos, m: torch.where(cos < -math.cos(m), cos - m * math.sin(m), (cos.arccos() + m).cos())), 'not finite'),      # arccos at ±1
    (own_only(lambda cos, m: torch.where(cos < -math.cos(m), cos - m * math.sin(m), cos * math.cos(m) - (1 - cos**2).sqrt() * math.sin(m))), 'not finite'),
    (lambda cos, y, m: sine_form(cos, y, m)[:, 0], 'all (B, K)'), (lambda cos, y, m: None, 'return a tensor'), (lambda cos: cos, 'TypeError'), (lambda cos, y, m: 1 / 0, 'ZeroDivisionError')]

@pytest.mark.parametrize('form, words', WRONG, ids=[w for _, w in WRONG])
def test_a_wrong_margin_is_told_what_it_does(checks, form, words):
    said = checks['check_strict'](form)
    assert said.startswith('not yet') and words in said

def test_the_printed_form_is_the_librarys_plain_one():
    "What is refused in exercise 3 is what the library does unless it is asked for the monotone form."
    x, y = compass(torch.arange(0., 181.)), torch.zeros(181, dtype=torch.int64)
    plain, monotone = (angular_logits(x, compass([0]), y, 1., .5, form)[:, 0].diff().max() for form in (False, True))
    assert plain > 1e-3 and monotone < 1e-6

def back(g, x): return (g - (g @ x) * x / (x @ x)) / x.norm()

STEPS = [
    (lambda g, x: g * (1 - (x / x.norm())**2) / x.norm(), 'misprint'),                                # paper 002, Eq. 5, as printed
    (lambda g, x: g / x.norm(), 'length'), (lambda g, x: g, 'length'), (lambda g, x: -back(g, x), 'larger'), (lambda g, x: back(g, x) * x.norm(), 'turns less'),
    (lambda g, x: back(g, x)[:2], 'vector'), (lambda g, x: None, 'tensor'), (lambda g: g, 'TypeError'), (lambda g, x: 0 * g, 'autograd')]

@pytest.mark.parametrize('step, words', STEPS, ids=[w for _, w in STEPS])
def test_a_wrong_way_back_is_told_what_it_does(checks, step, words):
    said = checks['check_back'](step)
    assert said.startswith('not yet') and words in said

@pytest.mark.parametrize('step', [back, lambda g, x: back(g, x).float(), lambda g, x: torch.autograd.functional.jacobian(lambda t: F.normalize(t, dim=0), x).T @ g,
                                  lambda g, x: (torch.eye(len(x), dtype=x.dtype) - torch.outer(x, x) / (x @ x)) @ g / x.norm()])
def test_the_way_back_in_several_styles(checks, step): assert checks['check_back'](step) == 'right'


# ---- one number of two

@pytest.mark.parametrize('answer', [(64, .2), [64, .1], (np.int64(64), np.float32(.3)), (torch.tensor(64.), torch.tensor(.05)), (4, .5), (np.array(2), .5)], ids=repr)
def test_a_cure_in_every_type(checks, answer): assert checks['check_cured'](answer) == 'right'

@pytest.mark.parametrize('answer, words, trains', [((64, .5), 'broken training itself', 0), ((16, .2), 'change one of the two', 0), ((64, 0), 'none is no answer', 0), ((64, 28.6), 'radians', 0),
                                                   ((0, .5), 'no sense', 0), ((-3, .5), 'no sense', 0), ((64,), 'pair', 0), ((64, None), 'two numbers', 0), ((64, '0.2'), 'two numbers', 0),
                                                   ((16, .5), 'with s = 16 and m = 0.5 it is 14.3 %', 1), ((64, .4), 'loss of knowing nothing', 1)])
def test_what_is_no_cure(checks, answer, words, trains):
    trained.clear()
    said = checks['check_cured'](answer)
    assert said.startswith('not yet') and words in said and len(trained) == trains


# ---- what the prose says of the table

ROWS = read_csv(data_file('margins.csv'))
WHERE = [(ground, profile) for ground in ('digits', 'faces') for profile in ('wild', 'balanced')]
SMALLER = [('cosine margin', '16.0', '0.3'), ('class margins', '16.0', '0.5'), ('angular margin', '16.0', '0.2')]
HALF, ANGLES, SOFTMAX = ('angular margin', '16.0', '0.5'), ('angles', '16.0', ''), ('softmax', '', '')

def column(where, head, name='balanced'): return {r['seed']: float(r[name]) for r in ROWS if (r['ground'], r['profile']) == where and (r['head'], r['s'], r['m']) == head}
def apart(where, head, to, name='balanced'): return paired(column(where, head, name), column(where, to, name))

def test_three_readings_hold():
    directions = [apart(w, (head, s, ''), SOFTMAX) for w in WHERE for head, s in (('angles', '16.0'), ('separate', ''), ('large margin', ''))]
    assert [round(f([d[0] for d in directions]), 1) for f in (min, max)] == [-1.1, .8] and 'between −1.1 and +0.8 points' in PROSE
    assert [low > 0 for _, low, _ in directions].count(True) == 0 and [high < 0 for *_, high in directions].count(True) == 1
    tail, equal = ([apart(w, head, ANGLES) for head in (*SMALLER, HALF)] for w in WHERE[:2])
    assert all(mean > 0 for mean, *_ in tail + equal) and all(low > 0 for _, low, _ in equal) and [low > 0 for _, low, _ in tail].count(True) == 2
    assert [apart(w, head, SOFTMAX)[1] > 0 for w in WHERE[:2] for head in (*SMALLER, HALF)].count(True) == 1
    assert max((*SMALLER, HALF), key=lambda head: apart(WHERE[0], head, ANGLES, 'rare')[0])[0] == 'class margins'
    wild, balanced = ([apart(w, head, ANGLES) for head in SMALLER] for w in WHERE[2:])
    assert all(low < 0 < high for _, low, high in wild + balanced) and [round(f(mean for mean, *_ in wild + balanced), 1) for f in (min, max)] == [-1.1, .1]
    against = [[apart(w, head, SOFTMAX) for head in SMALLER] for w in WHERE[2:]]
    assert all(mean < 0 for some in against for mean, *_ in some) and all(high < 0 for *_, high in against[1])
    assert [round(-apart(w, HALF, ANGLES)[0]) for w in (WHERE[3], WHERE[2])] == [9, 19]
    for words in ('−1.1 to +0.1 points', 'loses 9 and 19 points'): assert words in PROSE

def test_scales_and_the_far_side_are_as_said():
    def mean(ground, head, name='balanced'):
        values = column((ground, 'wild'), head, name).values()
        return sum(values) / len(values)
    by_scale = {s: mean('digits', ('angles', s, '')) for s in ('1.0', '4.0', '16.0', '64.0')}
    assert max(by_scale, key=by_scale.get) == '16.0' and round(by_scale['16.0'] - by_scale['1.0']) == 3
    faces = [apart(WHERE[2], ('angles', s, ''), ANGLES) for s in ('1.0', '64.0')]
    assert round(faces[0][0]) == -8 and faces[1][1] < 0 < faces[1][2]
    plain = ('plain angular margin', '64.0', '0.5')
    assert max(column(WHERE[2], plain).values()) < 100 / 7 + .1 and mean('digits', plain) > 90
    losses, cosines = (sorted(column(WHERE[2], plain, name).values()) for name in ('loss', 'cosine'))
    assert losses[3] < .02 and cosines[3] < -.99 and round(losses[4], 1) == 1.1 and round(cosines[4], 2) == -.84
    gain = apart(WHERE[2], ('raised angular margin', '64.0', '0.5'), ('angles', '64.0', ''))
    assert [round(v, 1) for v in gain] == [-1.9, -4.2, .5] and '−1.9 points [−4.2, +0.5]' in PROSE

def test_floors_are_as_said():
    assert 1 / (1 + 9 * math.exp(-10 / 9)) == pytest.approx(.25, abs=.003) and math.log1p(6 * math.exp(-64 * (1 - math.cos(.5)))) == pytest.approx(.0024, abs=1e-4)
    assert all(v > math.log1p(9 * math.exp(-2)) for v in column(WHERE[0], ('angles', '1.0', ''), 'loss').values())
    from fer_nb.embeddings import Run
    run = Run.load(data_file('wild_softmax.npz'))
    x, y, w = (torch.as_tensor(a) for a in (run.embedding(), run.labels, run.head[-1]))
    sizes = torch.logspace(-2, 1, 61)
    best = sizes[torch.stack([F.cross_entropy(t * x @ w.T, y) for t in sizes]).argmin()]
    assert .2 < best < .3 and .75 < ((x @ w.T).argmax(1) == y).float().mean() < .85          # "a quarter", "a fifth of them wrong"
