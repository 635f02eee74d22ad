"""Two networks for a laptop on the faces: a narrow ResNet-18 and LabCNN. Writes data_samples/laptop_networks.csv, read by the notebook on networks for faces.

    python experiments/laptop_networks.py [--seeds 5] [--jobs 1]

The 560 shipped training faces of lab_color (80 people), gray, 64 px, each with its mirror image, 8 epochs of SGD at 0.05 in batches of 64. A row holds the number of weights and, in
per cent, the accuracy on the faces trained on and on the test faces (20 other people). A seed is the network's start and the order of the pictures. Nothing was tuned. About 2 minutes of
one core; goes on where it was interrupted.
"""
from shared import DATA, arguments, complete, mirrored # first: sets the number of threads

import torch

from fer_nb.backbones import LabCNN, ResNet18
from fer_nb.faces import load_faces
from fer_nb.preprocessing import normalize, to_gray
from fer_nb.runtime import torch_threads
from fer_nb.training import Batches, Objective, cosine, evaluate, fit

SEEDS, EPOCHS, LR, BATCH = 5, 8, .05, 64
NETWORKS = {"ResNet18(width=.25)": (lambda: ResNet18(width=.25, in_size=64), 3), "LabCNN()": (LabCNN, 1)} # how it is made, and planes of its images
RESULTS, KEY = DATA/"laptop_networks.csv", ["network", "seed"]
FIELDS = [*KEY, "weights", "known", "strange"]


def jobs(seeds=SEEDS): return [dict(network=name, seed=seed) for name in NETWORKS for seed in range(seeds)]


def faces(split, planes):
    "Gray images (N, planes, 64, 64), and labels."
    data = load_faces("lab_color", split)
    return normalize(to_gray(data.images)).expand(-1, planes, -1, -1), data.labels


def cell(job):
    "Train once; a row of the table."
    with torch_threads(1):
        make, planes = NETWORKS[job["network"]]
        known, strange = (faces(split, planes) for split in ("train", "test"))
        torch.manual_seed(job["seed"])
        model = make()
        batches = Batches(*mirrored(*known), batch_size=BATCH, seed=job["seed"])
        for _ in fit(model, Objective(), batches, EPOCHS, lr=LR, schedule=cosine(), seed=job["seed"]): pass
        percent = {name: round(100 * evaluate(model, *part).accuracy, 1) for name, part in (("known", known), ("strange", strange))}
        return job | {"weights": sum(p.numel() for p in model.parameters())} | percent


def main(argv=None):
    args = arguments(__doc__, RESULTS, SEEDS, argv)
    complete(args.out, FIELDS, KEY, jobs(args.seeds), cell, args.jobs)


if __name__ == "__main__": main()
