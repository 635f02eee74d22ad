"""Few labels on the digits: three losses on what the network says itself. Writes data_samples/few_digits.csv, read by the notebook of the semi-supervised large margin.

    python experiments/few_digits.py [--seeds 5] [--jobs 1]

The embedded MNIST digits, 14 × 14 px, 200 pictures of every class (others with every seed), of which 20 have a label; a small fully connected network with 16 dimensions, SGD at 0.05,
15 epochs. *labeled only*: a weight of 0, so only softmax acts, on what is labeled. *balanced*: λ₂ keeps the softmax loss `ratio` (0.8 if nothing is said) times the weighted margin loss.
Nothing was tuned: the fixed weight is the first that was tried. A seed is the network's start, the pictures that are taken and their order.

A row holds the accuracy on the test digits in per cent, the last λ₂, and how far the embeddings of the last batch spread: the length of their standard deviations. About a minute of one
core; goes on where it was interrupted.
"""
from shared import DATA, Flat, arguments, complete # first: sets the number of threads

import torch
from torch import nn

from fer_nb.backbones import initialise
from fer_nb.centers import CenterLoss, IslandLoss
from fer_nb.large_margin import LargeMarginLoss, SemiSupervised
from fer_nb.runtime import torch_threads
from fer_nb.training import Batches, cosine, evaluate, fit
from fer_nb.wmnist import load_digits, to_input, wild_subset

SEEDS, EPOCHS, PICTURES, LABELED = 5, 15, 200, 20
METHODS = {"labeled only": (LargeMarginLoss, dict(weight=0.)), "center, balanced": (CenterLoss, {}), "center, λ₂ = 0.01": (CenterLoss, dict(weight=.01)), "island": (IslandLoss, {}),
           "large margin": (LargeMarginLoss, {}), "large margin, batch": (lambda *size: LargeMarginLoss(*size, centers="batch"), {}), "large margin, ratio = 0.2": (LargeMarginLoss, dict(ratio=.2))}
RESULTS, KEY = DATA/"few_digits.csv", ["method", "seed"]
FIELDS = [*KEY, "accuracy", "lam", "spread"]


def jobs(seeds=SEEDS): return [dict(method=method, seed=seed) for method in METHODS for seed in range(seeds)]


def training_set(seed):
    "Images, and labels of which all but `LABELED` of every class are hidden (−1)."
    images, digits = load_digits()
    chosen = wild_subset(digits, [PICTURES] * 10, seed)
    x, y = to_input(images[chosen], 14), digits[chosen].clone()
    for k in range(10): y[(y == k).nonzero()[LABELED:, 0]] = -1
    return x, y


def cell(job):
    "Train once; a row of the table."
    with torch_threads(1):
        make, weights = METHODS[job["method"]]
        x, y = training_set(job["seed"])
        torch.manual_seed(job["seed"])
        model, objective = initialise(Flat(16, lambda: nn.Linear(16, 10))), SemiSupervised(make(10, 16), **weights)
        for step in fit(model, objective, Batches(x, y, seed=job["seed"]), EPOCHS, schedule=cosine()): pass
        spread = step.output.embedding.std(0).norm().item()
        images, digits = load_digits(train=False)
        accuracy = evaluate(model, to_input(images, 14), digits).accuracy
        return job | {"accuracy": round(100 * accuracy, 2), "lam": f"{objective.lam().item():.4g}", "spread": f"{spread:.4g}"}


def main(argv=None):
    args = arguments(__doc__, RESULTS, SEEDS, argv)
    complete(args.out, FIELDS, KEY, jobs(args.seeds), cell, args.jobs)


if __name__ == "__main__": main()
