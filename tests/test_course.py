"The course as it is handed out: whole, without solutions, never over a student's file, and corrected later."
import json
import subprocess
import sys
from pathlib import Path

import pytest

from fer_nb import course
from fer_nb.cli import main
from fer_nb.course import NOTE, copy_course, course_folder, student_version, update_course


def handed_out(name):
    "What a student gets of a file of the course."
    data = (course_folder()/name).read_bytes()
    return (json.dumps(student_version(json.loads(data)), ensure_ascii=False, indent=1) + '\n').encode() if name.suffix == '.ipynb' else data

@pytest.fixture(scope='module')
def source(): return [p for p in everything() if p.parts[0] not in ('slides', '23_assignments')]

def everything(): return sorted(p.relative_to(course_folder()) for p in course_folder().rglob('*.ipynb') if '.ipynb_checkpoints' not in p.parts)

def test_course_is_copied_whole_and_once(tmp_path, source):
    copied, kept = copy_course(tmp_path/'new'/'course')
    assert sorted(p for p in copied if p.suffix == '.ipynb') == source and Path('labs/wild_mnist.ipynb') in source and kept == []
    for f in copied: assert (tmp_path/'new/course'/f).read_bytes() == handed_out(f)
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob('*.ipynb')}
    assert copy_course(tmp_path/'new/course') == ([], copied)
    assert before == {p: p.stat().st_mtime_ns for p in tmp_path.rglob('*.ipynb')}

def test_what_exercises_are_judged_by_stays_with_the_grader(tmp_path):
    assert (course_folder()/'23_assignments').is_dir()
    for solutions in (False, True):
        copy_course(tmp_path/str(solutions), solutions)
        assert bool(list((tmp_path/str(solutions)).rglob('*assignments*'))) == solutions

def test_copying_never_overwrites(tmp_path, source):
    "a student's notebook, a broken link and a folder in a notebook's place all stay"
    (tmp_path/'labs').mkdir()
    (tmp_path/'labs/wild_mnist.ipynb').write_text('my answers')
    (tmp_path/source[0]).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path/source[0]).symlink_to(tmp_path/'gone.ipynb')
    (tmp_path/source[1]).mkdir()
    copied, kept = copy_course(tmp_path)
    assert (tmp_path/'labs/wild_mnist.ipynb').read_text() == 'my answers' and not (tmp_path/'gone.ipynb').exists() and (tmp_path/source[1]).is_dir()
    assert sorted(kept) == sorted([Path('labs/wild_mnist.ipynb'), source[0], source[1]]) and len(copied) >= len(source) - 3

def test_a_missing_notebook_comes_back(tmp_path, source):
    copy_course(tmp_path)
    (tmp_path/source[2]).unlink()
    assert copy_course(tmp_path)[0] == [source[2]]

def test_a_file_in_the_way_is_named(tmp_path):
    (tmp_path/'labs').write_text('mine')
    with pytest.raises(ValueError, match='folder: expected a folder, got the file .*labs$'): copy_course(tmp_path)
    (tmp_path/'f').write_text('mine')
    with pytest.raises(ValueError, match='folder: expected a folder, got the file .*/f$'): copy_course(tmp_path/'f')
    with pytest.raises(ValueError, match='folder: expected a folder, got the file .*/f$'): copy_course(tmp_path/'f'/'deeper')
    assert (tmp_path/'f').read_text() == (tmp_path/'labs').read_text() == 'mine'

CUT = """
import resource, sys
from fer_nb.course import copy_course
resource.setrlimit(resource.RLIMIT_FSIZE, (120_000, 120_000)) # stands in for a full disk: the write fails part-way
copy_course(sys.argv[1])
"""

@pytest.mark.skipif(sys.platform == 'win32', reason='other limits')
def test_a_copy_cut_short_leaves_no_cut_notebook(tmp_path, source):
    done = subprocess.run([sys.executable, '-c', CUT, tmp_path], capture_output=True, text=True)
    assert 'OSError: [Errno 27]' in done.stderr
    there = [p.relative_to(tmp_path) for p in tmp_path.rglob('*') if p.is_file()]
    assert len(there) < len(source) and all((tmp_path/f).read_bytes() == handed_out(f) for f in there if f.name != NOTE)
    copied, kept = copy_course(tmp_path)
    assert kept == sorted(f for f in there if f.name != NOTE) and all((tmp_path/f).read_bytes() == handed_out(f) for f in copied)

def test_copying_leaves_out_checkpoints(tmp_path, monkeypatch):
    (tmp_path/'nbs/.ipynb_checkpoints').mkdir(parents=True)
    for name in ('a.ipynb', '.ipynb_checkpoints/a-checkpoint.ipynb', 'notes.txt', 'pic.png'): (tmp_path/'nbs'/name).write_text('{"cells": []}')
    monkeypatch.setattr(course, 'course_folder', lambda: tmp_path/'nbs')
    assert copy_course(tmp_path/'c') == ([Path('a.ipynb'), Path('pic.png')], [])


# ---- solutions

def texts(value):
    "All texts of a notebook's cell, long enough to be told from each other."
    if isinstance(value, str): yield from (line.strip() for line in value.splitlines() if len(line.strip()) > 24)
    elif isinstance(value, dict): yield from (t for key, v in value.items() if key != 'image/png' for t in texts(v))
    elif isinstance(value, list): yield from texts(''.join(value) if all(isinstance(v, str) for v in value) else '') if value and isinstance(value[0], str) else (t for v in value for t in texts(v))

def cells(folder):
    for path in sorted(folder.rglob('*.ipynb')):
        if {'.ipynb_checkpoints', '23_assignments'} & set(path.parts): continue
        for cell in json.loads(path.read_text(encoding='utf-8'))['cells']: yield path.relative_to(folder), cell

def is_solution(cell): return 'solution' in cell['metadata'].get('tags', [])

def test_no_line_of_a_solution_or_of_its_output_is_handed_out(tmp_path):
    copy_course(tmp_path)
    hidden, shown = {}, {}
    for name, cell in cells(course_folder()): (hidden if is_solution(cell) else shown).setdefault(name, set()).update(texts([cell['source'], cell.get('outputs', [])]))
    there = {}
    for name, cell in cells(tmp_path): there.setdefault(name, set()).update(texts([cell['source'], cell.get('outputs', [])]))
    assert sum(map(len, hidden.values())) > 200 and there.keys() == {name for name in shown if name.parts[0] != 'slides'}
    leaks = {str(name): sorted(lines & there[name] - shown[name]) for name, lines in hidden.items()}
    assert not any(name.parts[0] == 'slides' for name in hidden)
    assert not any(leaks.values()) and not [name for name, cell in cells(tmp_path) if is_solution(cell)]

def test_the_teacher_has_them_all(tmp_path):
    copied, _ = copy_course(tmp_path, solutions=True)
    assert all((tmp_path/f).read_bytes() == (course_folder()/f).read_bytes() for f in copied)
    assert [f for f in copied if f.suffix == '.ipynb'] == everything() and Path('slides/week1.ipynb') in copied


# ---- corrections

@pytest.fixture
def home(tmp_path, monkeypatch):
    "A course of one notebook and a picture, handed out to `mine`; `correct` changes the source."
    nbs, mine = tmp_path/'nbs', tmp_path/'mine'
    (nbs/'labs').mkdir(parents=True)
    monkeypatch.setattr(course, 'course_folder', lambda: nbs)
    (nbs/'pic.png').write_bytes(b'first')
    write(nbs, a='one', b='two', hidden='secret')
    copy_course(mine)
    return nbs, mine

def write(folder, **sources):
    made = [dict(id=name, cell_type='code', source=text.splitlines(True), metadata={'tags': ['solution']} if name == 'hidden' else {}, outputs=[]) for name, text in sources.items()]
    (folder/'labs').mkdir(exist_ok=True)
    (folder/'labs/a.ipynb').write_text(json.dumps(dict(cells=made, metadata={}, nbformat=4, nbformat_minor=5)))

def test_nothing_has_changed(home): assert update_course(home[1]) == []

def test_an_untouched_notebook_is_replaced(home):
    nbs, mine = home
    write(nbs, a='one', b='two, corrected', hidden='secret')
    change, = update_course(mine)
    assert change.name == change.written == Path('labs/a.ipynb') and change.difference.splitlines()[-2:] == ['-two', '+two, corrected']
    assert 'corrected' in (mine/change.name).read_text() and 'secret' not in (mine/change.name).read_text() and update_course(mine) == []

def test_a_students_work_is_left_and_only_our_changes_are_shown(home):
    nbs, mine = home
    write(mine, a='my answer', b='two')
    write(nbs, a='one', b='two, corrected', c='new', hidden='secret')
    before = (mine/'labs/a.ipynb').read_bytes()
    change, = update_course(mine)
    assert (mine/'labs/a.ipynb').read_bytes() == before and change.written.parent == Path('labs') and change.written != change.name
    assert 'my answer' not in change.difference and '+two, corrected' in change.difference and '+new' in change.difference
    assert 'secret' not in (mine/change.written).read_text() and update_course(mine) == []
    write(nbs, a='one', b='two, corrected again', hidden='secret')
    again, = update_course(mine)                                        # a second correction takes another name
    assert again.written not in (change.written, change.name) and (mine/'labs/a.ipynb').read_bytes() == before

def test_without_a_note_every_difference_is_shown(home):
    nbs, mine = home
    (mine/NOTE).write_text('no JSON')
    write(mine, a='my answer', b='two')
    change, = update_course(mine)
    assert '-my answer' in change.difference and change.written != change.name

def test_what_a_student_has_broken_is_left(home):
    nbs, mine = home
    (mine/'labs/a.ipynb').write_text('broken')
    (mine/'pic.png').write_bytes(b'my drawing')
    (nbs/'pic.png').write_bytes(b'second')
    write(nbs, a='one', b='two, corrected')
    assert {c.name.name: c.written == c.name for c in update_course(mine)} == {'a.ipynb': False, 'pic.png': False}
    assert (mine/'labs/a.ipynb').read_text() == 'broken' and (mine/'pic.png').read_bytes() == b'my drawing'

def test_what_is_no_file_is_named_and_nothing_is_written(home):
    nbs, mine = home
    write(nbs, a='one, corrected', b='two')
    (nbs/'pic.png').write_bytes(b'second')
    (nbs/'new.ipynb').write_text('{"cells": []}')
    before = (mine/NOTE).read_bytes()
    (mine/'labs/a.ipynb').unlink()
    for make, kind in ((lambda path: path.mkdir(), 'a folder'), (lambda path: path.symlink_to(mine/'gone.ipynb'), 'a broken link'), (lambda path: path.symlink_to(path), 'a broken link')):
        make(mine/'labs/a.ipynb')
        with pytest.raises(ValueError, match=f'^folder: expected a file or nothing at labs/a.ipynb, got {kind}$'): update_course(mine)
        assert (mine/'pic.png').read_bytes() == b'first' and not (mine/'new.ipynb').exists() and (mine/NOTE).read_bytes() == before
        (mine/'labs/a.ipynb').rmdir() if kind == 'a folder' else (mine/'labs/a.ipynb').unlink()
    assert {c.name.name for c in update_course(mine)} == {'pic.png'} and (mine/'new.ipynb').exists() # a missing notebook came back by itself

def test_the_command_says_what_has_changed(home, monkeypatch, capsys):
    nbs, mine = home
    monkeypatch.setattr('jupyterlab.labapp.LabApp.launch_instance', lambda command: None)
    write(mine, a='my answer', b='two')
    write(nbs, a='one', b='two, corrected', hidden='secret')
    assert main(['lab', str(mine), '--update', '--no-browser']) == 0
    said = capsys.readouterr().out
    assert 'labs/a.ipynb: yours is as it was, the corrected one is labs/a-' in said and '    +two, corrected' in said
    assert main(['lab', str(mine/'teacher'), '--solutions', '--no-browser']) == 0 and 'secret' in (mine/'teacher/labs/a.ipynb').read_text()
