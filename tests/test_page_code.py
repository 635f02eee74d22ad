"The page's code (page/) without a browser: its unit tests under the Node that the playwright wheel brings, and the scripts made from it."
import base64
import json
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

import bundle
from fer_nb.angular_softmax import AngularSoftmax
from fer_nb.backbones import Output
from fer_nb.embeddings import Run, payload, record, regions
from fer_nb.training import readout
from fer_nb.widgets import frame_block, run_blocks
from recorded_parts import K, Net, points, training

ROOT = Path(__file__).parents[1]
UNITS = sorted((ROOT/'tests/js').glob('*.test.mjs'))
SOURCES = sorted(p for p in (ROOT/'page').rglob('*') if p.suffix in ('.js', '.css'))


@pytest.fixture(scope='session')
def node():
    "The Node.js of the playwright wheel (dev extra)"
    playwright = pytest.importorskip('playwright')
    return Path(playwright.__file__).parent/'driver/node'

def text(blocks): return [base64.b64encode(b).decode() for b in blocks]

def plain(values): return None if values is None else [float(v) if np.isfinite(v) else None for v in np.ravel(values)]

def made(frames=5, n=40, k=4, centers=True, head=True, bias=False, images=None, huge=False):
    "A run of random frames; `huge`: its scale grows by powers of ten, and some numbers are not finite"
    rng = np.random.default_rng(frames + n + k)
    run = Run(rng.integers(0, k, n), [f'class {j}' for j in range(k)], name='<b>run</b>', minority=[k - 1], images=images)
    run.total = 900
    for i in range(frames):
        grown = 10.**i if huge else 1
        given = dict(centers=rng.normal(size=(k, 2)) if centers else None, head=rng.normal(size=(k, 2)) if head else None,
                     bias=rng.normal(size=k) if bias else None, grad_norm=np.inf if huge else .5,
                     losses=dict(total=1/(i + 1), center=np.nan if huge else .25))
        run.add(10 * i, rng.normal(size=(n, 2)) * grown, rng.integers(0, k, n), epoch=i // 2, **{a: v for a, v in given.items() if v is not None})
    return run

def wanted(run):
    "What the page should have read of a run"
    def part(field, i): return plain(np.float32(getattr(run, field)[i])) if getattr(run, field) else None
    frames = [dict(xy=run.frames[i].ravel().tolist(), step=run.steps[i], epoch=run.epochs[i], scale=run.scales[i], centers=part('centers', i),
                   head=part('head', i), bias=part('biases', i), recall=plain(np.float32(run.recall[i])), grad=plain([run.grad_norm[i]])[0],
                   losses={name: plain([v[i]])[0] for name, v in run.losses.items()}) for i in range(len(run))]
    last = len(run) - 1
    points = np.random.default_rng(0).normal(size=(200, 2)) * 3
    nearest = {}
    if run.centers:
        guess = np.linalg.norm(run.embedding(last)[:, None] - np.float32(run.centers[last])[None], axis=2).argmin(1)
        nearest[last] = [plain([(guess == run.labels)[run.labels == j].mean()])[0] if (run.labels == j).any() else None for j in range(len(run.class_names))]
    read = regions(run, last, points)
    return dict(names=run.class_names, labels=run.labels.tolist(), minority=list(run.minority), total=run.total,
                images=None if run.images is None else run.images.ravel().tolist(), frames=frames, nearest=nearest,
                regions=[dict(frame=last, kind='head' if run.head else 'center', points=points.tolist(), winners=None if read is None else read.tolist())])

COUNTS = 300, 40, 20

def on_angles():
    "A run recorded from a network whose head decides by angles"
    net = Net()
    net.classifier = AngularSoftmax(2, K, s=6., m=0.)
    net.classifier.weight.data *= torch.tensor([[1.], [20.], [.05]])     # lengths that decide nothing
    return record(training(net=net), points(), 5, class_names=list('abc'), counts=COUNTS).finish(), net.classifier

def read_on_angles(run, head):
    "What Python reads of it: places near and far, and 0; by the head, and by the prior-adjusted head"
    z = np.random.default_rng(1).normal(size=(300, 2)) * np.geomspace(.01, 30, 300)[:, None]
    z = torch.tensor(np.concatenate([z, np.zeros((1, 2))])).float()
    scores = Output(z, head(z).detach())
    read = {kind: readout(scores, name, prior=COUNTS).argmax(1).tolist() for kind, name in dict(head='linear', prior='prior').items()}
    straight = z @ torch.tensor(run.head[-1]).T - torch.tensor(COUNTS).log()
    assert (straight.argmax(1) != torch.tensor(read['prior'])).sum() > 20 and read['prior'] != read['head'] # who takes it for linear fails
    return [dict(frame=len(run) - 1, kind=kind, points=z.tolist(), winners=winners) for kind, winners in read.items()]

@pytest.fixture(scope='session')
def packed(tmp_path_factory):
    "A file of runs as Python packs them, for an exported page and for messages, with what should be read"
    pictures = np.random.default_rng(0).integers(0, 256, (40, 5, 6), np.uint8)
    runs = dict(full=made(bias=True, images=pictures), huge=made(huge=True), bare=made(head=False, centers=False), centers=made(head=False), single=made(1, 3, 2))
    runs['angular'], head = on_angles()
    out = {}
    for name, run in runs.items():
        file, = payload([run])['runs']
        if run.images is not None: file['images'] = dict(h=5, w=6, data=deflated(run.images))
        metas, blocks = run_blocks([run], ['a word about it'])
        frames = [frame_block(run, i) for i in range(len(run))]
        out[name] = dict(file=file, want=wanted(run), message=dict(metas=metas, blocks=text(blocks), frames=[[info, *text([block])] for info, block in frames]))
    out['angular']['want']['regions'] += read_on_angles(runs['angular'], head)
    metas, blocks = run_blocks([made(images=pictures), made(images=pictures.copy()), made(images=255 - pictures), made()])
    path = tmp_path_factory.mktemp('page')/'packed.json'
    path.write_text(json.dumps(dict(runs=out, shared=dict(metas=metas, blocks=text(blocks)))), encoding='utf-8')
    return path

def deflated(images):
    import zlib
    return base64.b64encode(zlib.compress(images.tobytes())).decode()


@pytest.mark.parametrize('unit', UNITS, ids=lambda p: p.name)
def test_unit(node, packed, unit):
    done = subprocess.run([node, '--test', '--test-reporter=tap', unit], env={'PACKED': str(packed)}, capture_output=True, text=True, encoding='utf-8')
    assert done.returncode == 0, '\n'.join(re.findall(r'^not ok.*?\n  \.\.\.$', done.stdout, re.M | re.S)) or done.stdout + done.stderr
    assert int(re.search(r'^# pass (\d+)$', done.stdout, re.M)[1]) >= 5 and '# skipped 0' in done.stdout

def test_scripts_are_in_step_with_their_sources():
    for name in bundle.SCRIPTS: assert bundle.joined(name) == (ROOT/f'fer_nb/static/{name}.js').read_text(encoding='utf-8'), 'run `make sync`'

@pytest.mark.parametrize('name', bundle.SCRIPTS)
def test_scripts_are_complete_modules(node, name, tmp_path):
    "Valid, without an import, and everything of theirs is in them once"
    script = tmp_path/f'{name}.mjs'
    script.write_text(bundle.joined(name), encoding='utf-8')
    exports = dict(theatre=['function', 'function'], studio=['function', 'undefined'], scores=['object', 'undefined'], booth=['function', 'undefined'], wall=['undefined', 'function'],
                   playground=['undefined', 'undefined'], trainer=['undefined', 'undefined'])[name]
    around = 'self = {}; document = {getElementById: () => ({replaceChildren() {}})}; addEventListener = () => {};' # two of them begin at once
    asks = f'{around} h = console; import({json.dumps(script.as_uri())}).then(m => console.log(typeof m.default, typeof m.mountStatic), e => console.error(e))'
    done = subprocess.run([node, '-e', asks], capture_output=True, text=True)
    assert done.stdout.split() == exports, done.stderr
    code = script.read_text(encoding='utf-8')
    assert not re.search(r'(^|[;}])import\b|<!--|</script', code, re.M) and len(re.findall(r'\bfunction h\(', code)) == (name != 'trainer')

def test_theatre_keeps_its_pure_functions_at_the_top():
    code = bundle.joined('theatre')
    for name in ('ticks', 'fillRegions', 'decodeRun', 'pointBox'): assert re.search(rf'(^|[;}}])(async )?function {name}\(', code, re.M), name

def test_styles_come_whole(tmp_path):
    "Also those with signs that mean something inside a script"
    style = tmp_path/'x.css'
    style.write_text('a::before { content: "\\201c`${b}" }\n')
    text, = bundle.modules(style, set(), 'STYLE')
    assert json.loads(text.removeprefix('const STYLE = ').removesuffix(';\n')) == style.read_text()

def test_sources_are_small():
    for path in SOURCES:
        lines = path.read_text(encoding='utf-8').splitlines()
        assert len(lines) <= 400 and max(map(len, lines)) <= 100, path

def test_sources_need_nothing_from_outside():
    for path in SOURCES:
        for where in re.findall(r'^import [^;]*? from "(.*?)";|@import|url\(', path.read_text(encoding='utf-8'), re.M): assert where.startswith('.') and (path.parent/where).exists(), path

def test_every_text_of_a_source_comes_whole():
    "The minifier knows no template inside a template, and would take the spaces out of it"
    scripts = ''.join(map(bundle.joined, bundle.SCRIPTS))
    for path in SOURCES:
        if path.suffix != '.js': continue
        code = re.sub(r'/\*[\s\S]*?\*/|//.*', '', bundle.IMPORT.sub('', path.read_text(encoding='utf-8')))
        assert not re.search(r'`[^`]*\$\{[^}`]*`', code), f'{path.name}: a template inside a template'
        for text in re.findall(r'`[^`\n]*`|"(?:[^"\\\n]|\\.)*"', code): assert text in scripts, (path.name, text)

def test_no_text_of_a_source_goes_over_lines():
    "`bundle` joins lines"
    for path in SOURCES:
        if path.suffix == '.js':
            for text in re.findall('`[^`]*`', path.read_text(encoding='utf-8')): assert '\n' not in text, path

def test_sources_take_no_child_from_a_foreign_node():
    "JupyterLab's windowed notebook does, and says so in the console: `lab_server.NOISE` leaves that out for it alone"
    for path in SOURCES: assert 'removeChild' not in path.read_text(encoding='utf-8'), path
