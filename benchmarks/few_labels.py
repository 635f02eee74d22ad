"""Few labels: supervised against semi-supervised training (large margin, centre and island loss, by self-predicted labels) on the faces. Writes data_samples/few_labels.csv.

    OMP_NUM_THREADS=1 python benchmarks/few_labels.py [--seeds 5]

Labelled are all pictures of a tenth of the training people (`SHARE`), another tenth with every seed; the other people's pictures come without labels. Validation and test
sets hold yet other people. Supervised training sees the labelled pictures only, "all labels" is the reference that knows every label; all make `STEPS` steps of
`BATCH` pictures, semi-supervised ones half and half. Network and pictures as in separate.py.
How strong the margin is (`CHOICES`: L_S is `ratio` times the weighted margin loss; 1: it fades out over the training) was chosen for each domain and loss on
the validation set with the seeds of `TRIALS`, the paper's ratio of 0.8 among the choices; the rows of this search are in the table, part "validation".
Centre loss ends at chance with each of them: it only pulls, so while its value is kept in proportion to L_S its weight grows as the features shrink, and they
collapse. So there is a row of it with a fixed weight as well, chosen in the same way; column `ratio` then holds the weight.
A row per training. Goes on where it was interrupted: rows that are there are not trained again (delete the file after a change of the data). About 13 minutes of one core.
"""
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse, csv
from pathlib import Path
from statistics import fmean

import torch

from fer_nb.centers import CenterLoss, IslandLoss
from fer_nb.datasets import BalancedBatches
from fer_nb.faces import EMOTIONS, load_faces
from fer_nb.large_margin import LargeMarginLoss, SemiSupervised
from fer_nb.training import Batches, Objective, cosine, evaluate, fit

from faces_matrix import LR
from separate import Small, small

SHARE, STEPS, BATCH, DOMAINS = .1, 300, 64, ("lab_color", "wild_color")
MARGINS = {"large margin": LargeMarginLoss, "center": CenterLoss, "island": IslandLoss, "center, fixed weight": CenterLoss}
BALANCED, TRIALS = [(.8, 0), (.8, 1), (4., 1)], (100, 101)
CHOICES = {method: BALANCED for method in MARGINS} | {"center, fixed weight": [(.001, 0), (.01, 0), (.1, 0)]}
RESULTS = Path(__file__).resolve().parents[1]/"data_samples/few_labels.csv"
FIELDS = ["part", "domain", "method", "ratio", "fade", "seed", "labelled", "accuracy", "self_labels"]


def mirrored(x, y): return torch.cat([x, x.flip(3)]), y.repeat(2)


def train(part, domain, method, ratio, fade, seed):
    "Train once; a row of the table."
    data = load_faces(domain, "train")
    x, y, people = small(data.images), data.labels, data.identities
    everyone = people.unique()
    chosen = everyone[torch.randperm(len(everyone), generator=torch.Generator().manual_seed(seed))[:round(SHARE * len(everyone))]]
    known = torch.isin(people, chosen)
    torch.manual_seed(seed)
    model = Small(len(EMOTIONS))
    if method in MARGINS:
        half = BATCH // 2
        batches = BalancedBatches({"labelled": mirrored(x[known], y[known]), "unlabelled": mirrored(x[~known], torch.full_like(y[~known], -1))}, half, seed)
        objective = SemiSupervised(MARGINS[method](len(EMOTIONS), model.classifier.in_features), fade=STEPS if fade else None, **{"weight" if "fixed" in method else "ratio": ratio})
    else:
        batches, objective = Batches(*(mirrored(x, y) if method == "all labels" else mirrored(x[known], y[known])), batch_size=BATCH, seed=seed), Objective()
    epochs = -(-STEPS // len(batches))
    for step in fit(model, objective, batches, epochs, lr=LR, schedule=lambda n, total: cosine()(min(n, STEPS), STEPS)):
        if step.n == STEPS: break
    held = load_faces(domain, part)
    return {"part": part, "domain": domain, "method": method, "ratio": ratio, "fade": fade, "seed": seed, "labelled": int(known.sum()),
            "accuracy": round(evaluate(model, small(held.images), held.labels).balanced_accuracy, 4), "self_labels": round(evaluate(model, x[~known], y[~known]).accuracy, 4)}


def chosen(rows, domain, method):
    "The ratio and fade with the best mean validation accuracy; of equals the first."
    mean = lambda choice: fmean(float(r["accuracy"]) for r in rows if (r["part"], r["domain"], r["method"]) == ("validation", domain, method)
                                and (float(r["ratio"]), int(r["fade"])) == choice)
    return max(CHOICES[method], key=mean)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5, help="trainings per domain and method")
    args = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    if RESULTS.exists():
        with RESULTS.open(encoding="utf-8") as file: rows = list(csv.DictReader(file))
    with RESULTS.open("a", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, FIELDS, lineterminator="\n")
        if not rows: table.writeheader()

        def once(*cell):
            if any(tuple(row[key] for key in FIELDS[:6]) == tuple(map(str, cell)) for row in rows): return
            row = train(*cell)
            table.writerow(row)
            file.flush()
            rows.append({key: str(value) for key, value in row.items()})
            print(row, flush=True)

        for domain in DOMAINS:
            for method in MARGINS:
                for choice in CHOICES[method]:
                    for seed in TRIALS: once("validation", domain, method, *choice, seed)
            for seed in range(args.seeds):
                for method in ("supervised", *MARGINS, "all labels"):
                    once("test", domain, method, *(chosen(rows, domain, method) if method in MARGINS else ("", "")), seed)


if __name__ == "__main__": main()
