"""Kernels without their start-up: one process imports what every notebook imports, and becomes the kernel of a notebook as often as it is asked (fork).

    monkeypatch.setattr(LAUNCH, Warm(path))

Each kernel is a process of its own, and nothing of ours is imported before it exists; only reading torch, matplotlib and IPython from the
disk happens once, however many processes of pytest and JupyterLabs ask. Run as a program this file is that process: it listens at a path,
whose name is the process it works for; a request is a line of JSON, the answer the kernel's id.
"""
import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
from filelock import FileLock

LAUNCH = 'jupyter_client.provisioning.local_provisioner.launch_kernel'  # what it stands for
SLOW = 'rfc3987_syntax'                                      # with it jsonschema makes 38 parsers at import, for addresses that nobody has checked; without it, none
HEAVY = ('IPython', 'ipykernel.kernelapp', 'matplotlib.backends.backend_agg', 'nbformat', 'numba', 'scipy.interpolate', 'scipy.ndimage', 'torch', 'torchvision')


# ---- the process

def become_kernel(argv, env, cwd):
    "What is left of `python -m ipykernel_launcher` when everything is imported."
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)                                     # neither requests nor answers are the kernel's
    os.dup2(2, 1)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    import matplotlib
    import numpy
    from ipykernel.kernelapp import launch_new_instance
    if os.environ.get('MPLBACKEND'): matplotlib.rcParams['backend'] = os.environ['MPLBACKEND']
    numpy.random.seed()                                     # not that of the kernel before
    launch_new_instance([*argv, f'--IPKernelApp.parent_handle={os.getppid()}'])

def reap(*_):
    "Take leave of kernels that have ended."
    try:
        while os.waitpid(-1, os.WNOHANG)[0]: pass
    except ChildProcessError: pass

def serve(path):
    "Fork a kernel for each request, as long as the process lives for which all this is done."
    import gc
    import importlib
    sys.modules[SLOW] = None
    for name in HEAVY: importlib.import_module(name)
    import numba
    numba.njit(lambda: 0)()                                 # with its first function numba learns all that it knows
    gc.freeze()
    signal.signal(signal.SIGCHLD, reap)
    line = socket.socket(socket.AF_UNIX)
    line.bind(f'{path}.soon')
    line.listen()
    line.settimeout(10)
    os.rename(f'{path}.soon', path)
    while psutil.pid_exists(int(Path(path).name)):
        try: asked, _ = line.accept()
        except TimeoutError: continue
        request = json.loads(asked.makefile().readline())
        if not (pid := os.fork()):
            for end in (line, asked): end.close()
            return become_kernel(**request)
        os.setpgid(pid, pid)                                # who ends a kernel ends its group
        asked.sendall(str(pid).encode())
        asked.close()


# ---- who asks

class Kernel(psutil.Process):
    "A process as jupyter_client drives it, though it is not a child."
    stdin = stdout = stderr = None
    def poll(self): return None if self.is_running() else 0
    def send_signal(self, signum):
        with suppress(psutil.NoSuchProcess): super().send_signal(signum)

class Warm:
    "Starts kernels; whoever asks first at this path starts the process that becomes them."
    def __init__(self, path): self.path = str(path)

    def __call__(self, cmd, env=None, cwd=None, **_):
        with FileLock(f'{self.path}.lock'):
            if not os.path.exists(self.path): self.start()
        request = dict(argv=cmd[cmd.index('ipykernel_launcher') + 1:], env=dict(env or os.environ), cwd=str(cwd or os.getcwd()))
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(self.path)
            line.sendall(json.dumps(request).encode() + b'\n')
            return Kernel(int(line.recv(20)))

    def start(self):
        process = subprocess.Popen([sys.executable, '-X', 'frozen_modules=off', __file__, self.path], stdin=subprocess.DEVNULL, start_new_session=True,
                                   env={**os.environ, 'OMP_NUM_THREADS': '1', 'MPLBACKEND': 'module://matplotlib_inline.backend_inline'})
        while not os.path.exists(self.path):
            if process.poll() is not None: raise RuntimeError('no process that becomes kernels: it ended, and said why above')
            time.sleep(.05)

if __name__ == '__main__':
    del sys.path[0]                                         # the folder of the tests
    serve(sys.argv[1])
