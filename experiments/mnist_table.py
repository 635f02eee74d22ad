"""Table 1 of the DDA paper on the real MNIST, as far as two cores allow. Writes data_samples/mnist_table.csv.

    python experiments/mnist_table.py --data DIR [--seeds 3] [--jobs 1] [--out FILE]
    python experiments/mnist_table.py --table

DIR holds MNIST's four IDX files. Softmax, center and DDA loss with γ ∈ {1, 3, 5, 7} are trained on a wild part of the 60,000 and tested on all 10,000, seed by seed: an interrupted
table goes on where it stopped. λ, α, γ's scaling, momentum, weight decay, batch size and the layers are the paper preset's; `PROTOCOL` holds what is not. The learning rate was
chosen on the 500 held-out digits of class-balanced `watch`, with seed 100.
"""
from shared import DATA, arguments, complete # first: sets the number of threads

import time
from dataclasses import replace
from itertools import combinations

from fer_nb.checks import need
from fer_nb.files import read_csv
from fer_nb.papers import TABLE_1, label, preset, train, wild_data
from fer_nb.tables import markdown, paired, spread

PROTOCOL = dict(profile="mild", majority=5000, epochs=3, lr=.02, width=.5, size=14, clip=5., schedule="cosine")
RECIPES = {label(r).removesuffix(" (code)"): r for r in preset("paper", **PROTOCOL)}
PRINTED = dict(zip(RECIPES, TABLE_1.values()))
READOUTS = {"linear": "linear head", "center": "nearest center"}
RESULTS, SEEDS, KEY = DATA/"mnist_table.csv", 3, ["method", "seed"]
FIELDS = [*KEY, *PROTOCOL, "images", "tested", *READOUTS, *(f"{head}_minority" for head in READOUTS), "diverged", "seconds"]


def cell(job):
    "Train and measure; a row of the table."
    began, r = time.process_time(), replace(RECIPES[job["method"]], seed=job["seed"], data=job["data"])
    data = wild_data(r)
    need(len(data.test[1]) == 10_000, "data", "the 10,000 test digits of MNIST", len(data.test[1]))
    row = train(r, threads=1)
    scores = {name: f"{row[name]:.4f}" for name in FIELDS if name.split("_")[0] in READOUTS and name in row}
    return dict(method=job["method"], seed=job["seed"], **PROTOCOL, images=len(data.y), tested=len(data.test[1]), **scores,
                diverged=row.get("diverged", ""), seconds=round(time.process_time() - began, 1))


def by_method(rows):
    "Accuracies of every readout: method → readout → seed → per cent, without what diverged."
    return {method: {head: {r["seed"]: float(r[head]) for r in rows if r["method"] == method and not r["diverged"]} for head in READOUTS} for method in RECIPES}


def beside(printed, ours):
    "Ours, and the difference to the paper's figure."
    return [spread(ours.values(), 2), f"{sum(ours.values()) / len(ours) - printed:+.2f}" if ours else "–"]


def tables(rows):
    "The paper's row, ours by both readouts and the difference; then every pair of methods on the same seeds."
    found = by_method(rows)
    first = [["", "paper", *(word for name in READOUTS.values() for word in (name, "difference"))]]
    first += [[m, f"{PRINTED[m]:.2f}", *(word for head in READOUTS for word in beside(PRINTED[m], ours[head]))] for m, ours in found.items()]
    pairs = [["", "paper", *READOUTS.values()]]
    for a, b in combinations(RECIPES, 2):
        cells = ["{:+.2f} [{:+.2f}, {:+.2f}]".format(*paired(found[b][head], found[a][head])) for head in READOUTS]
        pairs.append([f"{b} − {a}", f"{PRINTED[b] - PRINTED[a]:+.2f}", *cells])
    return markdown(first) + "\n\n" + markdown(pairs)


def main(argv=None):
    args = arguments(__doc__, RESULTS, SEEDS, argv, data="", table=False)
    if not args.table:
        need(args.data != "", "--data", "a folder with MNIST's four IDX files", "none")
        jobs = [dict(method=method, seed=seed, data=args.data) for seed in range(args.seeds) for method in RECIPES]
        complete(args.out, FIELDS, KEY, jobs, cell, args.jobs)
    print(tables(read_csv(args.out)))


if __name__ == "__main__": main()
