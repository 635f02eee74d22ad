"Run by training/test_training_checkpoints.py, which kills it: a training that draws random numbers of every kind."
import random
import sys

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from fer_nb.backbones import Output
from fer_nb.training import Objective, cosine, fit


class Noisy(Dataset):
    "Random images, disturbed anew each time they are read, by three generators."
    def __init__(self):
        g = torch.Generator().manual_seed(0)
        self.x, self.y = torch.randn(70, 1, 6, 6, generator=g), torch.randint(4, (70,), generator=g)

    def __len__(self): return len(self.x)

    def __getitem__(self, i): return self.x[i] + .1 * torch.randn(1) + .1 * random.random() + .1 * float(np.random.rand()), self.y[i]


class Net(nn.Module):
    "Convolution, batch norm, dropout."
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.PReLU(8), nn.Dropout(.3), nn.Flatten(), nn.Linear(128, 2))
        self.head = nn.Linear(2, 4)

    def forward(self, x):
        embedding = self.body(x)
        return Output(embedding, self.head(embedding))


class Follow(nn.Module):
    "A term with a buffer that moves."
    def __init__(self):
        super().__init__()
        self.register_buffer("centers", torch.zeros(4, 2))

    def forward(self, x, y):
        c = self.centers[y]
        if self.training:
            with torch.no_grad(): self.centers = self.centers.index_add(0, y, .1 * (x.detach() - c))
        return (x - c).square().sum(1).mean()


def steps(folder=None, epochs=4):
    torch.manual_seed(5); random.seed(5); np.random.seed(5)
    loader = DataLoader(Noisy(), batch_size=8, shuffle=True)
    return fit(Net(), Objective(follow=(Follow(), .1)), loader, epochs, schedule=cosine(5), checkpoint=folder, checkpoint_every=4)


if __name__ == "__main__":
    torch.set_num_threads(1)
    for step in steps(sys.argv[1]): print(step.n, flush=True)
