"Training for training/test_training_loop.py, in one process or in each of two."
import warnings

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from fer_nb.backbones import LeNetsPP
from fer_nb.centers import CenterLoss
from fer_nb.training import Batches, NonFiniteLoss, Objective, fit


class Own(nn.Module):
    "Centers as parameters of the objective."
    def __init__(self):
        super().__init__()
        self.centers = nn.Parameter(torch.ones(10, 2))

    def forward(self, x, y): return (x - self.centers[y]).square().sum(1).mean()


def start(seed=0):
    torch.manual_seed(seed)
    model, objective = LeNetsPP(width=.1, in_size=12), Objective(center=(CenterLoss(10, 2), .1), own=(Own(), .01))
    return model.double(), objective.double()


def data(n=74):
    g = torch.Generator().manual_seed(1)
    return torch.randn(n, 1, 12, 12, generator=g, dtype=torch.float64), torch.randint(10, (n,), generator=g)


def weights(*modules): return [t.clone() for m in modules for t in m.state_dict().values()]


def check(rank, folder):
    "What training gives in this process, alone or as one of two; leaves checkpoints in `folder`."
    AcceleratorState._reset_state(True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return trained(Accelerator(cpu=True), folder)
    finally: AcceleratorState._reset_state(True)


def trained(accelerator, folder):
    world, result = accelerator.num_processes, {}
    x, y = data()

    model, objective = start()
    for step in fit(model, objective, Batches(x, y, batch_size=32 // world), epochs=2, lr=.01, accelerator=accelerator): pass
    result["weights"], result["steps"], result["norm"] = weights(model, objective), step.n, step.grad_norm

    loader = DataLoader(TensorDataset(x, y, torch.arange(len(x))), batch_size=16 // world, shuffle=True)
    model, objective = start()
    result["samples"] = [step.batch[2].tolist() for step in fit(model, objective, loader, epochs=1, lr=.01, accelerator=accelerator)]

    for part in (slice(0, 4), slice(4, None)): # stop after four steps, resume
        model, objective = start()
        steps = fit(model, objective, Batches(x, y, batch_size=32 // world), epochs=2, lr=.01, accelerator=accelerator,
                    checkpoint=folder, checkpoint_every=2)
        for step in steps:
            if step.n == part.stop: break
        steps.close()
        accelerator.wait_for_everyone()
    result["resumed"] = weights(model, objective)

    bad = x.clone()
    model, objective = start()
    batches = Batches(bad, y, batch_size=32 // world, shuffle=False)
    bad[40] = float("nan") # second union batch, the share of rank 0
    try:
        for step in fit(model, objective, batches, lr=.01, accelerator=accelerator): pass
    except NonFiniteLoss as error: result["error"] = (error.step, error.cause, error.good)
    result["restored"] = weights(model, objective)
    return result
