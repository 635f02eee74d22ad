"""When does an angular margin give the answer away? Heads on angles, with and without a margin, on the digits. Writes data_samples/giveaway.csv, read by the notebook of the angular softmax.

    python experiments/giveaway.py [--seeds 3] [--jobs 1]

The embedded MNIST digits, 14 × 14 px, 300 pictures of every class (others with every seed), a small fully connected network with an embedding of 16 dimensions (*2-D*: two) without a
ReLU behind it, SGD at 0.05 with momentum, 30 epochs: 720 steps. *two classes*: digits below five, and the others. *raised*: the margin is 0 for 120 steps and full after another 120 (*more
slowly*: 240 and 240). A seed is the network's start, the pictures that are taken and their order. Nothing was tuned but the slower raising.

A row holds the balanced accuracy on the test digits in per cent, by the head without its margin; the loss of the last step, with it; the mean cosine between features and the vectors of
their own classes over the last step's batch, and the same over the training, every tenth step. About 2 minutes of one core; goes on where it was interrupted.
"""
from shared import DATA, Flat, arguments, complete # first: sets the number of threads

import torch
import torch.nn.functional as F
from torch import nn

from fer_nb.angular_softmax import AngularSoftmax
from fer_nb.backbones import initialise
from fer_nb.runtime import torch_threads
from fer_nb.training import Batches, Objective, cosine, evaluate, fit
from fer_nb.wmnist import load_digits, to_input, wild_subset

SEEDS, EPOCHS, LR, EVERY = 3, 30, .05, 10
FULL = dict(s=64., m=.5)
HEADS = {"linear": {}, "s = 64, m = 0": dict(s=64.), "s = 64, m = 0.5": FULL, "s = 64, m = 0.5, monotone": FULL | dict(monotone=True), "s = 64, m = 0.5, raised": FULL | dict(raised=120),
         "two classes": FULL | dict(K=2), "two classes, rate 0.001": FULL | dict(K=2, lr=.001), "two classes, monotone": FULL | dict(K=2, monotone=True),
         "two classes, raised more slowly": FULL | dict(K=2, raised=240), "linear, 2-D": dict(d=2), "s = 8, m = 0, 2-D": dict(d=2, s=8.)}
RESULTS, KEY = DATA/"giveaway.csv", ["head", "seed"]
FIELDS = [*KEY, "accuracy", "loss", "cosine", "cosines"]


class Margin(nn.Module):
    "Cross-entropy of the model's own head, with its margin."
    def __init__(self, head):
        super().__init__()
        self.head = (head,) # in a tuple: the weights belong to the model

    def forward(self, batch, output): return {"angular": F.cross_entropy(self.head[0](output.embedding, batch[1]), batch[1])}


def jobs(seeds=SEEDS): return [dict(head=head, seed=seed) for head in HEADS for seed in range(seeds)]


def labels(digits, K): return digits if K == 10 else (digits >= 5).long()


def head_of(d=16, K=10, s=None, m=0., monotone=False, raised=0, **_):
    "The head at the first step."
    return nn.Linear(d, K, bias=False) if s is None else AngularSoftmax(d, K, s, 0. if raised else m, monotone)


def margin_at(n, m=0., raised=0, **_):
    "The margin in step n."
    return m * min(max(n / raised - 1, 0.), 1.) if raised else m


def train(seed, settings):
    "A trained network, the last step's loss, and the mean cosine of every step's features with their class vectors."
    images, digits = load_digits()
    chosen, K = wild_subset(digits, [300] * 10, seed), settings.get("K", 10)
    torch.manual_seed(seed)
    head, near = head_of(**settings), []
    model = Flat(settings.get("d", 16), lambda: head)
    initialise(model.embed)
    batches = Batches(to_input(images[chosen], 14), labels(digits[chosen], K), seed=seed)
    objective = Margin(head) if "s" in settings else Objective()
    for step in fit(model, objective, batches, EPOCHS, lr=settings.get("lr", LR), schedule=cosine(), seed=seed):
        if "raised" in settings: head.m = margin_at(step.n, **settings)
        near.append(F.cosine_similarity(step.output.embedding, head.weight[step.batch[1]].detach()).mean().item())
    return model, float(step.losses["total"]), near


def cell(job):
    "Train once; a row of the table."
    with torch_threads(1):
        settings = HEADS[job["head"]]
        model, loss, near = train(job["seed"], settings)
        images, digits = load_digits(train=False)
        accuracy = evaluate(model, to_input(images, 14), labels(digits, settings.get("K", 10))).balanced_accuracy
        return job | {"accuracy": round(100 * accuracy, 2), "loss": f"{loss:.5g}", "cosine": round(near[-1], 4), "cosines": " ".join(f"{v:.3f}" for v in near[::EVERY])}


def main(argv=None):
    args = arguments(__doc__, RESULTS, SEEDS, argv)
    complete(args.out, FIELDS, KEY, jobs(args.seeds), cell, args.jobs)


if __name__ == "__main__": main()
