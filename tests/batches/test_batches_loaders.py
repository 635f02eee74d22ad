"A DataLoader or a list as a source of batches."
import random

import numpy as np
import pytest
import torch
from torch.utils.data import BatchSampler, DataLoader, Dataset, IterableDataset, SequentialSampler, TensorDataset, WeightedRandomSampler

from fer_nb.batches import Batches, ListBatches, LoaderBatches, Source, as_source
from several import as_process

DATA = TensorDataset(torch.zeros(20, 1), torch.arange(20))

def rows(batches): return [batch[1].tolist() for batch in batches]


class Noisy(Dataset):
    "A random number beside each sample, as augmentation draws them."
    def __len__(self): return 6
    def __getitem__(self, i): return torch.rand(()), torch.tensor(i)


def test_order_depends_on_seed_and_epoch_alone():
    loader = DataLoader(DATA, 8, shuffle=True)
    source, orders = as_source(loader), []
    for epoch in (0, 1, 0):
        torch.rand(3); random.random(); np.random.rand()
        orders.append(rows(source.iterate(epoch)))
        assert sorted(sum(orders[-1], [])) == list(range(20)) and [len(b) for b in orders[-1]] == [8, 8, 4]
    assert orders[0] == orders[2] != orders[1] and orders[0] != rows(as_source(loader, 1).iterate(0))
    assert orders[1][2:] == rows(source.iterate(1, start=2)) and loader.sampler.generator is None

def test_the_order_is_the_one_it_always_was():
    "Checkpoints of earlier versions go on: numbers of the first release."
    assert rows(as_source(DataLoader(DATA, 7, shuffle=True), 3).iterate(2)) == GOLDEN

GOLDEN = [[15, 3, 13, 7, 5, 8, 0], [19, 4, 18, 11, 14, 16, 1], [12, 9, 2, 6, 10, 17]]

@pytest.mark.parametrize("options", [dict(drop_last=True), dict(sampler=WeightedRandomSampler([1.] * 5 + [0.] * 15, 16)), dict(collate_fn=lambda items: (torch.ones(len(items)), torch.zeros(len(items))))])
def test_options_survive(options):
    source = as_source(DataLoader(DATA, 8, **options))
    got = list(source.iterate(0))
    assert len(source) == len(got) == (3 if "collate_fn" in options else 2)
    if "sampler" in options: assert max(sum(rows(got), [])) < 5 and rows(got) == rows(source.iterate(0)) != rows(source.iterate(1))
    if "collate_fn" in options: assert (got[0][0] == 1).all() and (source.sample()[0] == 1).all()

def test_a_batch_sampler_of_ones_own_is_kept():
    class Pairs(BatchSampler): pass
    assert rows(as_source(DataLoader(DATA, batch_sampler=Pairs(SequentialSampler(range(5)), 2, False))).iterate(0)) == [[0, 1], [2, 3], [4]]

@pytest.mark.parametrize("n, size, world", [(10, 2, 2), (11, 2, 2), (12, 1, 4), (10, 2, 3), (17, 3, 4)])
def test_shares_of_processes_are_one_larger_batch(n, size, world):
    data = TensorDataset(torch.arange(n), torch.arange(n))
    whole, parts = rows(as_source(DataLoader(data, size * world, shuffle=True)).iterate(1)), []
    for rank in range(world):
        with as_process(rank, world):
            source = as_source(DataLoader(data, size, shuffle=True))
            parts.append(rows(source.iterate(1)))
            assert len(source) == len(parts[-1]) == len(whole)
    assert [sorted(sum(shares, [])) for shares in zip(*parts)] == [sorted(batch) for batch in whole]

def test_nobody_is_left_without_a_sample():
    data = TensorDataset(torch.arange(10), torch.arange(10))
    for rank in range(4):
        with as_process(rank, 4): shares = rows(as_source(DataLoader(data, 2)).iterate(0)) # two rows are left for four processes
        assert shares[-1] == [[8], [9], [0], [1]][rank]

def test_workers_that_live_on_keep_the_order():
    loader = DataLoader(Noisy(), 2, shuffle=True, num_workers=1, persistent_workers=True)
    source, fresh = as_source(loader), as_source(DataLoader(Noisy(), 2, shuffle=True, num_workers=1))
    assert source.loader.persistent_workers and not fresh.loader.persistent_workers
    for epoch in (0, 1, 2): # the same order as workers started afresh, and as a training that goes on in a later epoch
        assert rows(source.iterate(epoch)) == rows(fresh.iterate(epoch))
    workers = source.loader._iterator._workers
    list(source.iterate(0))
    assert source.loader._iterator._workers is workers # they do live on
    a, b = (torch.cat([x for x, _ in fresh.iterate(1)]) for _ in range(2))
    assert a.equal(b) and not a.equal(torch.cat([x for x, _ in fresh.iterate(0)])) # those started afresh are seeded by (seed, epoch)

def test_memory_is_pinned_for_a_gpu_only():
    for device, pinned in (("cpu", False), (torch.device("cuda", 0), True), ("cuda", True), ("meta", False)):
        assert as_source(DataLoader(DATA, 4), device=device).loader.pin_memory is pinned
    state = torch.get_rng_state()
    as_source(DataLoader(Noisy(), 4), device="cuda")
    assert torch.equal(state, torch.get_rng_state())
    texts = DataLoader([("a", 1), ("b", 2)], 2, collate_fn=lambda items: items)
    assert as_source(texts, device="cuda").loader.pin_memory is False and as_source(DataLoader(DATA, 4, pin_memory=True)).loader.pin_memory is True

def test_lists_keep_their_order():
    class Told(list):
        def set_epoch(self, epoch): self.epoch = epoch
    told = Told([(torch.zeros(2), torch.tensor([3])), (torch.zeros(2), torch.tensor([4])), (torch.zeros(2), torch.tensor([5]))])
    source = as_source(told, seed=7)
    assert isinstance(source, ListBatches) and rows(source.iterate(3, start=1)) == [[4], [5]] and told.epoch == 3
    assert source.recipe() == {} and source.sample()[1].tolist() == [3] and rows(source) == [[3], [4], [5]] and source.labels() is None

def test_seeds_add_up_and_the_given_source_is_left_alone():
    batches = Batches(torch.arange(30), torch.arange(30), seed=2)
    source = as_source(batches, 3)
    assert source.seed == 5 and batches.seed == 2 and source.order(0).equal(Batches(torch.arange(30), seed=5).order(0))
    assert as_source(source, 1).seed == 6 and as_source(batches, device="meta").tensors[0].is_meta and batches.tensors[0].is_cpu
    assert as_source(DataLoader(DATA, 4), 3).recipe() == {"samples": [20], "seed": 3}

def test_everything_is_a_source_then():
    for batches in (Batches(torch.zeros(3), torch.zeros(3)), DataLoader(DATA, 4), [(torch.zeros(1), torch.zeros(1))], LoaderBatches(DataLoader(DATA, 4))):
        assert isinstance(as_source(batches), Source)

class Stream(IterableDataset):
    def __iter__(self): return iter([])

@pytest.mark.parametrize("batches, seed, message", [
    (7, 0, "batches: expected Batches, a DataLoader or a list .*got int"), (torch.zeros(3), 0, "batches: .*got Tensor"), ("text", 0, "batches: .*got str"),
    (np.zeros(3), 0, "batches: .*got ndarray"), ({"a": 1}, 0, "batches: .*got dict"), (None, 0, "batches: .*got NoneType"), (iter([]), 0, "batches: .*got list_iterator"),
    ([], 0, "batches: expected at least one batch, got none"), (DataLoader(Stream()), 0, "batches: .*got a stream"),
    (DataLoader(DATA, batch_size=None), 0, "batches: .*single samples"),
    ([1], -1, "seed: expected a whole number of at least 0, got -1"), ([1], True, "seed: .*got True"), ([1], "1", "seed: .*got '1'"), ([1], 1.5, "seed: .*1.5"),
])
def test_what_is_no_source_is_refused(batches, seed, message):
    with pytest.raises(ValueError, match=message): as_source(batches, seed)
