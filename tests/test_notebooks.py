"The notebooks themselves: clean as committed, and running from top to bottom in a kernel of their own."
import ast
import asyncio
import json
import os
import re
import tempfile
from functools import lru_cache
from pathlib import Path

import nbformat
import pytest
import zmq
from nbclient import NotebookClient
from traitlets.config import Config

import fer_nb
import warm_kernel
from ran import wrong

NBS = Path(__file__).parents[1]/'nbs'
NOTEBOOKS = sorted(p.relative_to(NBS).as_posix() for p in NBS.rglob('*.ipynb') if '.ipynb_checkpoints' not in p.parts)
LABS = [name for name in NOTEBOOKS if name.startswith('labs/')]
each = pytest.mark.parametrize('name', NOTEBOOKS)
SLOW = '''00_ground/00_checks 00_wmnist 01_faces/01_raster 01_faces/04_surface 01_faces/05_hair 01_faces/06_skin 01_faces/08_renderer 01_faces/10_sets
01_faces/11_actions 01_faces/13_studio 02_datasets/05_leaks 03_preprocessing/01_detector 03_preprocessing/02_alignment 03_preprocessing/06_photographs
04_backbones/00_lenets 04_backbones/01_faces 05_training/01_watch 05_training/03_loop 05_training/04_scores 06_embeddings/02_recorder 06_embeddings/03_page
06_embeddings/04_pictures 06_embeddings/05_movie 06_embeddings/06_projections 06_embeddings/07_measures 07_widgets/04_stage 07_widgets/05_ask 11_dda
12_separate_loss 13_large_margin/03_semi_supervised 13_large_margin/04_score_studio 14_grl/01_looks 14_grl/02_doctor 14_grl/05_judging 14_grl/09_loops
14_grl/10_plans 15_angular_softmax 16_adaptation/00_distances 16_adaptation/01_digits 16_adaptation/02_norms 16_adaptation/03_scorers 16_mirror
17_arena/00_adjustment 18_own_face/00_clip 18_own_face/01_reader 18_own_face/02_adapting 18_own_face/03_twin 18_own_face/04_booth 20_course 20_disk 20_pack
20_papers/00_recipe 20_papers/01_building 20_papers/02_scoring 20_papers/03_comparing 22_reproduce/02_sets 22_reproduce/05_runner 23_assignments/01_jail
23_assignments/03_sandbox 23_assignments/05_release 23_assignments/06_judging 23_assignments/06b_checkers 23_assignments/08_grading
23_assignments/09_gradebook 23_assignments/10_classes 24_page/00_step 24_page/01_knobs 24_page/02_playground slides/week5 slides/week6'''.split()
MACHINE = re.compile(r'(?<![\w.:/-])/(work|home|tmp|root|Users|private|var|opt|mnt)/|site-packages|[A-Z]:\\\\?Users')


@lru_cache
def load(name): return nbformat.read(NBS/name, as_version=4)

def texts(nb):
    "Every source, every text output and the state of widgets, without pictures and packed data"
    yield 'metadata', re.sub(r'[A-Za-z0-9+/=]{200,}', '', json.dumps(nb.metadata))
    for cell in nb.cells:
        yield 'source', cell.source
        for out in cell.get('outputs', ()):
            yield 'output', out.get('text', '') + '\n'.join(out.get('traceback', ()))
            for kind, data in out.get('data', {}).items():
                if not kind.startswith('image/'): yield f'output {kind}', re.sub(r'[A-Za-z0-9+/=]{200,}', '', data if isinstance(data, str) else json.dumps(data))

def imports(source):
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import): yield from (a.name.split('.')[0] for a in node.names)
        if isinstance(node, ast.ImportFrom) and not node.level: yield node.module.split('.')[0]

def python(source): return '\n'.join(line for line in source.splitlines() if not line.lstrip().startswith(('%', '!')))


def test_there_are_notebooks(): assert {'labs/wild_mnist.ipynb', *(f'{name}.ipynb' for name in SLOW)} <= {*NOTEBOOKS} and len(NOTEBOOKS) >= 10


# ---- as committed

@each
def test_is_small_valid_and_for_any_python(name):
    assert (NBS/name).stat().st_size < 1_000_000
    nb = load(name)
    nbformat.validate(nb)
    assert nb.metadata.kernelspec.name == 'python3'
    ids = [c.get('id') for c in nb.cells]
    assert all(ids) and len(set(ids)) == len(ids)

@each
def test_opens_with_a_title_and_a_sentence(name):
    first = load(name).cells[name == 'labs/wild_mnist.ipynb'] # one key starts that lab's race: its cell is the first
    lines = [line for line in first.source.splitlines() if line.strip()]
    assert first.cell_type == 'markdown' and re.match(r'# \S', lines[0]) and re.match(r'> \S', lines[1])

@each
def test_names_no_machine(name):
    found = [f'{where}: …{text[max(m.start() - 40, 0):m.end() + 40]}…' for where, text in texts(load(name)) for m in MACHINE.finditer(text)]
    assert not found, '\n'.join(found)

def test_machine_paths_are_found():
    for path in ('/work/some/x', "'/home/me/x'", 'in /tmp/tmpab', 'lib/python3/site-packages/x', '/root/.cache', r'C:\Users\me'): assert MACHINE.search(path), path
    for text in ('https://host/home/x', 'loss/work', 'a/tmp/b', '../tmp/x', 'data:image/png'): assert not MACHINE.search(text), text

@pytest.mark.parametrize('name', LABS)
def test_printed_lines_fit(name):
    "A longer line is broken in the midst of a word where JupyterLab shows its files beside a lab, on a screen of 1280 pixels"
    said = ''.join(out.text for cell in load(name).cells for out in cell.get('outputs', ()) if out.output_type == 'stream')
    assert not [line for line in said.splitlines() if len(line) > 100]

@each
def test_links_lead_somewhere(name):
    for cell in load(name).cells:
        links = re.findall(r'\]\(([^)#\s]+)[^)]*\)', cell.source) if cell.cell_type == 'markdown' else []
        missing = [link for link in links if ':' not in link and not (NBS/name).parent.joinpath(link).exists()]
        assert not missing, f'{missing} in {cell.source[:80]!r}'

@each
def test_holds_no_error(name):
    assert not [out.ename for cell in load(name).cells for out in cell.get('outputs', ()) if out.output_type == 'error']

@each
def test_needs_no_nbdev(name):
    used = {m for cell in load(name).cells if cell.cell_type == 'code' for m in imports(python(cell.source))}
    assert not used & {'nbdev', 'fastcore', 'execnb'}

def test_library_needs_no_nbdev():
    modules = [p for p in Path(fer_nb.__file__).parent.rglob('*.py') if p.name != '_modidx.py']
    assert len(modules) > 5
    for p in modules: assert not set(imports(p.read_text(encoding='utf-8'))) & {'nbdev', 'fastcore', 'execnb', 'IPython.display'}, p.name

@each
def test_sliders_draw_their_picture(name):
    "`interactive` without auto_display shows sliders and no picture in JupyterLab"
    for cell in load(name).cells:
        for call in re.findall(r'\binteractive\((.*?)\)', cell.source if cell.cell_type == 'code' else '', re.S): assert 'auto_display' in call, call

@each
def test_exercises_hide_their_solutions(name):
    cells = load(name).cells
    tagged = lambda tag: [c for c in cells if tag in c.metadata.get('tags', ())]
    for cell in tagged('solution') + tagged('checker'):
        assert cell.cell_type == 'code' and cell.metadata.get('jupyter', {}).get('source_hidden') is True
    for cell in tagged('solution'):
        assert cell.source.startswith('#| code-fold: true\n# solution') and re.search(r'^assert |assert_close', cell.source, re.M), cell.source[:200]
    headings = [line for c in cells if c.cell_type == 'markdown' for line in c.source.splitlines() if line.startswith('#')]
    assert tagged('solution') or not any('xercise' in line for line in headings)


# ---- from top to bottom

async def listen(client):
    """Hear the reply to a cell. Asked for its events, the socket says that a reply is there; by itself it forgets it when a message is sent at that moment,
    as nbclient does for every picture below a slider: jupyter_client sends past the socket's own bookkeeping."""
    while True:
        await asyncio.sleep(.1)
        client.kc.shell_channel.socket.get(zmq.EVENTS)

def execute(name, folder):
    "The notebook after a run by a kernel of its own, in an empty folder"
    nb = nbformat.read(NBS/name, as_version=4)
    for cell in nb.cells:
        if cell.cell_type == 'code': cell.outputs = []
    (folder/'here').mkdir(parents=True)
    env = {**os.environ, 'IPYTHONDIR': str(folder/'ipython'), 'OMP_NUM_THREADS': '1'}
    sockets = tempfile.TemporaryDirectory() # files, not ports that another test's browser may take first; their names must be short
    config = Config(KernelManager=dict(transport='ipc', connection_file=f'{sockets.name}/kernel.json'))
    client, tasks = NotebookClient(nb, timeout=None, kernel_name='python3', config=config, resources={'metadata': {'path': str(folder/'here')}}), []
    client.on_notebook_start = lambda **_: tasks.append(asyncio.get_running_loop().create_task(listen(client)))
    client.on_notebook_complete = client.on_notebook_error = lambda **_: [task.cancel() for task in tasks]
    with sockets: return client.execute(env=env)

def test_what_is_wrong_is_found():
    def ran(source, *outputs, **metadata): return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source, outputs=list(outputs), metadata=metadata)])
    def says(text, name='stdout'): return nbformat.v4.new_output('stream', name=name, text=text)
    for bar in ('', ' 50%|█| 1/2', 'fer_nb: loss: expected one'): assert wrong(ran('1', says(bar, 'stderr'))) == []
    assert wrong(ran('1', says('a warning\n', 'stderr'))) == ['a warning']
    assert wrong(ran('1/0', nbformat.v4.new_output('error', ename='ZeroDivisionError', evalue='by zero', traceback=[]))) == ['ZeroDivisionError: by zero']
    assert wrong(ran('check_it(None)', says('not yet: a number'))) == wrong(ran('check_it(2)', says('right'), tags=['solution'])) == []
    for said in ('right', 'not yet: the check can do nothing with this answer (TypeError: no)'): assert len(wrong(ran('x = None\ncheck_it(x)', says(said)))) == 1

@pytest.mark.notebooks
@pytest.mark.timeout(3600)
@pytest.mark.parametrize('name', [pytest.param(name, marks=[pytest.mark.slow] * (name.removesuffix('.ipynb') in SLOW))
                                  for name in NOTEBOOKS if name not in LABS]) # test_labs_browser.py runs those, and asks the same
def test_runs(name, tmp_path, warm, monkeypatch):
    "no error, no unexplained word on stderr, and every unanswered exercise says so"
    monkeypatch.setattr(warm_kernel.LAUNCH, warm)
    assert wrong(execute(name, tmp_path)) == []
