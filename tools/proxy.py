"Make sure that there is a configurable-http-proxy for the test with a real JupyterHub: from the npm registry, into this environment."
import shutil, sys
from pathlib import Path

from fer_nb.page.playground import npm_install, npm_path

HOME = Path(sys.prefix)/'proxy'


def path(): return npm_path(HOME/'node_modules/.bin')
def find(): return shutil.which('configurable-http-proxy', path=path())


if __name__ == '__main__' and not find():
    done = npm_install(HOME, 'configurable-http-proxy@5')
    if done.returncode: print(f'no proxy, the test with a JupyterHub will be skipped: {done.stderr.strip()[-300:]}', file=sys.stderr)
