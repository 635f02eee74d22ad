"For tests of the widgets: runs that are finished, grow by themselves, or grow step by step as the test allows; a page that listens."
import threading
import time

import numpy as np

from fer_nb.embeddings import Run
from waiting import wait_for


def finished(frames=5, n=40, k=4, name="run", images=None, centers=True):
    "A run of some frames that has ended"
    run, g = Run(np.arange(n) % k, name=name, minority=[k - 1], images=images), np.random.default_rng(0)
    for i in range(frames):
        run.add(10 * i, g.normal(size=(n, 2)) * (1 + i), run.labels, losses={"total": 2.0 / (1 + i)},
                head=np.ones((k, 2)), centers=np.eye(k, 2) * i if centers else None)
    return run

def growing(steps=10**9, n=40, k=4, pause=0.002, fail_at=None, name="toy", gate=None, **_):
    "A training that adds a frame a step; with a `gate` (a semaphore) only as often as that is released"
    run, g = finished(0, n, k, name), np.random.default_rng(0)
    def train():
        for i in range(steps):
            if gate is not None: gate.acquire()
            if i == fail_at: raise FloatingPointError(f"step {i}: softmax not finite")
            run.add(i, g.normal(size=(n, 2)), run.labels, losses={"total": 1.0})
            if gate is None: time.sleep(pause)
            if (yield i): return
    run._source = train()
    return run

def gated(**more):
    "A growing run and its gate"
    gate = threading.Semaphore(0)
    return growing(gate=gate, **more), gate

def threads(): return [t for t in threading.enumerate() if t.name == "fer_nb training"]

def until(happened): return wait_for(happened, pause=.005)

def watch(made):
    "Let a fake page watch a theatre; returns the list of messages it gets."
    box = []
    made.send = lambda message, buffers=None: box.append((message, buffers or []))
    return box

def answer(made, box): made._hear(None, dict(type="ack", seq=max([m.get("seq", 0) for m, _ in box], default=0)), [])

def indices(box, panel=0): return [f["index"] for m, _ in box if m["type"] == "frames" for f in m["frames"] if f["panel"] == panel]
