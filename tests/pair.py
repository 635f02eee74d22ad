"""Resident processes of torch.distributed, two for the fixture `ddp`.

Where the system can fork, one process imports what is heavy and foreign, and becomes each of them; its environment is that of the first time.
"""
import importlib.util
import io
import os
import sys
import tempfile
import traceback
from datetime import timedelta
from multiprocessing import connection, get_all_start_methods, get_context

PATIENCE = 300  # seconds for a check; a dead partner is noticed at once
PROCESSES = get_context('forkserver' if 'forkserver' in get_all_start_methods() else 'spawn')
PROCESSES.set_forkserver_preload(['accelerate', 'pytest', 'torch.distributed', 'torchvision'])


def packed(thing):
    import torch
    file = io.BytesIO()
    torch.save(thing, file)
    return file.getvalue()


def unpacked(data):
    import torch
    return torch.load(io.BytesIO(data), weights_only=False)


def loaded(name, path):
    "The module of this name, from its file: test files need not be on the path."
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        sys.modules[name] = importlib.util.module_from_spec(spec)
        try: spec.loader.exec_module(sys.modules[name])
        except BaseException: del sys.modules[name]; raise
    return sys.modules[name]


def serve(rank, world, store, pipe):
    "What each of them does: run what is asked until the pipe is closed."
    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(world), LOCAL_WORLD_SIZE=str(world), MASTER_ADDR='127.0.0.1', MASTER_PORT='0')
    import torch
    import torch.distributed as dist
    torch.set_num_threads(1)
    dist.init_process_group('gloo', init_method=f'file://{store}', rank=rank, world_size=world, timeout=timedelta(seconds=PATIENCE))
    while True:
        try: module, path, function, args = unpacked(pipe.recv_bytes())
        except EOFError: return
        try: answer = True, packed(getattr(loaded(module, path), function)(rank, *args))
        except BaseException: answer = False, traceback.format_exc()
        pipe.send(answer)
        if not answer[0]: return  # what the others wait for is unknown: all are made anew


class Pair:
    "Starts the two, or `world`, when they are first needed, and again after a failure."
    def __init__(self, world=2): self.world, self.pipes, self.runs, self.folder = world, [], [], None

    def start(self):
        self.folder = tempfile.TemporaryDirectory()
        for rank in range(self.world):
            ours, theirs = PROCESSES.Pipe()
            self.runs.append(PROCESSES.Process(target=serve, args=(rank, self.world, f'{self.folder.name}/store', theirs), daemon=True))
            self.runs[-1].start()
            theirs.close()
            self.pipes.append(ours)

    def close(self):
        for pipe in self.pipes: pipe.close()
        for run in self.runs: run.kill(); run.join()  # they hold nothing that must be put away
        if self.folder: self.folder.cleanup()
        self.__init__(self.world)

    def __call__(self, check, *args):
        "Results of all processes; an AssertionError with the traceback if one of them failed."
        if not self.runs: self.start()
        task = packed((check.__module__, sys.modules[check.__module__].__file__, check.__qualname__, args))
        answers = {}
        try:
            for pipe in self.pipes: pipe.send_bytes(task)
            while len(answers) < self.world:
                ready = connection.wait([p for k, p in enumerate(self.pipes) if k not in answers], PATIENCE)
                if not ready: raise AssertionError(f'{check.__qualname__}: no answer from process {set(range(self.world)) - set(answers)} in {PATIENCE} s')
                for pipe in ready:
                    rank = self.pipes.index(pipe)
                    try: answers[rank] = pipe.recv()
                    except EOFError: raise AssertionError(f'{check.__qualname__}: process {rank} died') from None
                    if not answers[rank][0]: raise AssertionError(f'{check.__qualname__} in process {rank}:\n{answers[rank][1]}')
        except BaseException:
            self.close()
            raise
        return [unpacked(answers[rank][1]) for rank in range(self.world)]
