"The two resident processes: they work together, hand back what they made, and a failure costs one test."
import os
from multiprocessing import Pipe
from unittest.mock import Mock

import pytest
import torch
import torch.distributed as dist

import pair


def total(rank, x):
    x = x + rank
    dist.all_reduce(x)
    return {"sum": x, "rank": rank, "process": os.getpid()}

def fails(rank, who):
    if rank == who: raise ZeroDivisionError(f"in process {rank}")
    dist.all_reduce(torch.zeros(1)) # the other one waits

def dies(rank):
    if rank: os._exit(3)
    dist.all_reduce(torch.zeros(1))

def accelerated(rank):
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState
    AcceleratorState._reset_state(True)
    accelerator = Accelerator(cpu=True)
    n = accelerator.num_processes, accelerator.process_index, accelerator.gather(torch.tensor([rank])).tolist()
    AcceleratorState._reset_state(True)
    return n

def test_they_are_two_and_stay(ddp):
    first, second = ddp(total, torch.ones(2))
    assert torch.equal(first["sum"], torch.full((2,), 3.)) and torch.equal(first["sum"], second["sum"])
    assert (first["rank"], second["rank"]) == (0, 1) and len({first["process"], second["process"], os.getpid()}) == 3
    assert [out["process"] for out in ddp(total, torch.ones(1))] == [first["process"], second["process"]]

def test_accelerate_finds_the_group(ddp): assert ddp(accelerated) == [(2, rank, [0, 1]) for rank in range(2)]

@pytest.mark.slow
def test_a_failure_is_told_and_the_next_check_works(ddp):
    with pytest.raises(AssertionError, match="fails in process 1:\n(?s:.)*ZeroDivisionError: in process 1"): ddp(fails, 1)
    assert ddp(total, torch.zeros(1))[0]["sum"] == 1

def test_a_dead_process_is_told(ddp):
    with pytest.raises(AssertionError, match="dies(: process 1 died| in process 0:)"): ddp(dies)
    assert not ddp.runs # the next check will start new ones

def test_one_that_never_answers_is_given_up(monkeypatch):
    monkeypatch.setattr(pair, "PATIENCE", .01)
    mute, ends = pair.Pair(), [Pipe() for _ in range(2)]
    mute.pipes, mute.runs = [ours for ours, _ in ends], [Mock(), Mock()]
    with pytest.raises(AssertionError, match="total: no answer from process"): mute(total)
    assert not mute.runs
