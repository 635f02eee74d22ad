"""The domain × domain matrix: a small gray CNN trained on one domain of faces and tested on all six. Writes data_samples/faces_matrix.csv.

    OMP_NUM_THREADS=1 python benchmarks/faces_matrix.py [--seeds 3] [--jobs 2]

One row per training and seed: domain trained on, pictures, epochs, validation accuracy on that domain, test accuracy on every domain (balanced
accuracy of seven classes). Data are the shipped 64 px faces. The diagonal is the target-trained reference. Settings (`EPOCHS`, `LR`, the network) were
fixed in advance and not tuned, neither on validation nor on test sets. A seed is the network's start and the order of the samples. Goes on where it
was interrupted: rows that are there are not trained again (delete the file after a change of the data).
"""
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse, csv
from multiprocessing import get_context
from pathlib import Path

import torch
from torch import nn

from fer_nb.backbones import Output
from fer_nb.faces import DOMAINS, EMOTIONS, load_faces
from fer_nb.training import Batches, Objective, cosine, evaluate, fit

EPOCHS, LR, BATCH = 15, .05, 64
RESULTS = Path(__file__).resolve().parents[1]/"data_samples/faces_matrix.csv"
FIELDS = ["domain", "seed", "pictures", "epochs", "validation", *DOMAINS]


class SmallCNN(nn.Module):
    "Four 3 × 3 convolutions with batch normalisation and pooling, 64-d embedding: 170,000 parameters."
    def __init__(self, classes=len(EMOTIONS), feat_dim=64):
        super().__init__()
        stage = lambda a, b: [nn.Conv2d(a, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU(), nn.MaxPool2d(2)]
        self.features = nn.Sequential(*stage(1, 16), *stage(16, 32), *stage(32, 64), *stage(64, 64), nn.Flatten(), nn.Dropout(.3))
        self.embed, self.classifier = nn.Linear(64 * 4 * 4, feat_dim), nn.Linear(feat_dim, classes)

    def forward(self, images):
        x = self.embed(self.features(images)).relu()
        return Output(x, self.classifier(x))


def gray(images):
    "uint8 (N, 3, H, W) to float (N, 1, H, W), every picture with mean 0 and deviation 1, as the papers' preprocessing normalises it."
    x = (images.float() * torch.tensor([.299, .587, .114]).view(3, 1, 1)).sum(1, keepdim=True)
    return (x - x.mean((2, 3), keepdim=True)) / x.std((2, 3), keepdim=True).clamp(min=1)


def train(job):
    "Train on one domain with one seed; a row of the table."
    domain, seed = job
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    data, model = load_faces(domain), SmallCNN()
    x = gray(data.images)
    batches = Batches(torch.cat([x, x.flip(3)]), data.labels.repeat(2), batch_size=2 * BATCH)   # every picture and its mirror image
    for step in fit(model, Objective(), batches, EPOCHS, lr=LR, schedule=cosine(), seed=seed): pass
    accuracy = lambda name, split: round(evaluate(model, gray((s := load_faces(name, split)).images), s.labels).balanced_accuracy, 4)
    return {"domain": domain, "seed": seed, "pictures": len(x), "epochs": EPOCHS, "validation": accuracy(domain, "validation")} | {
        name: accuracy(name, "test") for name in DOMAINS}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3, help="trainings per domain")
    parser.add_argument("--jobs", type=int, default=1, help="processes, one core each")
    args = parser.parse_args()
    done = {(row["domain"], int(row["seed"])) for row in csv.DictReader(RESULTS.open(encoding="utf-8"))} if RESULTS.exists() else set()
    jobs = [(domain, seed) for seed in range(args.seeds) for domain in DOMAINS if (domain, seed) not in done]
    with get_context("spawn").Pool(args.jobs) as pool, RESULTS.open("a", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, FIELDS, lineterminator="\n")
        if not done: table.writeheader()
        for row in pool.imap_unordered(train, jobs):
            table.writerow(row)
            file.flush()
            print(row, flush=True)
    rows = sorted(csv.DictReader(RESULTS.open(encoding="utf-8")), key=lambda row: (list(DOMAINS).index(row["domain"]), int(row["seed"])))
    with RESULTS.open("w", newline="", encoding="utf-8") as file:   # in order, whoever was first
        table = csv.DictWriter(file, FIELDS, lineterminator="\n")
        table.writeheader(); table.writerows(rows)


if __name__ == "__main__": main()
