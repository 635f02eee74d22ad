"Batches of tensors in memory, and what makes a source of batches."
import math
from itertools import zip_longest
import random

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from fer_nb.batches import Batches, Source
from several import as_process


def data(n=40, classes=10, size=12, seed=0):
    g = torch.Generator().manual_seed(seed)
    return torch.randn(n, 1, size, size, generator=g), torch.randint(classes, (n,), generator=g)


@given(n=st.integers(1, 60), size=st.integers(1, 20), seed=st.integers(0, 5), epoch=st.integers(0, 5), world=st.integers(1, 4), shuffle=st.booleans())
@settings(max_examples=80, deadline=None)
def test_batches_cover_everything_in_fair_shares(n, size, seed, epoch, world, shuffle):
    batches, shares = Batches(torch.arange(n), torch.arange(n) * 2, batch_size=size, seed=seed, shuffle=shuffle), []
    for rank in range(world):
        with as_process(rank, world):
            shares.append(list(batches.iterate(epoch)))
            assert len(shares[-1]) == len(batches) == math.ceil(n / (size * world))
    for parts in zip(*shares):
        sizes = [len(x) for x, _ in parts]
        assert size >= sizes[0] and 1 <= sizes[-1] and sizes == sorted(sizes, reverse=True) and sizes[0] - sizes[-1] < 2
        assert all(torch.equal(y, 2 * x) for x, y in parts)                      # rows stay together
    seen = torch.cat([x for share in shares for x, _ in share])
    left = n % (size * world)                                                    # rows of the last union batch: some for everybody, or filled up
    assert sorted(set(seen.tolist())) == list(range(n)) and len(seen) == n + (world - left if 0 < left < world else 0)
    union = torch.stack([x for parts in zip(*shares) for group in zip_longest(*(x for x, _ in parts)) for x in group if x is not None])
    assert torch.equal(union[:n], batches.order(epoch))                          # the order does not depend on the number of processes
    assert shuffle or torch.equal(union[:n], torch.arange(n))


@given(start=st.integers(0, 9), seed=st.integers(0, 3), epoch=st.integers(0, 3))
@settings(max_examples=20, deadline=None)
def test_batches_skip(start, seed, epoch):
    batches = Batches(torch.arange(40), batch_size=4, seed=seed)
    assert all(torch.equal(a[0], b[0]) for a, b in zip(batches.iterate(epoch, start), list(batches.iterate(epoch))[start:], strict=True))


def test_batches_order_depends_on_seed_and_epoch_only():
    a, b = Batches(torch.arange(50), seed=1), Batches(torch.arange(50), seed=1)
    torch.manual_seed(99); np.random.seed(99); list(a)
    assert torch.equal(a.order(3), b.order(3))
    orders = {tuple(Batches(torch.arange(50), seed=s).order(e).tolist()) for s in range(3) for e in range(3)}
    assert len(orders) == 9


def test_batches_set_epoch_and_to():
    batches = Batches(torch.arange(30), batch_size=30)
    first = next(iter(batches))[0]
    batches.set_epoch(2)
    assert not torch.equal(first, next(iter(batches))[0]) and torch.equal(next(iter(batches))[0], batches.order(2))
    moved = batches.to("meta")
    assert moved.tensors[0].device.type == "meta" and batches.tensors[0].device.type == "cpu" and moved.batch_size == 30


def test_batches_leave_random_state_alone():
    before = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
    list(Batches(*data()))
    assert torch.equal(before[0], torch.get_rng_state()) and (before[1] == np.random.get_state()[1]).all() and before[2] == random.getstate()


@pytest.mark.parametrize("args, kwargs, message", [
    ((), {}, "tensors: expected at least one"),
    (([1, 2],), {}, "tensors: .*got list at position 0"),
    ((torch.tensor(1.),), {}, "tensors: .*first axis"),
    ((torch.zeros(3), torch.zeros(4)), {}, "tensors: expected the same length, got 3 and, at position 1, 4"),
    ((torch.zeros(0, 2),), {}, "tensors: expected at least one sample, got none"),
    ((torch.zeros(3),), {"batch_size": 0}, "batch_size: expected a whole number of at least 1, got 0"),
    ((torch.zeros(3),), {"batch_size": 1.5}, "batch_size: .*1.5"),
    ((torch.zeros(3),), {"batch_size": True}, "batch_size: .*got True"),
    ((torch.zeros(3),), {"batch_size": "8"}, "batch_size: .*got '8'"),
    ((torch.zeros(3),), {"seed": True}, "seed: .*got True"),
    ((torch.zeros(3),), {"seed": 1.}, "seed: .*got 1.0"),
    ((torch.zeros(3),), {"seed": -1}, "seed: expected a whole number of at least 0, got -1"),
])
def test_batches_refuse(args, kwargs, message):
    with pytest.raises(ValueError, match=message): Batches(*args, **kwargs)


def test_whole_numbers_of_numpy_are_whole_numbers():
    batches = Batches(torch.arange(6), batch_size=np.int64(4), seed=np.int32(2))
    assert [len(x) for x, in batches] == [4, 2] and type(batches.recipe()["seed"]) is int


# ---------------------------------------------------------------- the protocol

def test_batches_are_a_source():
    x, y = data(12, classes=3)
    batches = Batches(x, y, batch_size=5, seed=2)
    assert isinstance(batches, Source) and batches.labels() is y
    assert [t.shape[0] for t in batches.sample()] == [2, 2] and batches.sample()[0].equal(x[:2])
    assert batches.recipe() == {"samples": [12, 1, 12, 12], "labels": y.bincount().tolist(), "batch_size": 5, "seed": 2, "shuffle": True}
    assert Batches(x).labels() is None and Batches(x).recipe()["labels"] == [] == Batches(x, y - 1).recipe()["labels"] == Batches(x, y.float()).recipe()["labels"]


def test_a_source_needs_no_inheritance_and_gives_three_methods_to_those_who_want_it():
    class Own:
        seed = 0
        def __len__(self): return 1
        def iterate(self, epoch, start=0): return iter([(torch.zeros(1), torch.zeros(1))] * (1 - start))
        def recipe(self): return {}
        def sample(self): return next(self.iterate(0))
    assert not isinstance(Own(), Source)
    class Heir(Own, Source): pass
    assert isinstance(Heir(), Source) and Heir().labels() is None and Heir().to("cuda").seed == 0 and len(list(Heir())) == 1
    for other in ([1], {}, torch.zeros(3), "text", torch.utils.data.DataLoader([1])): assert not isinstance(other, Source)
