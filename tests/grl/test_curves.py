"Curves, logs and runs: both sides of every limit, and files that are none."
import math
import random
import sys
from types import ModuleType, SimpleNamespace

import pytest

from fer_nb.grl import Curves, doctor, read_curves
from fer_nb.grl.curves import (examine_curves, find_in_curve, guess_columns, smoothed,
                               swings)


@pytest.mark.parametrize('curve, size, times', [([0, 1, 0, 1, 0], 1, 4), ([0, 1, 0, 1, 0], 1.01, 0), ([0, .5, .4, 1], .9, 1), ([0, .6, .3, .9, .6, 1.2], .5, 1), ([1, 1], .1, 0), ([1, 0, .5, 0, .5], .5, 4), ([3, 2, 1, 0], 1, 1), ([0, 1, .9, .3, .5, .2, 1], .7, 3)])
def test_swings(curve, size, times): assert swings(curve, size) == times

@pytest.mark.parametrize('values, n', [(19, 1), (20, 2), (29, 2), (60, 6), (90, 9), (1000, 9)])
def test_smoothed(values, n): # the mean of i ... i + n - 1 is i + (n - 1) / 2
    assert smoothed(range(values)) == pytest.approx([i + (n - 1) / 2 for i in range(values - n + 1)])

def test_the_chance_of_a_batch_is_no_oscillation():
    rng = random.Random(0)
    def accuracy(p): return sum(rng.random() < p for _ in range(32)) / 32
    assert examine_curves({'accuracy': [accuracy(.8) for _ in range(2000)]}) == []
    chase = [accuracy(.5 + .4 * math.sin(i / 10)) for i in range(300)]
    assert examine_curves({'accuracy': chase}).names() == ['domain loss oscillates']

def names(curve): return [f.name for f in find_in_curve(curve)]

@pytest.mark.parametrize('curve, found', [
    ([.7, .69, .7] * 3 + [.7], ['domain loss stuck']), ([.7, .69, .7] * 3, []), ([.7] * 9 + [.7 * 1.019], ['domain loss stuck']), ([.7] * 9 + [.7 * 1.021], []), ([.7] * 10, ['dead domain head']), ([.7] * 2, []), ([.7] * 3, ['dead domain head']),
    ([1., .49, 1., .49, 1.], ['domain loss oscillates']), ([1., .51, 1., .51, 1.], []), ([1., .49, 1., .49], []), ([.2, .03, .2, .03, .2], []), ([.2, .0, .2, .0, .2], ['domain loss oscillates']),
    ([.69, .5, .45, .5, .6, .65, .68, .69, .69, .69, .69], []), ([], []), ([-.7, -.6], []), ([.3, .02, .3, .02, .3, .02, .3], ['domain loss oscillates'])])
def test_curves(curve, found): assert names(curve) == found

def test_accuracy_swings():
    assert examine_curves({'accuracy': [.5, .98, .5, .98, .5]}).names() == ['domain loss oscillates']
    assert examine_curves({'accuracy': [.5, .7, .5, .7, .5]}) == [] == examine_curves({})

def test_not_finite(): assert doctor(Curves(domain=[.7, math.inf, .7])).names() == ['not finite'] == examine_curves({'other': [math.nan], 'domain': [.7] * 5}).names()

@pytest.mark.parametrize('columns, guessed', [
    (['epoch', 'class_loss', 'domain_loss'], {'domain': 'domain_loss'}), (['loss_d', 'loss_c'], {'domain': 'loss_d'}), (['Train/Adv Loss', 'train/acc'], {'domain': 'Train/Adv Loss'}), (['disc_acc', 'disc_loss'], {'domain': 'disc_loss', 'accuracy': 'disc_acc'}),
    (['domain_lambda', 'err_t_domain'], {'domain': 'err_t_domain'}), (['step', 'loss', 'accuracy'], {}), (['domain', 'domain_loss'], {'domain': 'domain_loss'}), (['transfer_loss', 'lr'], {'domain': 'transfer_loss'})])
def test_names_of_columns(columns, guessed): assert guess_columns(columns) == guessed

def table(path, head, rows):
    path.write_text('\n'.join([head, *rows]) + '\n')
    return path

def test_a_log(tmp_path):
    log = table(tmp_path/'log.csv', 'run, domain_loss ,L2,empty', [f'a,{v},{v / 10},' for v in (.7, 3., 40.)])
    assert read_curves(log) == {'domain': [.7, 3., 40.]} and doctor(str(log)).names() == ['exploding domain loss']
    assert read_curves(log, {'domain': 'L2'}) == {'domain': pytest.approx([.07, .3, 4.])}

def test_empty_cells_and_nan(tmp_path):
    assert read_curves(table(tmp_path/'a.csv', 'd_loss,x', ['.7,', ',3', '.6,'])) == {'domain': [.7, .6]}
    assert doctor(table(tmp_path/'b.csv', 'd_loss', ['.7', 'nan'])).names() == ['not finite']

@pytest.mark.parametrize('text, says', [('step,loss\n1,2\n', "expected a column like domain_loss, or columns={'domain': its name}, got step, loss"), ('', 'got no column of numbers'), ('domain_loss\nlow\n', 'no column of numbers'), (b'\xff\xfe\x00d', 'a table with a head')])
def test_other_files(tmp_path, text, says):
    (tmp_path/'log.csv').write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ValueError) as error: read_curves(tmp_path/'log.csv')
    assert 'log.csv: ' in str(error.value) and ': expected' in str(error.value) and says in str(error.value)

def test_columns_that_are_not_there(tmp_path):
    with pytest.raises(ValueError, match='log.csv: expected columns L3, got d_loss'): read_curves(table(tmp_path/'log.csv', 'd_loss', ['1']), {'domain': 'L3'})
    with pytest.raises(ValueError, match='nowhere.csv: expected a CSV with a head or a TensorBoard event file, got no such file'): read_curves(tmp_path/'nowhere.csv')

def test_tensorboard_that_is_not_installed(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'tensorboard', None)
    (tmp_path/'events.out.tfevents.1.here').write_bytes(b'')
    with pytest.raises(ValueError, match='expected tensorboard to be installed'): read_curves(tmp_path/'events.out.tfevents.1.here')

def test_tensorboard(tmp_path, monkeypatch):
    "A stand-in with the three calls of EventAccumulator"
    class Accumulator:
        def __init__(self, path, size_guidance): assert size_guidance == {'scalars': 0} and 'tfevents' in path
        def Reload(self): pass
        def Tags(self): return {'scalars': ['loss/domain', 'loss/class']}
        def Scalars(self, tag): return [SimpleNamespace(value=v) for v in (.7, .2, .01)]
    path = 'tensorboard.backend.event_processing.event_accumulator'
    for i in range(1, 4): monkeypatch.setitem(sys.modules, '.'.join(path.split('.')[:i]), ModuleType('package'))
    monkeypatch.setitem(sys.modules, path, SimpleNamespace(EventAccumulator=Accumulator))
    (tmp_path/'events.out.tfevents.1.here').write_bytes(b'')
    assert doctor(tmp_path/'events.out.tfevents.1.here').names() == ['domain loss near zero']

@pytest.mark.parametrize('high, found', [(.79, False), (.81, True), (79., False), (81., True), (29., False)])
def test_how_far_an_accuracy_swings(high, found):
    low = .5 if high < 1 else 50. if high > 50 else 0.
    assert bool(examine_curves({'accuracy': [low, high, low, high, low]})) == found
