"Balanced batches of several domains, alone, in `fit`, and shared out among processes."
import pickle
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch.utils.data import Dataset, IterableDataset, TensorDataset
from torchvision.transforms import v2

import fer_nb.datasets as datasets
from _ddp_balanced import DomainLoss, Linear, check as ddp_check
from dataset_trees import GRAY
import dataset_trees as trees
from fer_nb.backbones import LeNetsPP
from fer_nb.batches import BalancedBatches, BalancedSampler, Source, as_source, balance_figure
from fer_nb.training import Batches, Objective, fit
from several import as_process

quick = settings(max_examples=80, deadline=None, derandomize=True)
sizes = st.lists(st.integers(1, 60), min_size=1, max_size=5)


# ---- who is in which batch

def test_by_hand():
    sampler = BalancedSampler([6, 2, 3], per_domain=2)
    assert len(sampler) == 3
    batches = list(sampler)
    assert [len(b) for b in batches] == [6] * 3
    for batch in batches: # rows 0-5 are the first domain's, 6-7 the second's, 8-10 the third's
        assert all(i < 6 for i in batch[:2]) and all(6 <= i < 8 for i in batch[2:4]) and all(8 <= i < 11 for i in batch[4:])
    assert sorted(i for b in batches for i in b) == sorted([*range(6), *[6, 7] * 3, *[8, 9, 10] * 2])

@quick
@given(sizes, st.integers(1, 9), st.integers(0, 5), st.integers(0, 5))
def test_balance_and_exact_counts(sizes, b, seed, epoch):
    sampler = BalancedSampler(sizes, b, seed)
    order = sampler.order(epoch)
    assert order.shape == (-(-max(sizes) // b), len(sizes), b) and len(sampler) == len(order)
    for d, n in enumerate(sizes):
        dealt = order[:, d].flatten()
        times = dealt.bincount(minlength=n)
        assert len(times) == n and times.min() == len(dealt) // n and times.max() == -(-len(dealt) // n)
        assert all(len(part.unique()) == len(part) for part in dealt.split(n)) # nobody twice before everybody once
    longest = order[:, int(np.argmax(sizes))].flatten()
    assert longest[:max(sizes)].unique().numel() == max(sizes) and len(longest) - max(sizes) < b # it is seen once, and the last batch filled up

@quick
@given(sizes, st.integers(1, 4), st.integers(2, 3), st.integers(0, 3))
def test_union_of_processes_is_one_larger_batch(sizes, b, world, epoch):
    one = list(BalancedSampler(sizes, b * world, 7))
    parts = []
    for rank in range(world):
        with as_process(rank, world): parts.append(list(BalancedSampler(sizes, b, 7)))
    assert len({len(part) for part in parts}) == 1 and len(parts[0]) == len(one)
    for step, whole in enumerate(one):
        assert all(len(part[step]) == b * len(sizes) for part in parts)
        assert sorted(i for part in parts for i in part[step]) == sorted(whole)

def test_every_pass_is_a_fresh_shuffle():
    order = BalancedSampler([400, 20], 20).order(0)[:, 1]
    assert len({tuple(row.tolist()) for row in order}) == 20 # twenty passes, twenty orders
    assert (order.sort(1).values == torch.arange(20)).all()

def test_order_depends_on_seed_and_epoch_alone():
    a, b = BalancedSampler([30, 7], 5, 1), BalancedSampler([30, 7], 5, 1)
    for epoch in (3, 0, 3): a.order(epoch) # what was asked before does not matter
    torch.manual_seed(5); np.random.seed(6)
    for epoch in range(4): assert a.order(epoch).equal(b.order(epoch))
    assert not a.order(0).equal(a.order(1)) and not a.order(0).equal(BalancedSampler([30, 7], 5, 2).order(0))
    assert not a.order(1)[:, 0].equal(BalancedSampler([30, 7], 5, 2).order(0)[:, 0]) # seed and epoch are not simply added

def test_domains_are_shuffled_independently():
    order = BalancedSampler([50, 50], 50).order(0)[0]
    assert not order[0].equal(order[1])

def test_limits():
    assert BalancedSampler([1], 4).order(0).tolist() == [[[0, 0, 0, 0]]] # a domain smaller than its share repeats
    assert [len(BalancedSampler([10, 3], b)) for b in (1, 5, 9, 10, 11)] == [10, 2, 2, 1, 1]
    order = BalancedSampler([200_000, 2], 64).order(0)
    assert order.shape == (3125, 2, 64)

@pytest.mark.parametrize("arguments, words", [
    (([],), "sizes"), (([3, 0],), "sizes"), (([3, 1.5],), "sizes"), (([3, True],), "sizes"),
    (([3], 0), "per_domain"), (([3], -1), "per_domain"), (([3], 2.), "per_domain"), (([3], True), "per_domain"), (([3], 2, -1), "seed"), (([3], 2, .5), "seed"),
    (([3], "2"), "per_domain"), (([3], 2, "1"), "seed"), (([3], 2, True), "seed"), ((["3"],), "sizes")])
def test_bad_numbers(arguments, words):
    with pytest.raises(ValueError, match=f"^{words}: expected .*, got "): BalancedSampler(*arguments)


# ---- the batches

def sets(n=(11, 4, 7)): return {name: (torch.arange(k).float()[:, None] + 100 * d, torch.arange(k) % 3) for d, (name, k) in enumerate(zip("abc", n))}


def test_a_batch():
    batches = BalancedBatches(sets(), per_domain=2)
    assert len(batches) == 6 and batches.domains == ("a", "b", "c")
    for x, y, d in batches:
        assert x.shape == (6, 1) and x.dtype == torch.float32 and y.dtype == d.dtype == torch.int64
        assert d.tolist() == [0, 0, 1, 1, 2, 2] and (x[:, 0] // 100).long().equal(d) and y.equal((x[:, 0] % 100).long() % 3)

def test_unlabeled_domains_say_minus_one():
    class Pictures(Dataset): # items without a label
        def __len__(self): return 3
        def __getitem__(self, i): return (torch.zeros(1),)
    class Bare(Dataset): # items that are the image itself
        def __len__(self): return 2
        def __getitem__(self, i): return torch.zeros(1)
    for _, y, _ in BalancedBatches({"a": sets()["a"], "b": (torch.zeros(5, 1),), "c": Pictures(), "d": Bare()}, per_domain=2): assert y[2:].tolist() == [-1] * 6 and y[:2].min() >= 0

def test_epochs_and_resuming():
    batches = BalancedBatches(sets(), per_domain=2, seed=4)
    first = [x.flatten().tolist() for x, _, _ in batches]
    assert first == [x.flatten().tolist() for x, _, _ in batches] # the same epoch again
    batches.set_epoch(1)
    second = [x.flatten().tolist() for x, _, _ in batches]
    assert first != second
    assert second[2:] == [x.flatten().tolist() for x, _, _ in batches.iterate(1, start=2)]
    assert first == [x.flatten().tolist() for x, _, _ in batches.iterate(0)]
    assert list(batches.iterate(0, start=6)) == []

def test_two_passes_at_a_time_do_not_disturb_each_other():
    batches = BalancedBatches(sets(), per_domain=2, seed=4)
    one, two = batches.iterate(0), batches.iterate(1, start=2)
    mixed = [(next(one)[0], next(two)[0]) for _ in range(4)]
    for i, (a, b) in enumerate(mixed):
        assert a.equal(list(batches.iterate(0))[i][0]) and b.equal(list(batches.iterate(1))[i + 2][0])

def test_skipped_batches_are_not_loaded():
    loaded = []
    class Watched(TensorDataset):
        def __getitem__(self, i): loaded.append(i); return super().__getitem__(i)
    batches = BalancedBatches({"a": Watched(torch.zeros(20, 1), torch.zeros(20).long())}, per_domain=5)
    loaded.clear()
    assert len(list(batches.iterate(0, start=3))) == 1 and len(loaded) == 5

class Noisy(Dataset):
    "A random number beside each sample, as augmentation draws them."
    def __len__(self): return 9
    def __getitem__(self, i): return torch.stack([torch.tensor(float(i)), torch.rand(())]), 0

@pytest.mark.parametrize("workers", [0, 2])
def test_workers(workers):
    batches = BalancedBatches({**{k: (torch.cat([x, x], 1), y) for k, (x, y) in sets().items()}, "noisy": Noisy()}, per_domain=3, workers=workers)
    one = BalancedBatches({**{k: (torch.cat([x, x], 1), y) for k, (x, y) in sets().items()}, "noisy": Noisy()}, per_domain=3)
    got = list(batches)
    for a, b in zip(got, one, strict=True): assert a[0][:, 0].equal(b[0][:, 0]) and a[1].equal(b[1]) and a[2].equal(b[2])
    if workers:
        again = list(batches)
        assert all(a[0].equal(b[0]) for a, b in zip(got, again)) # augmentation in workers follows (seed, epoch), too
        assert not got[0][0][9:, 1].equal(list(batches.iterate(1))[0][0][9:, 1])

def test_real_layouts_feed_it(tmp_path):
    transform = v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        a = datasets.jaffe(trees.jaffe(tmp_path / "jaffe"), transform=transform, mode="L")
        b = datasets.mmi(trees.mmi(tmp_path / "mmi"), transform=transform, mode="L")
        c = datasets.unlabeled(trees.unlabeled(tmp_path / "wild"), transform=transform, mode="L")
    batches = BalancedBatches({"JAFFE": a, "MMI": b, "wild": c}, per_domain=4, workers=2)
    assert len(batches) == 7
    for x, y, d in batches:
        assert x.shape == (12, 1, 5, 6) and d.tolist() == [0] * 4 + [1] * 4 + [2] * 4 and y[8:].tolist() == [-1] * 4
        assert (x[:8, 0, 0, 0].long() // GRAY - 1).equal(y[:8]) # the picture shows what the label says
    pickle.loads(pickle.dumps(batches)) # for workers started afresh

class Stream(IterableDataset):
    def __iter__(self): return iter([])

@pytest.mark.parametrize("given, words", [
    ([], "datasets: expected a dict"), ({}, "datasets: expected a dict"), (None, "datasets: expected a dict"),
    ({"a": 3}, r"datasets\['a'\]: expected a data set"), ({"a": "x"}, r"datasets\['a'\]: expected a data set"), ({"a": []}, r"datasets\['a'\]: expected a data set"),
    ({"a": Stream()}, r"datasets\['a'\]: expected a data set"), ({"a": (torch.zeros(0, 1),)}, r"datasets\['a'\]: expected at least one"),
    ({"a": (torch.zeros(3, 1), torch.zeros(2))}, r"datasets\['a'\]: expected as many labels"),
    ({"a": (torch.zeros(3, 1),), "b": (torch.zeros(3, 2),)}, r"datasets\['b'\]: expected images like those of 'a', \(1,\) of torch.float32, got \(2,\)"),
    ({"a": (torch.zeros(3, 1),), "b": (torch.zeros(3, 1, dtype=torch.uint8),)}, r"datasets\['b'\]: expected images like .* got \(1,\) of torch.uint8"),
    ({"a": (torch.zeros(3, 1), torch.zeros(3, 18))}, r"datasets\['a'\]: expected whole numbers as labels"),
    ({"a": (torch.zeros(3, 1), torch.zeros(3))}, r"datasets\['a'\]: expected whole numbers as labels"),
])
def test_bad_domains(given, words):
    with pytest.raises(ValueError, match=words): BalancedBatches(given)

def test_pictures_without_a_transform(tmp_path):
    with pytest.raises(ValueError, match=r"datasets\['wild'\]: expected images as tensors, got Image; give it a transform"):
        BalancedBatches({"wild": datasets.unlabeled(trees.unlabeled(tmp_path))})

def test_the_picture():
    fig = balance_figure({"one": 12, "two": 5}, per_domain=4)
    assert [ax.get_title() for ax in fig.axes] == ["one: 12 pictures\n1 times round", "two: 5 pictures\n2.4 times round"]
    steps, dealt = fig.axes[1].collections[0].get_offsets().T
    assert dealt.tolist() == BalancedSampler([12, 5], 4).order(0)[:, 1].flatten().tolist() and steps.tolist() == [1] * 4 + [2] * 4 + [3] * 4
    assert fig.axes[1].collections[0].get_array().tolist() == [0] * 5 + [1] * 5 + [2] * 2


# ---- fit, alone and in two processes

def test_they_are_a_source():
    batches = BalancedBatches(sets(), per_domain=3, seed=5)
    assert isinstance(batches, Source) and batches.labels() is None and batches.to("cuda").recipe() == batches.recipe()
    x, y, d = batches.sample()
    assert d.tolist() == [0, 0, 1, 1, 2, 2] and x.flatten().tolist() == [0, 1, 100, 101, 200, 201] and y.tolist() == [0, 1] * 3
    assert BalancedBatches(sets((1, 2, 1)), per_domain=3).sample()[2].tolist() == [0, 1, 1, 2]
    assert batches.recipe() == {"domains": [["a", 11], ["b", 4], ["c", 7]], "images": [1], "per_domain": 3, "seed": 5}

class Counting(Dataset):
    "Pictures that count how often they are read."
    def __init__(self): self.loaded = 0
    def __len__(self): return 64
    def __getitem__(self, i):
        self.loaded += 1
        return torch.full((1, 14, 14), float(i)), i % 4

def test_the_seed_of_fit_changes_the_order_and_a_resume_loads_only_what_it_needs():
    a, b = Counting(), Counting()
    batches = BalancedBatches({"a": a, "b": b}, per_domain=8)
    first = lambda seed: next(as_source(batches, seed).iterate(0))[0][:, 0, 0, 0].tolist()
    assert first(0) == next(iter(batches))[0][:, 0, 0, 0].tolist() != first(1)
    assert first(3) == next(iter(BalancedBatches({"a": a, "b": b}, per_domain=8, seed=3)))[0][:, 0, 0, 0].tolist() and batches.seed == 0
    a.loaded = b.loaded = 0
    next(as_source(batches, 1).iterate(0, 6))
    assert a.loaded == b.loaded == 8

def test_fit_goes_on_without_loading_what_lies_before(tmp_path):
    a, b = Counting(), Counting()
    def run(stop):
        steps = fit(LeNetsPP(4, 2, .1, 14), Objective(), BalancedBatches({"a": a, "b": b}, per_domain=8), 1, lr=.01, checkpoint=tmp_path, checkpoint_every=1)
        a.loaded = b.loaded = 0 # of what the checks at the call have read
        for step in steps:
            if step.n == stop: break
        steps.close()
        return step.n, a.loaded, b.loaded
    assert run(7) == (7, 56, 56)
    assert run(7) == (7, 8, 8)

def digits(n, fill): return torch.full((n, 1, 14, 14), fill), torch.arange(n) % 4

@pytest.mark.parametrize("change, message", [
    (dict(datasets={"c": digits(60, 1.), "d": digits(2, 1.)}), "domains a in the checkpoint, c now"),
    (dict(datasets={"a": digits(60, 0.), "b": digits(16, 0.)}), "domains 64 in the checkpoint, 60 now"),
    (dict(datasets={"b": digits(16, 0.), "a": digits(64, 0.)}), "domains a in the checkpoint, b now"),
    (dict(seed=9), "seed 0 in the checkpoint, 9 now"),
    (dict(per_domain=31), "per_domain 32 in the checkpoint, 31 now"),
])
def test_a_checkpoint_of_other_domains_is_refused(tmp_path, change, message):
    def run(**change):
        batches = BalancedBatches(**{"datasets": {"a": digits(64, 0.), "b": digits(16, 0.)}, **change})
        for step in fit(LeNetsPP(4, 2, .1, 14), Objective(), batches, 2, lr=.01, checkpoint=tmp_path, checkpoint_every=1):
            if step.n == 2: return step
    run()
    with pytest.raises(ValueError, match=f"checkpoint: expected one of this training, got another recipe in .*batches.*{message}"): run(**change)
    with pytest.raises(ValueError, match="got another recipe"): # nor are tensors in memory taken for domains
        list(fit(LeNetsPP(4, 2, .1, 14), Objective(), Batches(*digits(64, 0.), batch_size=32), 2, lr=.01, checkpoint=tmp_path))
    assert run().n == 2

def test_fit_takes_them():
    batches = BalancedBatches(sets(), per_domain=2)
    steps = list(fit(Linear(), DomainLoss(), batches, epochs=2, lr=.1))
    assert len(steps) == 12 and [s.epoch for s in steps] == [1] * 6 + [2] * 6
    expected = [x for epoch in range(2) for x, _, _ in batches.iterate(epoch)]
    assert all(s.batch[0].equal(x) for s, x in zip(steps, expected))
    with pytest.raises(ValueError, match="y: expected labels from 0"): # the plain objective has no use for a domain without labels, and says so
        fit(Linear(), Objective(), BalancedBatches({"a": sets()["a"], "b": (torch.zeros(4, 1),)}, per_domain=2))

def test_fit_resumes_inside_an_epoch(tmp_path):
    def run(folder, stop=None):
        model = Linear()
        steps = fit(model, DomainLoss(), BalancedBatches(sets(), per_domain=2), epochs=2, lr=.1, checkpoint=folder, checkpoint_every=4)
        for step in steps:
            if step.n == stop: break
        steps.close()
        return model.layer.weight
    whole = run(tmp_path / "whole")
    run(tmp_path / "parts", stop=9) # in the second epoch; the checkpoint is of step 8
    assert run(tmp_path / "parts").equal(whole)

@pytest.mark.slow
def test_two_processes(ddp):
    (a, b), one = ddp(ddp_check), ddp_check(0)
    assert one["length"] == a["length"] == b["length"] == 3 # 11 pictures, 4 per step
    rows = lambda batches: sorted(x for batch in batches for x in batch[0].flatten().tolist())
    for epoch in range(2):
        for whole, mine, other in zip(one["epochs"][epoch], a["epochs"][epoch], b["epochs"][epoch], strict=True):
            for part in (mine, other): assert part[2].tolist() == [0, 0, 1, 1, 2, 2] # each process has its share of every domain
            assert rows([mine, other]) == rows([whole])
        assert set(range(11)) <= set(rows(a["epochs"][epoch] + b["epochs"][epoch])) and set(rows(a["epochs"][epoch])) != set(rows(b["epochs"][epoch]))
    for run in (a, b): assert [sorted(x) for x in run["seen"]] == [sorted(x[0].flatten().tolist()) for epoch in run["epochs"] for x in epoch] # fit draws them as they are
    torch.testing.assert_close(a["weights"], b["weights"], rtol=0, atol=0)
    torch.testing.assert_close(a["weights"], one["weights"])

def test_memory_is_pinned_for_a_training_on_a_gpu_only(monkeypatch):
    "Pinning takes memory of the GPU: not before a training runs there"
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    batches = BalancedBatches({"a": (torch.zeros(4, 1, 2, 2),)})
    for device, pinned in (("cpu", False), (torch.device("cuda", 0), True), ("cuda", True), ("meta", False)):
        assert batches.to(device).pinned is pinned
    assert batches.pinned is False
