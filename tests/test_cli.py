"The command line as a reader types it: fer_nb.cli in processes of its own."
import csv
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import fields, replace
from pathlib import Path

import pytest

import fer_nb
from dataset_trees import idx, idx_folder
from fer_nb import cli
from fer_nb.cli import main
from fer_nb.papers import Recipe
from fer_nb.tables import finished
from waiting import alive, wait_for

SCRIPT = Path(sys.executable).parent/('fer_nb.exe' if os.name == 'nt' else 'fer_nb')
TINY = ['wmnist', '--losses', 'softmax,dda', '--seeds', '2', '--epochs', '1', '--majority', '20', '--workers', '1']


def run(*args, cwd=None, timeout=500):
    return subprocess.run([SCRIPT, *map(str, args)], cwd=cwd, capture_output=True, text=True, encoding='utf-8', timeout=timeout,
                          env={**os.environ, 'PYTHONIOENCODING': 'utf-8', 'OMP_NUM_THREADS': '1'})


# ---- the entry point

def test_version_and_help():
    done = run('--version')
    assert (done.returncode, done.stdout, done.stderr) == (0, f'fer_nb {fer_nb.__version__}\n', '')

@pytest.mark.parametrize('args', [['--help'], ['lab', '--help'], ['wmnist', '--help'], ['doctor', '--help'], ['describe', '--help'], ['preprocess', '--help']])
def test_help(args, capsys):
    with pytest.raises(SystemExit) as e: main(args)
    text = capsys.readouterr().out
    assert e.value.code == 0 and 'fer_nb' in text
    if args[0] == 'wmnist':
        assert all(f'--{option}' in text for option in ('losses', 'seeds', 'preset', 'profile', 'epochs', 'data', 'out', 'gamma'))
        lines = ' '.join(text.split())
        for f in fields(Recipe): # every field is an option, with its meaning and its values
            if f.name not in ('loss', 'seed'): assert f"--{f.name.replace('_', '-')} " in lines and f.metadata['about'] in lines
        assert 'learning rate (lab: 0.05, paper: 0.001)' in lines and '(0.5)' in lines and '(lab: 5.0, paper: none)' in lines

@pytest.mark.parametrize('args, says', [
    ([], 'required'),
    (['wmnit'], 'wmnit'),
    (['wmnist', '--bogus'], '--bogus'),
    (['wmnist', 'extra'], 'extra'),
    (['wmnist', '--seeds', 'five'], "--seeds: invalid int value: 'five'"),
    (['wmnist', '--epochs'], '--epochs: expected one argument'),
    (['wmnist', '--seeds', '0'], 'seeds: expected a whole number of at least 1, got 0'),
    (['wmnist', '--seeds', '-3'], 'seeds: expected a whole number of at least 1, got -3'),
    (['wmnist', '--losses', 'sofmax'], "loss: expected one of softmax, center, island, dda, separate, margin, angular, adjusted, weighted, focal, ldam, cosface, supcon, bcl, etf, ring, got 'sofmax'"),
    (['wmnist', '--losses', ''], "loss: expected one of"),
    (['wmnist', '--losses', 'softmax,'], "loss: expected one of"),
    (['wmnist', '--preset', 'big'], "preset: expected one of lab, paper, got 'big'"),
    (['wmnist', '--profile', 'wild'], "profile: expected one of balanced, mild, severe, longtail, step"),
    (['wmnist', '--epochs', '0'], 'epochs: expected a whole number of at least 1, got 0'),
    (['wmnist', '--epochs', '1.5'], "--epochs: invalid int value"),
    (['wmnist', '--majority', '0'], 'majority'),
    (['wmnist', '--majority', '301'], 'class 0: 301 wanted, 300 available'),
    (['wmnist', '--preset', 'paper'], 'data takes a folder of IDX files'),
    (['wmnist', '--lr', '0'], 'lr: expected a finite number above 0'),
    (['wmnist', '--lr', 'nan'], 'lr: expected a finite number above 0, got nan'),
    (['wmnist', '--lam', '-1'], 'lam: expected a finite number of at least 0, got -1.0'),
    (['wmnist', '--gamma', 'inf'], 'gamma'),
    (['wmnist', '--alpha', '2'], 'alpha: expected a finite number above 0 and at most 1, got 2.0'),
    (['wmnist', '--workers', '0'], 'workers: expected a whole number of at least 1, got 0'),
    (['wmnist', '--clip', '0'], 'clip: expected a finite number above 0, got 0.0'),
    (['wmnist', '--clip', 'much'], "--clip: invalid float value: 'much'"),
    (['wmnist', '--batch-size', '0'], 'batch_size: expected a whole number of at least 1, got 0'),
    (['wmnist', '--schedule', 'step'], "schedule: expected one of cosine, staircase, got 'step'"),
    (['wmnist', '--data', 'nowhere'], 'nowhere'),
    (['wmnist', '--data', 'empty'], 'train-images-idx3-ubyte'),
    (['wmnist', '--out', 'file'], 'out: expected a folder, got the file file'),
    (['lab', 'file'], 'folder: expected a folder, got the file file'),
    (['doctor'], 'RUN.npz'),
    (['doctor', 'nowhere.npz'], 'nowhere.npz: expected a run written by Run.save, got no such file'),
    (['doctor', 'file'], 'file: expected a run written by Run.save, got a damaged or foreign file'),
    (['doctor', 'empty'], 'empty: expected a run written by Run.save'),
    (['lab', 'a', 'b'], 'b'),
    (['describe'], 'FOLDER'),
    (['preprocess', 'empty'], 'OUT'),
    (['preprocess', 'nowhere', 'out'], 'folder: expected a folder with pictures, got nowhere, which does not exist'),
    (['preprocess', 'empty', 'out'], 'folder: expected pictures, got empty with 0 other files'),
    (['preprocess', 'empty', 'out', '--size', 'big'], "--size: invalid int value: 'big'"),
    (['preprocess', 'empty', 'out', '--landmarks', '7'], 'landmarks: expected one of 0, 5, 68, got 7'),
    (['preprocess', 'empty', 'out', '--longest', '3'], 'longest: expected a whole number of at least 12, got 3'),
    (['preprocess', 'empty', 'empty'], 'out: expected a folder apart from the input, got empty, which is empty'),
])
def test_bad_input_is_one_line_and_status_2(args, says, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path('file').write_text('mine')
    Path('empty').mkdir()
    monkeypatch.setattr('fer_nb.papers.comparing.train', lambda *args: 1 / 0)  # nothing may be trained
    monkeypatch.setattr('fer_nb.tables.ProcessPoolExecutor', None)
    assert main(args) == 2
    err = capsys.readouterr().err
    assert err.startswith('fer_nb: ') and err.count('\n') == 1 and err.endswith('\n') and says in err
    assert Path('file').read_text() == 'mine' and sorted(p.name for p in tmp_path.iterdir() if p.name != 'runs') == ['empty', 'file']

def test_bad_input_through_the_shell():
    done = run('wmnist', '--losses', 'sofmax')
    assert done.returncode == 2 and done.stdout == '' and done.stderr == "fer_nb: loss: expected one of softmax, center, island, dda, separate, margin, angular, adjusted, weighted, focal, ldam, cosface, supcon, bcl, etf, ring, got 'sofmax'\n"

@pytest.mark.skipif(not Path('/dev/full').exists(), reason='needs a device that is always full')
def test_a_full_disk_is_one_line(tmp_path, capsys):
    "Rows go to a file on a full disk"
    (tmp_path/'o').mkdir()
    (tmp_path/'o/rows.jsonl').symlink_to('/dev/full')
    assert main([*TINY, '--seeds', '1', '--losses', 'softmax', '--out', str(tmp_path/'o')]) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith('fer_nb: [Errno 28]') and not (tmp_path/'o/results.csv').exists()


def test_the_module_is_the_command():
    done = subprocess.run([sys.executable, '-m', 'fer_nb', 'wmnist', '--losses', 'sofmax'], capture_output=True, text=True, encoding='utf-8', timeout=500)
    assert done.returncode == 2 and done.stderr.startswith('fer_nb: loss: expected one of')
    assert subprocess.run([sys.executable, '-m', 'fer_nb', '--version'], capture_output=True, text=True, timeout=500).stdout == f'fer_nb {fer_nb.__version__}\n'

@pytest.mark.parametrize('verb, light', [('lab', True), ('doctor', True), ('reproduce', True), ('describe', True), ('preprocess', True), ('wmnist', False)])
def test_only_the_digits_options_need_pytorch(verb, light):
    code = f"import sys\nfrom fer_nb.cli import main\ntry: main(['{verb}', '--help'])\nexcept SystemExit: print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, encoding='utf-8', timeout=500, env={**os.environ, 'PYTHONIOENCODING': 'utf-8'})
    assert done.stdout.splitlines()[-1] == str(not light)

def test_options_become_fields(monkeypatch, tmp_path):
    "What is given reaches the recipe, what is not keeps the preset's value"
    seen = []
    monkeypatch.setattr('fer_nb.papers.compare', lambda recipes, seeds, out, **kw: seen.append((recipes, seeds, out, kw)) or [])
    monkeypatch.setattr('fer_nb.papers.table', lambda *args: '')
    assert main(['wmnist', '--losses', 'softmax, center', '--clip', 'none', '--batch-size', '64', '--schedule', 'staircase', '--width', '.5', '--s', '4', '--centers', 'autograd', '--out', str(tmp_path)]) == 0
    (recipes, seeds, out, kw), = seen
    change = dict(clip=None, batch_size=64, schedule='staircase', width=.5, s=4., centers='autograd')
    assert recipes == [Recipe('softmax', **change), Recipe('center', **change)] and (seeds, out, kw) == (5, str(tmp_path), dict(movies=True, workers=None))


# ---- lab

def test_lab_without_its_extra(tmp_path, monkeypatch, capsys):
    "says what to install before it copies anything"
    monkeypatch.setattr(cli, 'find_spec', lambda name: None if name in ('jupyterlab', 'anywidget') else importlib.util.find_spec(name))
    assert main(['lab', str(tmp_path/'course')]) == 2
    assert capsys.readouterr().err == 'fer_nb: jupyterlab, anywidget not installed: pip install "fer_nb[lab]"\n'
    assert not (tmp_path/'course').exists()


# ---- lab: serving

def get(url):
    try:
        with urllib.request.urlopen(url, timeout=60) as answer: return answer.status, answer.read().decode(), answer.url
    except urllib.error.HTTPError as e: return e.code, '', url
    except OSError: return None, '', url

@pytest.mark.skipif(os.name != 'posix', reason='signals')
@pytest.mark.slow
def test_lab_serves_with_a_token_until_it_is_stopped(tmp_path):
    env = {**os.environ, 'JUPYTER_RUNTIME_DIR': str(tmp_path/'runtime'), 'JUPYTER_CONFIG_DIR': str(tmp_path/'config'), 'IPYTHONDIR': str(tmp_path/'ipython'),
           'JUPYTERLAB_WORKSPACES_DIR': str(tmp_path/'workspaces'), 'JUPYTERLAB_SETTINGS_DIR': str(tmp_path/'settings'), 'JUPYTER_PLATFORM_DIRS': '1'}
    (tmp_path/'course').mkdir()
    (tmp_path/'course/11_dda.ipynb').write_text('{}')
    with open(tmp_path/'log', 'w') as log:
        p = subprocess.Popen([SCRIPT, 'lab', tmp_path/'course', '--no-browser'], env=env, stdout=log, stderr=log, cwd=tmp_path, start_new_session=True)
    try:
        def info():
            assert p.poll() is None, (tmp_path/'log').read_text()
            for f in tmp_path.glob('runtime/jpserver-*.json'):
                try: return json.loads(f.read_text())
                except json.JSONDecodeError: pass
        server = wait_for(info)
        assert server['token'] and Path(server['root_dir']).samefile(tmp_path/'course')
        wait_for(lambda: get(f"{server['url']}api/status?token={server['token']}")[0] == 200)
        assert get(f"{server['url']}api/contents")[0] == 403  # no token, no files
        status, text, _ = get(f"{server['url']}api/contents/labs?token={server['token']}")
        assert status == 200 and 'wild_mnist.ipynb' in [f['name'] for f in json.loads(text)['content']]
        news = json.loads(get(f"{server['url']}lab/api/settings/@jupyterlab/apputils-extension:notification?token={server['token']}")[1])
        assert news['schema']['properties']['fetchNews']['default'] == 'false' and news['settings'] == {}  # no question over the playback bar
        log = (tmp_path/'log').read_text()
        assert re.search(r'^\d+ files copied to .*course, 1 already there and left as they are$', log, re.M)
        assert f"/lab/tree/labs/wild_mnist.ipynb?token={server['token']}" in log
        assert (tmp_path/'course/11_dda.ipynb').read_text() == '{}'
        p.terminate()
        p.wait(300)
        assert get(f"{server['url']}api/status?token={server['token']}")[0] is None  # gone
    finally:
        try: os.killpg(p.pid, signal.SIGKILL)
        except ProcessLookupError: pass
        p.wait()


# ---- wmnist

@pytest.fixture(scope='module')
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp('wmnist')
    return run(*TINY, '--out', folder/'out'), folder/'out'

@pytest.mark.slow
def test_wmnist_prints_its_tables(finished):
    done, out = finished
    assert done.returncode == 0, done.stderr
    first, *_ = done.stdout.splitlines()
    assert first == 'Wild-MNIST, preset lab: training images per class [20, 20, 20, 20, 20, 20, 1, 2, 2, 4], 1500 test images, 1 epochs, 2 seeds'
    assert re.search(r'^\| loss +\| head +\| accuracy +\| balanced +\| majority recall \| minority recall \| seeds \|$', done.stdout, re.M)
    for name in ('softmax', 'DDA λ=1 γ=3'): assert re.search(rf'^\| {name} +\| linear \| +\d+\.\d ± \d+\.\d +\| .* 2 +\|$', done.stdout, re.M)
    assert re.search(r'^\| DDA λ=1 γ=3 − softmax \| center \| [+-]\d+\.\d \[[+-]\d+\.\d, [+-]\d+\.\d\] +\| \d of 2 +\|$', done.stdout, re.M)
    assert done.stdout.endswith(f'written to {out}: results.csv, race.html, race.gif\n')
    assert '4/4' in done.stderr and 'Traceback' not in done.stderr and 'Warning' not in done.stderr

@pytest.mark.slow
def test_wmnist_writes_csv_and_movies(finished):
    out = finished[1]
    with (out/'results.csv').open(newline='', encoding='utf-8') as f: rows = list(csv.DictReader(f))
    assert [(r['loss'], r['seed'], r['epochs'], r['majority']) for r in rows] == [(loss, s, '1', '20') for loss in ('softmax', 'dda') for s in '01']
    assert all(0 <= float(r[f'{h}_balanced']) <= 100 for r in rows for h in ('linear', 'prior', 'center'))
    assert len((out/'rows.jsonl').read_text().splitlines()) == 4
    html = (out/'race.html').read_text(encoding='utf-8')
    runs = json.loads(re.search(r'<script type="application/json" id="fer-nb-data">(.*?)</script>', html, re.S)[1])['runs']
    assert [r['name'] for r in runs] == ['softmax', 'DDA λ=1 γ=3'] and all(r['n'] == 500 for r in runs)
    assert (out/'race.gif').read_bytes()[:6] == b'GIF89a'

@pytest.mark.slow
def test_a_second_call_trains_nothing_again(finished, monkeypatch, capsys):
    done, out = finished
    before, html = (out/'rows.jsonl').stat().st_mtime_ns, (out/'race.html').read_bytes()
    monkeypatch.setattr('fer_nb.papers.comparing.train', lambda *args: 1 / 0)
    assert main([*TINY, '--out', str(out)]) == 0
    assert capsys.readouterr().out == done.stdout
    assert (out/'rows.jsonl').stat().st_mtime_ns == before and (out/'race.html').read_bytes() == html

def test_more_seeds_go_on_and_other_settings_do_not_mix(finished, tmp_path, monkeypatch, capsys):
    import fer_nb.papers as papers
    out = tmp_path/'out'
    shutil.copytree(finished[1], out)
    trained, really = [], papers.train
    monkeypatch.setattr(papers.comparing, 'train', lambda r, *args: trained.append((r.loss, r.seed, r.lr)) or really(r, *args))
    assert main([*TINY, '--seeds', '3', '--out', str(out)]) == 0
    assert trained == [('softmax', 2, .05), ('dda', 2, .05)]
    trained.clear()
    assert main([*TINY, '--seeds', '1', '--losses', 'softmax', '--lr', '.2', '--out', str(out)]) == 0
    assert trained == [('softmax', 0, .2)] and [r['lr'] for r in csv.DictReader((out/'results.csv').open())] == ['0.2']
    trained.clear()
    assert main([*TINY, '--out', str(out)]) == 0 and not trained
    assert capsys.readouterr().out.split('Wild-MNIST')[-1].splitlines()[2:-1] == finished[0].stdout.splitlines()[2:-1]
    assert (out/'race.html').read_bytes() == (finished[1]/'race.html').read_bytes()  # the movies of this recipe, not of the last one

def test_one_loss_one_seed_and_a_diverging_one(tmp_path, capsys):
    assert main(['wmnist', '--losses', 'softmax', '--seeds', '1', '--epochs', '1', '--majority', '20', '--out', str(tmp_path/'a')]) == 0
    out = capsys.readouterr().out
    assert 'difference' not in out and 'nan' not in out
    assert main(['wmnist', '--losses', 'dda', '--seeds', '1', '--epochs', '1', '--gamma', '1e38', '--out', str(tmp_path/'b')]) == 0
    out = capsys.readouterr().out
    assert '0, 1 diverged' in out and out.endswith('b: results.csv\n') and not (tmp_path/'b/race.html').exists()

def test_paper_preset_prints_the_papers_column(tmp_path, monkeypatch, capsys):
    import fer_nb.papers as papers
    monkeypatch.setitem(papers.PRESETS, 'paper', replace(papers.PRESETS['paper'], width=.1, size=14))  # the full network takes long on a laptop
    assert main(['wmnist', '--preset', 'paper', '--losses', 'softmax', '--epochs', '1', '--majority', '5', '--seeds', '1', '--out', str(tmp_path/'o')]) == 0
    out = capsys.readouterr().out
    assert re.search(r'\| softmax \| linear \| .*\| 96.78 \|', out) and 'counts the paper does not print' in out

def test_wmnist_on_a_folder_of_idx_files(tmp_path, capsys):
    from fer_nb.wmnist import load_digits
    for part, train in (('train', True), ('t10k', False)):
        images, labels = load_digits(train=train)
        idx_folder(tmp_path/'idx', part=part, images=idx(images.numpy()), labels=idx(labels.byte().numpy()))
    args = ['--losses', 'softmax', '--seeds', '1', '--epochs', '1', '--majority', '20', '--out']
    assert main(['wmnist', '--data', str(tmp_path/'idx'), *args, str(tmp_path/'a')]) == 0
    a = capsys.readouterr().out
    assert main(['wmnist', *args, str(tmp_path/'b')]) == 0
    assert a.splitlines()[:-1] == capsys.readouterr().out.splitlines()[:-1]  # the same digits from either place
    (tmp_path/'idx/train-labels-idx1-ubyte').write_bytes(b'\0\0\x08\x01')
    assert main(['wmnist', '--data', str(tmp_path/'idx'), *args, str(tmp_path/'c')]) == 2
    assert re.fullmatch(r'fer_nb: .*train-labels-idx1-ubyte: .*truncated\n', capsys.readouterr().err)

def test_ctrl_c_with_one_worker(tmp_path, monkeypatch, capsys):
    import fer_nb.papers as papers
    really, calls = papers.train, []
    def train(r, *args):
        calls.append(r.seed)
        if len(calls) == 2: raise KeyboardInterrupt
        return really(r, *args)
    monkeypatch.setattr(papers.comparing, 'train', train)
    args = ['wmnist', '--losses', 'softmax', '--seeds', '2', '--epochs', '1', '--majority', '20', '--workers', '1', '--out', str(tmp_path/'out')]
    assert main(args) == 130 and capsys.readouterr().err.endswith('interrupted; what is finished is kept, run the same command to go on\n')
    assert [json.loads(line)['seed'] for line in (tmp_path/'out/rows.jsonl').read_text().splitlines()] == [0]
    assert main(args) == 0 and calls == [0, 1, 1]

@pytest.mark.skipif(os.name != 'posix', reason='signals')
@pytest.mark.parametrize('to_all', [True, False])
@pytest.mark.slow
def test_ctrl_c_keeps_finished_rows(tmp_path, to_all):
    "One short training, then one without end; Ctrl-C in a terminal reaches every process, `kill -INT` one"
    out = tmp_path/'out'
    code = ('import signal, sys\nsignal.signal(signal.SIGINT, signal.default_int_handler)\nimport fer_nb.papers as papers\nfrom fer_nb.cli import main\n'
            'from dataclasses import replace\npreset = papers.preset\n'
            'papers.preset = lambda *a, **k: [replace(r, epochs=1 if r.loss == "softmax" else 100000) for r in preset(*a, **k)]\n'
            'if __name__ == "__main__": sys.exit(main())\n')
    (tmp_path/'go.py').write_text(code)
    p = subprocess.Popen([sys.executable, tmp_path/'go.py', 'wmnist', '--losses', 'softmax,dda', '--seeds', '1', '--majority', '20', '--workers', '2', '--out', out],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, env={**os.environ, 'OMP_NUM_THREADS': '1'})
    try:
        wait_for(lambda: p.poll() is not None or (out/'rows.jsonl').exists() and (out/'rows.jsonl').read_text().endswith('\n'))
        time.sleep(.5)
        assert p.poll() is None
        (os.killpg if to_all else os.kill)(p.pid, signal.SIGINT)
        text, err = p.communicate(timeout=300)
        assert p.returncode == 130 and 'interrupted; what is finished is kept, run the same command to go on' in err and 'Traceback' not in err
        rows = [json.loads(line) for line in (out/'rows.jsonl').read_text().splitlines()]
        assert [row['loss'] for row in rows] == ['softmax'] and not (out/'results.csv').exists()
        wait_for(lambda: not alive(p.pid))  # no worker is left
    finally:
        try: os.killpg(p.pid, signal.SIGKILL)
        except ProcessLookupError: pass
        p.wait()


# ---- doctor

def saved(path, losses, **names):
    import numpy as np
    from fer_nb.embeddings import Run
    run = Run(np.arange(20) % 2)
    for i, loss in enumerate(losses):
        run.add(i + 1, np.random.default_rng(i).normal(size=(20, 2)).astype(np.float32), np.zeros(20, np.uint8), losses={names.get('name', 'domain'): loss})
    run.save(path)
    return path

def test_doctor_says_what_is_wrong_and_exits_with_1(tmp_path):
    done = run('doctor', saved(tmp_path/'ill.npz', [.7, 3., 40.]))
    assert (done.returncode, done.stderr) == (1, '')
    assert done.stdout.startswith('ill.npz: 3 frames of 20 points, losses domain\n● exploding domain loss\n    measured: it grew from 0.7 to 40') and '    try:      lower λ' in done.stdout

def test_doctor_without_a_finding(tmp_path, capsys):
    assert main(['doctor', str(saved(tmp_path/'well.npz', [.7, .66, .68]))]) == 0
    out = capsys.readouterr()
    assert out.err == '' and 'No finding in losses and embeddings' in out.out and 'reversed' not in out.out

def test_doctor_says_what_it_cannot_see(tmp_path, capsys):
    assert main(['doctor', str(saved(tmp_path/'other.npz', [.7, .66, .68], name='softmax'))]) == 0
    assert 'no loss named domain' in capsys.readouterr().out

@pytest.mark.parametrize('losses, status, says', [((.7, 3., 40.), 1, '● exploding domain loss'), ((.7, .66, .68), 0, 'No finding')])
def test_doctor_reads_a_log(losses, status, says, tmp_path, capsys):
    (tmp_path/'log.csv').write_text('epoch,train_domain_loss\n' + ''.join(f'{i},{v}\n' for i, v in enumerate(losses)))
    assert main(['doctor', str(tmp_path/'log.csv')]) == status
    out = capsys.readouterr().out
    assert out.startswith('log.csv: 3 values of domain\n') and says in out

def test_doctor_on_a_log_without_a_domain_loss(tmp_path, capsys):
    (tmp_path/'log.csv').write_text('epoch,loss\n1,2\n')
    assert main(['doctor', str(tmp_path/'log.csv')]) == 2
    assert capsys.readouterr().err.startswith('fer_nb: log.csv: expected a column like domain_loss')

def test_doctor_on_a_run_without_frames(tmp_path, capsys):
    assert main(['doctor', str(saved(tmp_path/'none.npz', []))]) == 2
    assert 'at least one frame' in capsys.readouterr().err


# ---- reproduce

def test_reproduce_lists_and_shows(capsys):
    assert main(['reproduce', 'list']) == 0
    text = capsys.readouterr().out
    assert '004-table-2' in text and 'python experiments/arena.py' in text
    assert main(['reproduce', 'show', '004-table-2', '001-table-1']) == 0
    text = capsys.readouterr().out
    assert '86.38' in text and '44.41' in text and 'trainings' in text

def test_reproduce_runs_in_parts_and_then_as_a_whole(tmp_path, capsys):
    command = ['reproduce', 'run', '003-table-3', '--scale', 'smoke', '--out', str(tmp_path), '--jobs', '1']
    for part in ('0/2', '1/2'): assert main([*command, '--part', part]) == 0
    assert not (tmp_path/'003-table-3.md').exists()
    assert main(command) == 0
    text = capsys.readouterr().out
    assert 'embedded pictures: wild_gray for AffectNet' in text and '| DDA λ=0.01 γ=4 ' in text and (tmp_path/'003-table-3.md').exists()

@pytest.mark.parametrize('args, says', [(['run', '005-table-1'], 'name: expected one of'), (['run', '003-table-3', '--data', 'affectnet'], 'expected NAME=DIR'), (['run', '003-table-3', '--part', '3'], "--part: expected I/N, as in 3/16, got '3'"),
                                        (['run', '004-table-3', '--data', 'rafdb=here'], 'missing: affectnet'), (['run', '003-table-3', '--scale', 'big'], 'scale: expected one of'), (['try'], 'invalid choice')])
def test_reproduce_bad_input(args, says, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(['reproduce', *args]) == 2
    assert says in capsys.readouterr().err and not list(tmp_path.iterdir())
