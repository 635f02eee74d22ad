"The training thread's life, and the pulse that tells whether anybody watches. Steps are counted, never seconds."
import threading

import pytest

from fer_nb.widgets import Pulse, Trainer
from toy_runs import gated, growing, threads, until


class Player(Trainer):
    "A trainer over gated runs; `steps(n)` lets each of them take n and waits until they are taken"
    def __init__(self, panels=1, **more):
        pairs = [gated(**more) for _ in range(panels)]
        self.gates, self.changes = [gate for _, gate in pairs], []
        super().__init__([run for run, _ in pairs], changed=lambda: self.changes.append(self.running))

    def steps(self, n=1):
        goals = [len(run) + n for run in self.runs]
        for gate in self.gates: gate.release(n)
        until(lambda: [len(run) for run in self.runs] == goals)

    def end(self):
        "Let go of the step under way, and wait for the thread"
        for gate in self.gates: gate.release(100)
        assert self.join() and not threads()


@pytest.fixture
def player():
    made = Player()
    yield made
    made.halt()
    made.end()

def test_one_thread_while_it_plays_and_none_else(player):
    assert not threads() and not player.running
    player.start()
    player.steps(3)
    assert player.running and len(threads()) == 1
    player.start()                                          # playing already
    assert len(threads()) == 1
    player.halt()
    player.end()
    assert not player.running and player.error is None

@pytest.mark.parametrize("way", ["halt", "stop"])
def test_the_thread_ends_after_the_step_it_is_in(player, way):
    player.start()
    player.steps(3)
    getattr(player, way)()                                  # the fourth step is under way
    assert not player.running
    player.end()                                            # a hundred more are allowed
    assert len(player.runs[0]) == 4 and player.stopped == player.done == (way == "stop")

def test_a_pause_keeps_the_state():
    player = Player()
    player.start()
    player.steps(3)
    player.halt("why")
    player.gates[0].release()
    assert player.join() and (player.note, len(player.runs[0])) == ("why", 4)
    run = player.runs[0]
    player.start()
    assert player.note == ""
    player.steps(2)
    player.halt()
    player.end()
    assert player.runs[0] is run and run.steps == list(range(7))

def test_a_step_gives_every_run_one_frame():
    player = Player(2)
    for n in (1, 2):
        for gate in player.gates: gate.release(5)
        player.start(one_frame=True)
        assert player.join() and [len(run) for run in player.runs] == [n, n] and not player.running

def test_after_a_stop_nothing_starts_but_new_runs(player):
    player.start()
    player.steps(2)
    player.stop()
    player.end()
    player.start()
    player.start(one_frame=True)
    assert not threads() and len(player.runs[0]) == 3
    player.start(build=lambda: [growing(5, pause=0)])
    assert player.join() and player.generation == 1 and not player.stopped and len(player.runs[0]) == 5

def test_who_takes_over_waits_for_the_step_under_way(player):
    player.start()
    player.steps(1)
    first, = threads()
    player.halt()
    player.start()                                          # the first thread is still in its second step
    assert player.running and first.is_alive() and len(threads()) == 2
    player.steps(1)
    first.join()
    player.steps(1)
    assert len(threads()) == 1 and player.runs[0].steps == [0, 1, 2]

def test_changes_are_told(player):
    player.start()
    player.steps(1)
    assert player.changes and all(player.changes)
    player.stop()
    player.end()
    assert player.changes[-1] is False

def test_runs_advance_in_turn():
    made = Trainer([growing(50, pause=0), growing(50, pause=0)])
    made.after = lambda: made.halt() if len(made.runs[1]) == 10 else None
    made.start()
    assert made.join() and [len(run) for run in made.runs] == [10, 10]

def test_an_error_ends_its_run_and_the_others_go_on():
    made = Trainer([growing(fail_at=3, pause=0), growing(20, pause=0)])
    made.start()
    assert made.join() and isinstance(made.error, FloatingPointError) and made.errors == ["FloatingPointError: step 3: softmax not finite", ""]
    assert [len(run) for run in made.runs] == [3, 20] and not made.running

def test_an_error_of_the_maker_is_kept_with_the_old_runs():
    def build(): raise ValueError("no such profile")
    made = Trainer([growing(3, pause=0)])
    old = made.runs
    made.start(build=build)
    assert made.join() and str(made.error) == "no such profile" and made.runs is old and made.generation == 0

def test_join_gives_up_when_told():
    player = Player()
    player.start()
    assert player.join(0) is False and player.join(.01) is False
    player.halt()
    player.end()


# ---------------------------------------------------------------- heartbeat
class Loop:
    def __init__(self): self.queue, self.stuck = [], False
    def call_soon_threadsafe(self, f): self.queue.append(f) if self.stuck else f()

def test_silence_counts_only_while_the_kernel_could_hear():
    now, cells, loop = [0.0], [1], Loop()
    pulse = Pulse(lambda: now[0], lambda: cells[0])
    def seconds(n, during=lambda: None):
        for _ in range(n):
            now[0] += 1
            during()
            if pulse.lost(): return True
        return False
    assert not seconds(100)                               # no page was ever there
    pulse.beat(loop)
    loop.stuck = True
    assert not seconds(100)                               # a cell runs: the loop does not answer
    loop.stuck = False
    [f() for f in loop.queue]
    assert not seconds(10) and seconds(10)                # idle and silent
    pulse.beat(loop)
    assert not seconds(10)                                # heard again
    pulse.beat(loop)
    loop.call_soon_threadsafe = lambda f: (cells.__setitem__(0, cells[0] + 1), f())
    assert not seconds(100)                               # many short cells in a row

def test_a_loop_that_is_closed_is_forgotten():
    class Closed:
        def call_soon_threadsafe(self, f): raise RuntimeError("Event loop is closed")
    pulse = Pulse(lambda: 0.0)
    pulse.beat(Closed())
    assert not pulse.lost() and pulse.loop is None


def test_the_thread_works_on_the_gpu_of_the_one_that_started_it(monkeypatch):
    chosen = []
    monkeypatch.setattr("torch.cuda.is_initialized", lambda: True)
    monkeypatch.setattr("torch.cuda.current_device", lambda: 1)
    monkeypatch.setattr("torch.cuda.set_device", lambda n: chosen.append((n, threading.current_thread().name)))
    made = Trainer([])
    made.start(build=list)
    assert made.join() and chosen == [(1, "fer_nb training")]

def test_a_gpu_that_nobody_uses_is_not_asked(monkeypatch):
    "Asking for its number would take memory of it"
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.current_device", lambda: pytest.fail("asked"))
    made = Trainer([])
    made.start(build=list)
    assert made.join() and made.error is None
