"""Kernels without their start-up: one process imports what every notebook imports, and becomes the kernel of a notebook as often as it is asked (fork).

    monkeypatch.setattr(LAUNCH, Warm())

Each kernel is a process of its own, and nothing of ours is imported before it exists; only reading torch, matplotlib and IPython from the
disk happens once. Run as a program this file is that process: a request is a line of JSON on stdin, the answer the kernel's id on stdout.
"""
import json
import os
import signal
import subprocess
import sys
from contextlib import suppress

import psutil

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

def serve():
    "Fork a kernel for each request, until nobody asks any more."
    import gc
    import importlib
    sys.modules[SLOW] = None
    for name in HEAVY: importlib.import_module(name)
    gc.freeze()
    signal.signal(signal.SIGCHLD, reap)
    for request in sys.stdin:
        if not (pid := os.fork()): return become_kernel(**json.loads(request))
        os.setpgid(pid, pid)                                # who ends a kernel ends its group
        print(pid, flush=True)


# ---- who asks

class Kernel(psutil.Process):
    "A process as jupyter_client drives it, though it is not a child."
    stdin = stdout = stderr = None
    def poll(self): return None if self.is_running() else 0
    def send_signal(self, signum):
        with suppress(psutil.NoSuchProcess): super().send_signal(signum)

class Warm:
    "Starts kernels; its process starts with the first of them."
    def __init__(self): self.server = None

    def __call__(self, cmd, env=None, cwd=None, **_):
        if self.server is None:
            self.server = subprocess.Popen([sys.executable, '-X', 'frozen_modules=off', __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
                                           env={**os.environ, 'OMP_NUM_THREADS': '1', 'MPLBACKEND': 'module://matplotlib_inline.backend_inline'})
        argv = cmd[cmd.index('ipykernel_launcher') + 1:]
        print(json.dumps(dict(argv=argv, env=dict(env or os.environ), cwd=str(cwd or os.getcwd()))), file=self.server.stdin, flush=True)
        return Kernel(int(self.server.stdout.readline()))

    def close(self):
        if self.server: self.server.communicate()

if __name__ == '__main__':
    del sys.path[0]                                         # the folder of the tests
    serve()
