"Balanced batches for batches/test_batches_balanced.py, in one process or in each of two."
import warnings

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch import nn

from fer_nb.backbones import Output
from fer_nb.batches import BalancedBatches
from fer_nb.training import fit


def domains(): return {name: (torch.arange(n).float()[:, None] + 100 * d, torch.arange(n) % 3) for d, (name, n) in enumerate((("a", 11), ("b", 4), ("c", 7)))}


class Linear(nn.Module):
    "Two logits and a one-dimensional embedding."
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(1, 3)
        nn.init.constant_(self.layer.weight, .01); nn.init.zeros_(self.layer.bias)

    def forward(self, x): return Output(x, self.layer(x / 100))


class DomainLoss(nn.Module):
    "Takes the three parts of a balanced batch."
    def forward(self, batch, output):
        x, y, d = batch
        return {"emotion": nn.functional.cross_entropy(output.logits, y), "domain": nn.functional.cross_entropy(output.logits, d)}


def check(rank):
    "Which rows this process gets, alone or as one of two, and what `fit` makes of them."
    AcceleratorState._reset_state(True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return trained(Accelerator(cpu=True))
    finally: AcceleratorState._reset_state(True)


def trained(accelerator):
    batches, epochs = BalancedBatches(domains(), per_domain=4 // accelerator.num_processes, seed=3), []
    for epoch in range(2):
        batches.set_epoch(epoch)
        epochs.append([[t.clone() for t in batch] for batch in batches])
    model, seen = Linear(), []
    for step in fit(model, DomainLoss(), batches, epochs=2, lr=.1, accelerator=accelerator): seen.append(step.batch[0].flatten().tolist())
    return {"length": len(batches), "epochs": epochs, "seen": seen, "weights": model.layer.weight.detach()}
