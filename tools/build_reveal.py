"""Build what fer_nb/static holds of reveal.js, from the package on npm: `python tools/build_reveal.py`.

The slides of `fer_nb course new` need no network: each page holds reveal.js, its style and its speaker's view. Bytes are as published.
"""
import subprocess
import tarfile
import tempfile
from pathlib import Path

VERSION = '5.2.1'
FILES = {'reveal.js': 'dist/reveal.js', 'reveal.css': 'dist/reveal.css', 'reveal_notes.js': 'plugin/notes/notes.js', 'reveal_LICENSE.txt': 'LICENSE'}


if __name__ == '__main__':
    static = Path(__file__).resolve().parent.parent/'fer_nb'/'static'
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(['npm', 'pack', f'reveal.js@{VERSION}', '--silent'], cwd=folder, check=True)
        with tarfile.open(next(Path(folder).glob('*.tgz'))) as package:
            for name, inside in FILES.items(): (static/name).write_bytes(package.extractfile(f'package/{inside}').read())
