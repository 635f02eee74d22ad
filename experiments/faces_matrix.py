"""The domain × domain matrix: a small gray CNN trained on one domain of faces and tested on all six. Writes data_samples/faces_matrix.csv.

    python experiments/faces_matrix.py [--seeds 3] [--jobs 2]

One row per training and seed: domain trained on, pictures, epochs, validation accuracy on that domain, test accuracy on every domain (balanced
accuracy of seven classes). Data are the shipped 64 px faces. The diagonal is the target-trained reference. Settings (`EPOCHS`, `LR`, the network) were
fixed in advance and not tuned, neither on validation nor on test sets. A seed is the network's start and the order of the samples. Goes on where it
was interrupted: rows that are there are not trained again (delete the file after a change of the data).
"""
from shared import DATA, SmallCNN, arguments, complete, gray, mirrored # first: sets the number of threads

import torch

from fer_nb.faces import DOMAINS, load_faces
from fer_nb.runtime import torch_threads
from fer_nb.training import Batches, Objective, cosine, evaluate, fit

EPOCHS, LR, BATCH, SEEDS = 15, .05, 64, 3
RESULTS, KEY = DATA/"faces_matrix.csv", ["domain", "seed"]
FIELDS = [*KEY, "pictures", "epochs", "validation", *DOMAINS]


def jobs(seeds=SEEDS): return [dict(domain=domain, seed=seed) for domain in DOMAINS for seed in range(seeds)]


def cell(job):
    "Train on one domain with one seed; a row of the table."
    with torch_threads(1):
        torch.manual_seed(job["seed"])
        data, model = load_faces(job["domain"]), SmallCNN()
        batches = Batches(*mirrored(gray(data.images), data.labels), batch_size=2 * BATCH)
        for _ in fit(model, Objective(), batches, EPOCHS, lr=LR, schedule=cosine(), seed=job["seed"]): pass
        def accuracy(name, split):
            held = load_faces(name, split)
            return round(evaluate(model, gray(held.images), held.labels).balanced_accuracy, 4)
        return job | {"pictures": len(data.images), "epochs": EPOCHS, "validation": accuracy(job["domain"], "validation")} | {
            name: accuracy(name, "test") for name in DOMAINS}


def main(argv=None):
    args = arguments(__doc__, RESULTS, SEEDS, argv)
    complete(args.out, FIELDS, KEY, jobs(args.seeds), cell, args.jobs)


if __name__ == "__main__": main()
