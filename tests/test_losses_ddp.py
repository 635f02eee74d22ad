"Two processes with half of the batch each do what one process does with all of it."
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn
from torch.testing import assert_close

from fer_nb.centers import CenterLoss, IslandLoss
from fer_nb.dda import DDALoss
from fer_nb.separate_loss import SeparateLoss

K, D, STEPS = 5, 3, 3
KINDS = {
    "center": lambda: CenterLoss(K, D),
    "island": lambda: IslandLoss(K, D, lam1=.1),
    "separate": lambda: SeparateLoss(K, D),
    "dda": lambda: DDALoss(K, D),
    "dda, code": lambda: DDALoss(K, D, scaling="code"),
    "dda, autograd": lambda: DDALoss(K, D, centers="autograd"),
}


def data(step):
    g = torch.Generator().manual_seed(step)
    return torch.randn(8, 4, generator=g, dtype=torch.float64), torch.randint(K, (8,), generator=g)


def train(kind, share, wrap):
    "A few steps of SGD on this process's share; losses' centres and network's weights."
    torch.manual_seed(0)
    network, criterion = nn.Linear(4, D).double(), KINDS[kind]().double()
    network, objective = wrap(network), criterion
    if list(criterion.parameters()): objective = wrap(criterion)
    optimizer = torch.optim.SGD([*network.parameters(), *objective.parameters()], lr=.1)
    for step in range(STEPS):
        x, y = data(step)
        loss = objective(network(x[share]), y[share])
        optimizer.zero_grad(); loss.backward(); optimizer.step()
    return criterion.centers.detach().clone(), next(network.parameters()).detach().clone()


def worker(rank, store, folder):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
    out = {kind: train(kind, slice(rank * 4, rank * 4 + 4), nn.parallel.DistributedDataParallel) for kind in KINDS}
    # shares of different size, and processes that started from different centres
    x, y = data(9)
    for kind in ("center", "island", "dda", "separate"):
        torch.manual_seed(0)
        uneven = KINDS[kind]().double()
        uneven(x[:2, :D] if rank == 0 else x[2:, :D], y[:2] if rank == 0 else y[2:])
        torch.manual_seed(rank)
        different = KINDS[kind]().double()
        different(x[:, :D], y)
        out["uneven", kind], out["different", kind] = uneven.centers, different.centers
    # a bad number in one process: nobody moves
    torch.manual_seed(0)
    bad = KINDS["dda"]().double()
    out["before"] = bad.centers.clone()
    bad(x[:, :D] * (float("nan") if rank else 1.), y)
    out["after"] = bad.centers
    if rank == 0: bad.eval()(x[:, :D], y)          # evaluation needs no partner: it must not wait for one
    torch.save(out, f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def test_two_processes_equal_one(tmp_path):
    mp.spawn(worker, args=(tmp_path / "store", tmp_path), nprocs=2)
    first, second = (torch.load(tmp_path / f"{rank}.pt") for rank in (0, 1))
    for kind in KINDS:
        for ours, theirs, alone in zip(first[kind], second[kind], train(kind, slice(None), lambda m: m)):
            assert torch.equal(ours, theirs), kind
            assert_close(ours, alone, rtol=1e-10, atol=1e-12, msg=lambda m: f"{kind}: {m}")
    x, y = data(9)
    for kind in ("center", "island", "dda", "separate"):
        torch.manual_seed(0)
        alone = KINDS[kind]().double()
        start = alone.centers.clone()
        alone(x[:, :D], y)
        assert not torch.equal(alone.centers, start)
        assert_close(first["uneven", kind], alone.centers, rtol=1e-10, atol=1e-12)
        assert torch.equal(first["different", kind], second["different", kind])
    assert torch.equal(first["before"], first["after"]) and torch.equal(second["before"], second["after"])
