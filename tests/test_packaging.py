"What travels in the wheel, and that it works where no checkout is."
import ast
import os
import re
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import PathDistribution
from pathlib import Path

import pytest

from floors import floor, requirements

ROOT = Path(__file__).parents[1]
TREE = ['settings.ini', 'setup.py', 'pyproject.toml', 'MANIFEST.in', 'README.md', 'LICENSE', 'CITATION.cff', '_quarto.yml', 'fer_nb', 'nbs', 'data_samples', 'docs', 'tools']


def python(code, path, cwd, **env):
    env = {**os.environ, 'PYTHONPATH': str(path), 'OMP_NUM_THREADS': '1', 'PYTHONIOENCODING': 'utf-8', **env}
    return subprocess.run([sys.executable, '-c', code], cwd=cwd, env=env, capture_output=True, text=True, encoding='utf-8', timeout=500)

@pytest.fixture(scope='module')
def wheel(tmp_path_factory):
    "The wheel, built by way of the source distribution from a copy of the tree, and unpacked"
    home = tmp_path_factory.mktemp('package')
    for name in TREE:
        if (ROOT/name).is_dir(): shutil.copytree(ROOT/name, home/'tree'/name, symlinks=True, ignore=shutil.ignore_patterns('__pycache__', '.*'))
        elif (ROOT/name).exists(): (home/'tree').mkdir(exist_ok=True); shutil.copy(ROOT/name, home/'tree'/name)
    done = subprocess.run([sys.executable, '-m', 'build', '--no-isolation', '--outdir', home/'dist', home/'tree'], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    path, = (home/'dist').glob('*.whl')
    with zipfile.ZipFile(path) as z: z.extractall(home/'unpacked')
    return path, home/'unpacked'

def names(folder, suffix=''):
    "The files of a folder, as paths below it"
    paths = [p for p in (ROOT/folder).rglob(f'*{suffix}') if p.is_file() and not {'__pycache__', '.ipynb_checkpoints'} & set(p.parts)]
    return {p.relative_to(ROOT/folder).as_posix() for p in paths}

@pytest.mark.slow
def test_wheel_holds_everything_a_course_needs(wheel):
    with zipfile.ZipFile(wheel[0]) as z: files = set(z.namelist())
    inside = lambda folder: {f.removeprefix(folder) for f in files if f.startswith(folder)}
    assert {f for f in inside('fer_nb/') if f.endswith('.py')} == names('fer_nb', '.py') and 'py.typed' in inside('fer_nb/')
    assert inside('fer_nb/static/') == names('fer_nb/static') >= {'theatre.js', 'studio.js', 'scores.js'}
    assert inside('fer_nb/data_samples/') == names('data_samples') >= {'digits.npz', 'digits_LICENSE.txt'}
    assert {f for f in inside('fer_nb/nbs/') if f.endswith('.ipynb')} == names('nbs', '.ipynb') >= {'labs/wild_mnist.ipynb'}
    assert {f for f in inside('fer_nb/nbs/') if not f.endswith('.ipynb')} >= {f for f in names('nbs') if f.startswith('images/')}
    assert inside('fer_nb/docs/course/') == names('docs/course') >= {'README.md', 'week1.md'}
    assert any(f.endswith('/LICENSE') for f in files)

@pytest.mark.slow
def test_wheel_holds_nothing_else(wheel):
    with zipfile.ZipFile(wheel[0]) as z: files = z.namelist()
    top = {f.split('/')[0] for f in files}
    assert top == {'fer_nb', next(t for t in top if t.endswith('.dist-info'))}
    assert not [f for f in files if '.ipynb_checkpoints' in f or 'test' in Path(f).name or f.endswith('.pyc')] and wheel[0].stat().st_size < 30e6

@pytest.mark.slow
def test_metadata(wheel):
    dist = PathDistribution(next(wheel[1].glob('*.dist-info')))
    settings = dict(re.findall(r'^(\w+) = (.*)$', (ROOT/'settings.ini').read_text(encoding='utf-8'), re.M))
    assert (dist.metadata['Name'], dist.version) == ('fer_nb', settings['version'])
    assert 'Apache-2.0' in (dist.metadata.get('License'), dist.metadata.get('License-Expression'))
    assert dist.metadata['Summary'] == settings['description'] and dist.metadata['Requires-Python'] == f">={settings['min_python']}"
    assert [(e.group, e.name, e.value) for e in dist.entry_points if e.group == 'console_scripts'] == [('console_scripts', 'fer_nb', 'fer_nb.cli:main')]
    assert set(dist.metadata.get_all('Provides-Extra')) == {'lab', 'faces', 'grade', 'page', 'site', 'dev', 'all'}

def test_users_are_not_capped(wheel):
    "no upper bounds on what runs; the notebook tools are asked for in the dev extra alone"
    for line in PathDistribution(next(wheel[1].glob('*.dist-info'))).requires:
        requirement, _, extra = line.partition(';')
        if 'dev' not in extra:
            assert not re.match(r'(nbdev|fastcore|execnb)\b', requirement), line
            assert not re.search(r'<|==|~=', requirement), line

def test_every_dependency_has_a_floor():
    "`make floors` tries them"
    wanted = requirements()
    assert len(wanted) > 10 and not [r.name for r in wanted if floor(r) is None]

@pytest.mark.slow
def test_unpacked_wheel_works_elsewhere(wheel, tmp_path):
    done = python(f'''
from pathlib import Path
import fer_nb
home = Path(fer_nb.__file__).parent
assert home == Path({str(wheel[1])!r})/'fer_nb', home
from fer_nb.wmnist import load_digits, data_file
from fer_nb.cli import main
from fer_nb.course import copy_course, course_folder
assert load_digits()[0].shape == (3500, 28, 28) and load_digits(train=False)[1].shape == (1500,)
assert data_file('digits.npz').parent == home/'data_samples' and course_folder() == home/'nbs'
copied, kept = copy_course('course')
assert Path('labs/wild_mnist.ipynb') in copied and Path('course/labs/wild_mnist.ipynb').stat().st_size and not kept
assert main(['course', 'new', 'give']) == 0 and Path('give/slides/week1.html').stat().st_size and Path('give/plan/week1.md').stat().st_size
assert main(['wmnist', '--losses', 'softmax', '--seeds', '1', '--epochs', '1', '--majority', '20', '--out', 'out']) == 0
''', wheel[1], tmp_path)
    assert done.returncode == 0, done.stderr
    assert '<script' in (tmp_path/'out/race.html').read_text(encoding='utf-8')

@pytest.mark.parametrize('module, without', [
    ('fer_nb', 'torch numpy matplotlib IPython argparse'),
    ('fer_nb.cli', 'torch numpy matplotlib jupyterlab IPython'),
    ('fer_nb.dda', 'matplotlib sklearn accelerate plotly IPython torchvision fer_nb.wmnist'),
    ('fer_nb.papers', 'matplotlib torchvision plotly IPython ipywidgets anywidget umap nbdev fastcore')])
def test_imports_are_light(wheel, tmp_path, module, without):
    done = python(f'import sys, {module}; print(*set({without.split()}) & set(sys.modules))', wheel[1], tmp_path)
    assert (done.returncode, done.stdout.strip()) == (0, ''), done.stdout + done.stderr

def test_no_module_imports_the_notebook_tools(wheel):
    for p in (wheel[1]/'fer_nb').rglob('*.py'):
        for node in ast.walk(ast.parse(p.read_text(encoding='utf-8'))):
            named = [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module or ''] if isinstance(node, ast.ImportFrom) else []
            assert not [n for n in named if n.split('.')[0] in ('nbdev', 'fastcore', 'execnb')], p.name

def test_init_holds_only_the_version(wheel):
    body = ast.parse((wheel[1]/'fer_nb/__init__.py').read_text()).body
    assert [type(node) for node in body] == [ast.Assign] and body[0].targets[0].id == '__version__'
