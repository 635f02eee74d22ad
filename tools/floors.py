"""Try the oldest versions of all dependencies that settings.ini allows: a throw-away environment, a short smoke, a table.

    python tools/floors.py                # on this Python, into a temporary folder
    python tools/floors.py python3.10     # on another

Where a floor cannot be had (no wheel for this Python or machine) the oldest version above it stands in, and the table says so.
"""
import os
import re
import subprocess
import sys
import tempfile
from configparser import ConfigParser
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent

SMOKE = '''
import importlib, pkgutil, tempfile, torch, fer_nb
for found in pkgutil.walk_packages(fer_nb.__path__, "fer_nb."):
    if not found.name.endswith("__main__"): importlib.import_module(found.name)
print("every room imported")

from fer_nb.angular_softmax import AngularSoftmax
from fer_nb.centers import CenterLoss, IslandLoss
from fer_nb.dda import DDALoss
from fer_nb.grl import DomainAdversarial, DomainClassifier, GradientReversal
from fer_nb.large_margin import LargeMarginLoss
from fer_nb.separate_loss import SeparateLoss
from fer_nb.backbones import Output
x, y = torch.randn(8, 3), torch.arange(8) % 5
def step(loss, *inputs):
    given = torch.nn.Parameter(x.clone())
    value = loss(given)
    value.backward()
    assert value.isfinite() and given.grad.any()
for make in (CenterLoss, IslandLoss, DDALoss, SeparateLoss, LargeMarginLoss):
    loss = make(5, 3)
    for _ in range(2): loss(x, y)
    step(lambda e: loss(e, y))
head, adversarial = AngularSoftmax(3, 5), DomainAdversarial(DomainClassifier(3), steps=9)
step(lambda e: torch.nn.functional.cross_entropy(head(e, y), y))
step(lambda e: sum(adversarial((x, y, y % 2), Output(e, e @ torch.ones(3, 5))).values()))
step(lambda e: GradientReversal(.3)(e).sum())
print("one step of each loss")

from fer_nb.embeddings import Run, project
from fer_nb.papers import Recipe, recording
for clip in (5., None): run = recording(Recipe("dda", epochs=1, majority=20, clip=clip)).finish()
for method in ("tsne", "umap"): project(run, method)
with tempfile.TemporaryDirectory() as folder:
    run.save(f"{folder}/run.npz"), run.to_gif(f"{folder}/run.gif"), run.to_html(f"{folder}/run.html")
    assert (Run.load(f"{folder}/run.npz").embedding() == run.embedding()).all()
print("runs recorded, projected, drawn, saved and loaded")
'''


def requirements():
    "What a student installs: the package and the lab."
    config = ConfigParser(delimiters=['='])
    config.read(ROOT/'settings.ini', encoding='utf-8')
    return [Requirement(r) for name in ('requirements', 'lab_requirements') for r in config['DEFAULT'][name].split()]


def floor(requirement):
    "The version behind >=; None where any version is allowed."
    return next((s.version for s in requirement.specifier if s.operator == '>='), None)


def available(python, name):
    "Versions that pip can install on this Python without a compiler, the oldest first."
    said = subprocess.run([python, '-m', 'pip', 'index', 'versions', '--only-binary', ':all:', name], capture_output=True, text=True)
    listed = re.search(r'Available versions: (.*)', said.stdout)
    if not listed: sys.exit(f'{name}: expected a version that pip can install, got {said.stderr.strip().splitlines()[-1:]}')
    return sorted(map(Version, listed[1].split(', ')))


def chosen(python, requirement):
    "The oldest version that is allowed and can be had."
    allowed = list(requirement.specifier.filter(available(python, requirement.name)))
    return allowed[0] if allowed else sys.exit(f'{requirement}: expected a version that pip can install, got none')


def table(wanted, oldest):
    "Floors and what was tried, as Markdown."
    rows = ['| package | floor | tried | |', '|---|---|---|---|']
    for r in wanted:
        least, tried = floor(r), oldest[r.name]
        note = 'no floor in settings.ini' if least is None else '' if tried == Version(least) else 'the oldest to be had here'
        rows.append(f'| {r.name} | {least or "–"} | {tried} | {note} |')
    return '\n'.join(rows)


def main(base):
    wanted = requirements()
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([base, '-m', 'venv', folder], check=True)
        python = os.path.join(folder, 'Scripts/python.exe' if os.name == 'nt' else 'bin/python')
        pip = [python, '-m', 'pip', 'install', '-q', '--only-binary', ':all:']
        subprocess.run([*pip, '--upgrade', 'pip'], check=True)
        oldest = {r.name: chosen(python, r) for r in wanted}
        print(table(wanted, oldest), flush=True)
        together = subprocess.run([*pip, *(f'{name}=={version}' for name, version in oldest.items())])
        if together.returncode: sys.exit('floors: expected versions that go together, got the conflict above')
        env = {**os.environ, 'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1'}
        return subprocess.run([python, '-W', 'ignore', '-c', SMOKE], cwd=folder, env=env).returncode


if __name__ == '__main__': sys.exit(main(*sys.argv[1:] or [sys.executable]))
