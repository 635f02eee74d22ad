"The rules of docs/house.md: small rooms, arrows that point down, pictures first."
import ast
import json
import re
from functools import lru_cache
from pathlib import Path

import pytest

import fold
import house
from house import ROOT, Room

LATE = 6  # index of the last cell in which the first picture may be

# Rooms that still break a rule. A room that keeps it must leave the list, so the list only shrinks.
PENDING = {
    'lines': set(), 'longest': set(), 'cells': set(), 'first_picture': set(), 'tests': set(), 'bodies': set(), 'types': set(), 'help': set(),
    'functions': set(),
    'classes': set(),
}


@lru_cache
def found(): return house.rooms()

def broken(what, limit):
    "Names of the rooms whose figure is above the limit"
    figures = {r.name: getattr(r, what) for r in found()}
    return {name for name, figure in figures.items() if figure is None or figure > limit}

def test_there_are_rooms():
    assert len(found()) >= 40 and found()[0].name == 'checks' and found()[-1].wing == 'page'

def test_arrows_point_down(): assert not house.upward(found())

def test_an_upward_arrow_is_seen():
    low, high = Room('a', '00_a.ipynb', arrows={'b': True}), Room('b', '01_b.ipynb', arrows={'a': True})
    assert house.upward([low, high]) == ['a -> b']
    low.arrows['b'] = False
    assert house.upward([low, high]) == ['a -> b']
    assert not house.upward([Room('w.a', 'w/0.ipynb', arrows={'w.b': False}), Room('w.b', 'w/1.ipynb')])

def test_losses_need_only_centers_and_the_ground():
    ground = {r.name for r in found() if r.floor == 'ground'}
    for room in found():
        if room.wing == 'arena' or room.name in ('centers.loss', 'dda', 'separate_loss', 'angular_softmax', 'large_margin.loss', 'grl.reversal'):
            allowed = ground | {'directions', 'targets', 'centers.loss', 'centers.field'} | ({'grl.reversal'} if room.name == 'angular_softmax' else {'arena.adjustment'} if room.wing == 'arena' else set()) # UDAT-AS reverses gradients
            assert {name for name, top in room.arrows.items() if top} <= allowed, room.name

def test_nobody_imports_the_command_line(): assert not [r.name for r in found() for name in r.arrows if name == 'cli']

@pytest.mark.parametrize('what, limit', [('lines', 400), ('longest', 100), ('cells', 80), ('first_picture', LATE)])
def test_rooms_are_small_and_begin_with_a_picture(what, limit): assert broken(what, limit) == PENDING[what]

def test_plumbing_is_folded_under_a_line_that_says_what_it_is():
    for path in fold.notebooks():
        cells = json.loads(path.read_text(encoding='utf-8'))['cells']
        for cell, hide in zip(cells, fold.folded(cells)):
            if hide is not None: assert bool(cell['metadata'].get('jupyter', {}).get('source_hidden')) == hide, (path, cell['source'][:3])
        assert [source[:200] for _, source in fold.unexplained(cells)] == [], path

def test_code_of_labs_and_readme_fits_the_window_too():
    for path in fold.notebooks():
        code = [''.join(c['source']) for c in json.loads(path.read_text(encoding='utf-8'))['cells'] if c['cell_type'] == 'code']
        assert [line for source in code for line in source.splitlines() if len(line) > 100] == [], path

def test_what_is_plumbing():
    "By what a cell defines; a cell that begins an exercise is left alone"
    for source, hide in (('#| default_exp a', True), ('#| hide\nx = 1', True), ('#| export\nimport os', True), ('#| export\ndef _a(): pass\n_B = 1', True),
                         ('#| export\ndef a(): pass', False), ('x = 1', False), ('#| export\ndef _a(): pass\ndef b(): pass', False)):
        assert fold.plumbing(source) is hide, source
    long = dict(cell_type='code', metadata={}, source=['x = 1\n'] * 20, outputs=[])
    drawn = {**long, 'outputs': [dict(data={'image/png': ''})]}
    assert list(fold.folded([long, drawn, long])) == [True, True, False] and list(fold.folded([{**long, 'metadata': dict(tags=['solution'])}])) == [None]

@pytest.mark.parametrize('what, limit', [('functions', 25), ('classes', 45)])
def test_exported_cells_are_short(what, limit):
    "A class of many small methods may be longer"
    assert broken(what, limit) == PENDING[what]

def test_code_lines_leave_out_what_is_no_code():
    source = """#| export
import math

LIMITS = {
    'a': 1}

def half(
    x: float, # a number
) -> float: # its half
    "Divide by two."
    # two is even
    return x / 2

class Two:
    '''A number.

    Args: none'''
    value = 2
"""
    assert house.code_lines(source) == 4  # def, return, class, value
    assert house.code_lines('TABLE = {\n    name: 1 for name in "ab"}\nNONE = None') == 2

def test_folders_only_hand_on():
    for path in sorted((ROOT/'fer_nb').glob('*/__init__.py')):
        tree, lines = ast.parse(path.read_text(encoding='utf-8')), path.read_text(encoding='utf-8').splitlines()
        kinds = {type(node).__name__ for node in tree.body}
        assert len(lines) <= 25 and kinds <= {'Expr', 'ImportFrom', 'Assign'} and max(map(len, lines)) <= 100, path

def test_every_module_has_its_notebook():
    modules = {p.relative_to(ROOT/'fer_nb').with_suffix('').as_posix().replace('/', '.') for p in (ROOT/'fer_nb').rglob('*.py')}
    assert {m for m in modules if not m.endswith(('__init__', '_modidx', '__main__'))} == {r.name for r in found()}

@pytest.mark.parametrize('name', ['static', 'ground'])
def test_names_of_other_folders_are_free(name): assert name not in {r.wing for r in found()}

def test_tests_mirror_rooms():
    "Every room has a test file of its own, found by its name"
    files = {p.stem for p in (ROOT/'tests').rglob('test_*.py')}
    missing = {r.name for r in found() if not files & r.test_names}
    assert missing == PENDING['tests']

def test_page_is_up_to_date():
    text = (ROOT/'docs/house.md').read_text(encoding='utf-8')
    assert house.table(found()) in text and house.drawn(found()) == (ROOT/'docs/house.svg').read_text(encoding='utf-8')

def test_function_bodies_are_short():
    "At most 40 lines of body: what follows the arguments and the docstring"
    long = set()
    for path in (ROOT/'fer_nb').rglob('*.py'):
        for f in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
            if isinstance(f, ast.FunctionDef):
                body = f.body[1:] if ast.get_docstring(f) is not None else f.body
                if body and body[-1].end_lineno - body[0].lineno >= 40: long.add(f'{path.stem}.{f.name}')
    assert long == PENDING['bodies']

def public(path):
    "Public functions and methods of a module as (name, definition, docstring of the class whose __init__ it is)"
    def inside(body, stem):
        for node in body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith('_'): yield f'{stem}.{node.name}', node, None
            if isinstance(node, ast.ClassDef) and not node.name.startswith('_'):
                yield from inside(node.body, f'{stem}.{node.name}')
                for f in node.body:
                    if isinstance(f, ast.FunctionDef) and f.name == '__init__': yield f'{stem}.{node.name}', f, ast.get_docstring(node) or ''
    yield from inside(ast.parse(path.read_text(encoding='utf-8')).body, path.relative_to(ROOT/'fer_nb').with_suffix('').as_posix().replace('/', '.'))

def arguments(f): return [a for a in (*f.args.posonlyargs, *f.args.args, *f.args.kwonlyargs) if a.arg not in ('self', 'cls')]

def everything(): return [item for path in sorted((ROOT/'fer_nb').rglob('*.py')) if path.name != '_modidx.py' for item in public(path)]

def in_rooms(names):
    "The rooms of dotted names of functions and classes"
    rooms = {r.name for r in found()}
    return {next(room for room in rooms if name.startswith(room + '.')) for name in names}

def test_public_arguments_have_types():
    untyped = [name for name, f, _ in everything() for a in arguments(f) if a.annotation is None]
    assert in_rooms(untyped) == PENDING['types'], untyped

def test_help_of_a_class_says_what_its_parameters_mean():
    unsaid = [name for name, f, doc in everything() if doc is not None
              for a in arguments(f) if not re.search(rf'^\s*\**{a.arg}\b.*:', doc, re.M)]
    assert in_rooms(unsaid) == PENDING['help'], unsaid
