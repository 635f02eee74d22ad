"Two processes with half of the batch each do what one process does with all of it: every loss of loss_table.LOSSES."
import pytest
import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.testing import assert_close

from loss_table import LOSSES

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
