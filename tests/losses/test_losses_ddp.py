"Two or four processes with a share of the batch each do what one process does with all of it: every loss of loss_table.LOSSES, every objective."
import os
import time
from datetime import timedelta
from functools import partial

import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.testing import assert_close

from fer_nb.angular_softmax import udat_as
from fer_nb.backbones import Output
from fer_nb.centers import CenterLoss
from fer_nb.grl import DomainAdversarial, DomainClassifier
from fer_nb.large_margin import LargeMarginLoss, SemiSupervised
from loss_table import LOSSES
from pair import PROCESSES, Pair

K, D, STEPS = 5, 3, 3
WAYS = [(name, mode) for name, loss in LOSSES.items() for mode in loss.modes]
MOVING = [name for name, loss in LOSSES.items() if loss.rule]


def data(step, n=8):
    g = torch.Generator().manual_seed(step)
    return torch.randn(n, 4, generator=g, dtype=torch.float64), torch.randint(K, (n,), generator=g)


def criterion(name, seed=0, **settings):
    "A loss in float64 with centers that no rule has touched."
    made = LOSSES[name].module(K, D, **settings).double()
    with torch.no_grad(): made.centers.copy_(torch.randn(K, D, generator=torch.Generator().manual_seed(seed)))
    return made


def train(name, mode, share=slice(None), wrap=lambda module: module):
    "A few steps of SGD on this process's share; the loss's centers and the network's weights."
    torch.manual_seed(0)
    network, loss = wrap(nn.Linear(4, D).double()), criterion(name, centers=mode)
    objective = wrap(loss) if list(loss.parameters()) else loss
    optimizer = torch.optim.SGD([*network.parameters(), *objective.parameters()], lr=.1)
    for step in range(STEPS):
        x, y = data(step)
        value = objective(network(x[share]), y[share])
        optimizer.zero_grad(); value.backward(); optimizer.step()
    return loss.centers.detach().clone(), *(p.detach().clone() for p in network.parameters())


def halves(rank, name, mode): return train(name, mode, slice(rank * 4, rank * 4 + 4), DistributedDataParallel)


def uneven(rank, name):
    "Shares of different size."
    (x, y), loss = data(9), criterion(name)
    share = slice(0, 2) if rank == 0 else slice(2, None)
    return loss(x[share, :D], y[share]).detach(), loss.centers


def different(rank, name):
    "Processes that started from different centers."
    (x, y), loss = data(9), criterion(name, seed=rank)
    loss(x[:, :D], y)
    return loss.centers


def bad(rank, name):
    "A bad number in one process; then an evaluation that needs no partner and must not wait for one."
    (x, y), loss = data(9), criterion(name)
    loss(x[:, :D] * (float("nan") if rank else 1.), y)
    if rank == 0: loss.eval()(x[:, :D], y)
    return loss.centers


# ---- unequal shares, and objectives

OBJECTIVES = {"adversarial": lambda: DomainAdversarial(DomainClassifier(D), steps=9, clamp=1.5), "udat-as": lambda: udat_as(D, hidden=(4,)),
              "semi-supervised": lambda: SemiSupervised(LargeMarginLoss(D, D)), "semi-supervised, center": lambda: SemiSupervised(CenterLoss(D, D))}
CUTS = {2: [(0, 2, 8), (0, 0, 8)], 4: [(0, 1, 1, 5, 8)]}  # processes -> where shares begin and end


def with_objective(name, share=slice(None), wrap=lambda module: module):
    "The same training with an objective of two data sets, in which some samples have no label."
    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.network, self.objective = nn.Linear(4, D), OBJECTIVES[name]()

        def forward(self, x, y, domains):
            z = self.network(x)
            return sum(self.objective((x, y, domains), Output(z, z)).values())
    torch.manual_seed(0)
    both = Both().double()
    if hasattr(both.objective, "steps"): both.objective.n.fill_(3)         # at step 0 the clamp silences everybody
    whole, optimizer = wrap(both), torch.optim.SGD(both.parameters(), lr=.01)
    for step in range(STEPS):
        x, y = data(step)
        batch = x, torch.where(torch.arange(8) % 3 == 0, -1, y % D), torch.arange(8) % 2
        optimizer.zero_grad(); whole(*(t[share] for t in batch)).backward(); optimizer.step()
    return [t.detach().clone() for t in both.state_dict().values()]


TRAININGS = {**{f"{name}, {mode}": partial(train, name, mode) for name, mode in WAYS if name in MOVING}, **{name: partial(with_objective, name) for name in OBJECTIVES}}


def in_shares(rank, names, cuts):
    "Trainings of this process's share, by name."
    share = slice(*cuts[rank:rank + 2])
    return {name: TRAININGS[name](share, partial(DistributedDataParallel, broadcast_buffers=False)) for name in names}


def equal_one(results, names):
    for name in names:
        alone, digits = TRAININGS[name](), 1e-6 if "semi" in name else 1e-9  # λ2 is balanced in float32
        for found in results:
            for ours, theirs, one in zip(found[name], results[0][name], alone, strict=True):
                assert torch.equal(ours, theirs), name
                assert_close(ours, one, rtol=digits, atol=digits / 100, msg=lambda m: f"{name}: {m}")

@pytest.mark.parametrize("name", TRAININGS)
def test_two_unequal_shares_equal_one_process(ddp, name):
    for cuts in CUTS[2]: equal_one(ddp(in_shares, [name], cuts), [name])

@pytest.mark.slow
def test_four_processes_equal_one():
    four = Pair(4)
    try: equal_one(four(in_shares, list(TRAININGS), CUTS[4][0]), list(TRAININGS))
    finally: four.close()


# ---- a partner that is late or dead

def lonely(rank, store, folder):
    "After a step together process 1 makes none, and dies once process 0 has lost its patience."
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2, timeout=timedelta(seconds=2))
    patient = dist.new_group(timeout=timedelta(seconds=300))
    (x, y), losses = data(9), {"late": criterion("dda"), "dead": criterion("center", process_group=patient)}
    for loss in losses.values(): loss(x[:, :D], y)
    while rank:
        if (folder/"late").exists(): os._exit(3)
        time.sleep(.02)
    for name, loss in losses.items():
        before = loss.centers.clone()
        try: loss(x[:, :D], y)
        except RuntimeError as error: (folder/name).write_text(f"{torch.equal(loss.centers, before)} {error}")
    os._exit(0)                                                   # the broken group is not taken down

@pytest.mark.slow
def test_a_late_or_dead_process_is_an_error_for_the_other(tmp_path):
    runs = [PROCESSES.Process(target=lonely, args=(rank, tmp_path/"store", tmp_path)) for rank in range(2)]
    for run in runs: run.start()
    for run in runs: run.join(100)
    codes = [run.exitcode for run in runs]
    for run in runs: run.kill()
    assert codes == [0, 3]
    for name in ("late", "dead"): assert (tmp_path/name).read_text().startswith("True "), name  # the centers have not moved


@pytest.mark.parametrize("name, mode", WAYS)
def test_two_processes_equal_one(ddp, name, mode):
    first, second = ddp(halves, name, mode)
    start = criterion(name).centers.detach()
    for ours, theirs, alone in zip(first, second, train(name, mode), strict=True):
        assert torch.equal(ours, theirs)
        assert_close(ours, alone, rtol=1e-10, atol=1e-12)
    assert not torch.equal(first[0], start)

@pytest.mark.parametrize("name", MOVING)
def test_shares_of_different_size(ddp, name):
    (one, centers), (other, same) = ddp(uneven, name)
    (x, y), alone = data(9), criterion(name)
    start = alone.centers.clone()
    value = alone(x[:, :D], y)
    assert not torch.equal(alone.centers, start) and torch.equal(centers, same)
    assert_close(centers, alone.centers, rtol=1e-10, atol=1e-12)
    assert_close((one + other) / 2, value, rtol=1e-10, atol=1e-12)         # what averaging over processes makes of it

@pytest.mark.parametrize("name", MOVING)
def test_processes_that_started_from_different_centers_agree(ddp, name): assert torch.equal(*ddp(different, name))

@pytest.mark.parametrize("name", MOVING)
def test_a_bad_number_in_one_process_moves_nobody(ddp, name):
    for centers in ddp(bad, name): assert torch.equal(centers, criterion(name).centers)
