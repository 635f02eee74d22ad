"Rebuild everything that is made from the notebooks and from page/; with --check, fail if that changes a committed file."
import os, re, subprocess, sys, textwrap
from pathlib import Path

root = Path(__file__).resolve().parent.parent
os.chdir(root)
os.environ['PATH'] = f'{Path(sys.executable).parent}{os.pathsep}{os.environ["PATH"]}'
status = ['git', 'status', '--porcelain']


def output(cmd): return subprocess.run(cmd, check=True, capture_output=True, text=True).stdout


check = '--check' in sys.argv
if check and (dirty := output(status)): sys.exit(f'Commit first, the sync check needs a clean tree:\n{dirty}')
for module in (root/'fer_nb').rglob('*.py'):
    if module.name not in ('__init__.py', '__main__.py'): module.unlink()
subprocess.run([sys.executable, 'tools/fold.py'], check=True)
subprocess.run(['nbdev-clean'], check=True)
project = root/'pyproject.toml'
was, at = project.read_bytes(), project.stat()
subprocess.run(['nbdev-export'], check=True)
if project.read_bytes() == was: os.utime(project, ns=(at.st_atime_ns, at.st_mtime_ns)) # written anew as it was: make need not install
for module in (root/'fer_nb').rglob('*.py'): # nbdev breaks the list of names at 120 characters
    text = module.read_text(encoding='utf-8')
    names = re.search(r'^__all__ = \[.*?\]$', text, re.M | re.S)
    if names and module.name not in ('__init__.py', '__main__.py'):
        block = textwrap.fill(' '.join(names[0].split()), 100, subsequent_indent=' ' * 11)
        module.write_text(text[:names.start()] + block + text[names.end():], encoding='utf-8')
for maker in ('bundle', 'readme', 'house'): subprocess.run([sys.executable, f'tools/{maker}.py'], check=True)
if check:
    if changed := output(status):
        sys.exit(f'Out of step with the notebooks or page/ (run `make sync` and commit):\n{changed}{output(["git", "diff", "--stat"])}')
    print('library, page, README and docs/house.md are in step with their sources')
