"""Table 1 of the DDA paper on the real MNIST, as far as two cores allow. Writes data_samples/mnist_table.csv.

    python experiments/mnist_table.py --data DIR [--seeds 5] [--jobs 1] [--out FILE]
    python experiments/mnist_table.py --table

DIR holds MNIST's four IDX files. Softmax, center and DDA loss with γ ∈ {1, 3, 5, 7} are trained on a wild part of the 60,000 and tested on all 10,000, seed by seed: an interrupted
table goes on where it stopped. λ, α, γ's scaling, momentum, weight decay, batch size and the layers are the paper preset's; `PROTOCOL` holds what is not. Profile and learning
rate were chosen by softmax on the 500 digits held out for watching, with seed 100.
"""
from shared import DATA, arguments, complete # first: sets the number of threads

import time
from dataclasses import replace

from fer_nb.checks import need
from fer_nb.files import read_csv
from fer_nb.papers import TABLE_1, label, preset, train
from fer_nb.reproduce import beside, told_apart
from fer_nb.wmnist import load_digits, wild_counts

PROTOCOL = dict(profile="mild", majority=5000, epochs=3, lr=.02, width=.5, size=14, clip=5., schedule="cosine")
RECIPES = {label(r).removesuffix(" (code)"): r for r in preset("paper", **PROTOCOL)}
PRINTED = dict(zip(RECIPES, TABLE_1.values()))
READOUTS = {"linear": "linear head", "center": "nearest center"}
COUNTS = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949], [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009] # of MNIST, counted by hand
RESULTS, SEEDS, KEY = DATA/"mnist_table.csv", 5, ["method", "seed"]
FIELDS = [*KEY, *PROTOCOL, "images", "tested", *READOUTS, *(f"{head}_minority" for head in READOUTS), "diverged", "seconds"]


def cell(job):
    "Train and measure; a row of the table."
    began, r = time.process_time(), replace(RECIPES[job["method"]], seed=job["seed"], data=job["data"])
    found = tuple(load_digits(r.data, part)[1].bincount().tolist() for part in (True, False))
    need(found == COUNTS, "data", f"MNIST, with {COUNTS} digits of the classes", found)
    row = train(r, threads=1)
    scores = {name: f"{row[name]:.4f}" for name in FIELDS if name.split("_")[0] in READOUTS and name in row}
    return dict(method=job["method"], seed=job["seed"], **PROTOCOL, images=sum(wild_counts(r.profile, r.majority)), tested=sum(COUNTS[1]), **scores,
                diverged=row.get("diverged", ""), seconds=round(time.process_time() - began, 1))


def main(argv=None):
    args = arguments(__doc__, RESULTS, SEEDS, argv, data="", table=False)
    if not args.table:
        need(args.data != "", "--data", "a folder with MNIST's four IDX files", "none")
        jobs = [dict(method=method, seed=seed, data=args.data) for seed in range(args.seeds) for method in RECIPES]
        complete(args.out, FIELDS, KEY, jobs, cell, args.jobs)
    rows = read_csv(args.out)
    print(f"{beside(rows, PRINTED, READOUTS)}\n\n{told_apart(rows, PRINTED, READOUTS)}")


if __name__ == "__main__": main()
