"Checks of exercises: every library's numbers, no traceback, and every notebook's checks are of this kind."
import json, re
from collections import namedtuple
from fractions import Fraction

import numpy as np, pytest, torch

from fer_nb.exercises import checked, plain
from house import ROOT

CHECKS = [(p, ''.join(c['source'])) for p in sorted((ROOT/'nbs').rglob('*.ipynb')) if '.ipynb_checkpoints' not in p.parts
          for c in json.loads(p.read_text(encoding='utf-8'))['cells'] if 'checker' in c['metadata'].get('tags', ())]


@pytest.mark.parametrize('answer', [9, 9., np.int8(9), np.uint64(9), np.float16(9), np.array(9.), torch.tensor(9), torch.tensor(9., requires_grad=True), Fraction(9)], ids=repr)
def test_nine_is_nine(answer): assert plain(answer) == 9 and type(plain(answer)) is int

@pytest.mark.parametrize('answer', [True, None, ..., '9', {9}, np.ones(1), torch.ones(2), 9j, float, np.array('x')], ids=repr)
def test_what_is_no_number_stays(answer):
    assert plain(answer) is answer or plain(answer) == 'x'

def test_lists_and_pairs_of_numbers():
    assert plain([np.int64(1), (torch.tensor(2.5), True)]) == [1, (2.5, True)]
    pair = namedtuple('Pair', 'a b')(np.int64(1), 2)
    assert plain(pair) is pair

def test_a_text_is_printed_and_another_value_comes_back(capsys):
    assert checked(lambda a: 'right')(1) is None and capsys.readouterr().out == 'right\n'
    assert checked(lambda a: False)(1) is False and capsys.readouterr().out == ''
    assert checked(lambda a: 'right').verdict(1) == 'right' and capsys.readouterr().out == ''

def test_it_says_whose_line_it_was(capsys):
    def mine(x):
        y = x + 1
        raise RuntimeError('two\nlines')
    checked(lambda f: f(1))(mine)
    assert capsys.readouterr().out == 'not yet: mine stops in its line 3 with RuntimeError: two\n'
    checked(lambda a: a.shape)(3)
    assert capsys.readouterr().out == "not yet: the check can do nothing with this answer (AttributeError: 'int' object has no attribute 'shape')\n"

def test_an_interrupt_is_no_answer():
    def stop(a): raise KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt): checked(stop)(1)

@pytest.mark.parametrize('path, source', CHECKS, ids=[f'{p.relative_to(ROOT/"nbs")}-{i}' for i, (p, _) in enumerate(CHECKS)])
def test_every_check_of_a_notebook_is_checked(path, source):
    lines = source.split('\n')
    found = [i for i, line in enumerate(lines) if re.match(r'def check', line)]
    assert found and all(lines[i - 1] == '@checked' for i in found)
