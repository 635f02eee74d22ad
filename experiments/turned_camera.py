"""How much gradient reversal helps where a camera is turned: two laboratories in the plane. Writes data_samples/turned_camera.csv, read by the notebook on looks at a domain-adversarial training.

    python experiments/turned_camera.py [--seeds 4] [--jobs 1]

Three classes on a circle, 300 points in each laboratory; the second one's are turned by 0.7 radians and have no labels. A small network with an embedding of two numbers, a domain
classifier behind a reversal with α = 10, 40 epochs of SGD at 0.05. A seed is the points, the network's start and their order. A row holds the accuracy on both laboratories' points in
per cent after the last step. Nothing was tuned. About half a minute of one core; goes on where it was interrupted.
"""
from shared import DATA, arguments, complete # first: sets the number of threads

import math

import torch
from torch import nn

from fer_nb.backbones import Output
from fer_nb.grl import DomainAdversarial, DomainClassifier
from fer_nb.runtime import evaluating, torch_threads
from fer_nb.training import Batches, cosine, fit

SEEDS, EPOCHS, POINTS, ANGLE, STRENGTHS = 4, 40, 300, .7, (0., .1, 1.)
RESULTS, KEY = DATA/"turned_camera.csv", ["lambd", "seed"]
FIELDS = [*KEY, "source", "target"]


class Planar(nn.Module):
    "A network with an embedding of two numbers."
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 2))
        self.classifier = nn.Linear(2, 3)

    def forward(self, x):
        embedding = self.features(x)
        return Output(embedding, self.classifier(embedding))


def jobs(seeds=SEEDS): return [dict(lambd=lambd, seed=seed) for lambd in STRENGTHS for seed in range(seeds)]


def laboratories(seed):
    "x (2n, 2), y, domains: three classes on a circle, turned in the second domain."
    g = torch.Generator().manual_seed(seed)
    y, d = torch.arange(2 * POINTS) % 3, torch.arange(2).repeat_interleave(POINTS)
    a = y * 2 * math.pi / 3 + d * ANGLE
    return torch.stack([a.cos(), a.sin()], 1) * 2 + .45 * torch.randn(2 * POINTS, 2, generator=g), y, d


def cell(job):
    "Train once; a row of the table."
    with torch_threads(1):
        x, y, d = laboratories(job["seed"])
        torch.manual_seed(job["seed"])
        batches = Batches(x, torch.where(d == 0, y, -1), d, batch_size=64, seed=job["seed"])
        objective = DomainAdversarial(DomainClassifier(2, hidden=(32,)), steps=len(batches) * EPOCHS, alpha=10., lambd=job["lambd"])
        model = Planar()
        for _ in fit(model, objective, batches, EPOCHS, lr=.05, schedule=cosine(), clip=5.): pass
        with evaluating(model): right = (model(x).logits.argmax(1) == y).double()
        return job | {name: round(100 * right[d == k].mean().item(), 2) for k, name in enumerate(("source", "target"))}


def main(argv=None):
    args = arguments(__doc__, RESULTS, SEEDS, argv)
    complete(args.out, FIELDS, KEY, jobs(args.seeds), cell, args.jobs)


if __name__ == "__main__": main()
