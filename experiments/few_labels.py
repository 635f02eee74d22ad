"""Few labels: supervised against semi-supervised training (large margin, center and island loss, by self-predicted labels) on the faces. Writes data_samples/few_labels.csv.

    python experiments/few_labels.py [--seeds 5] [--jobs 1]

Labeled are all pictures of a tenth of the training people (`SHARE`), another tenth with every seed; the other people's pictures come without labels. Validation and test
sets hold yet other people. Supervised training sees the labeled pictures only, "all labels" is the reference that knows every label; all make `STEPS` steps of
`BATCH` pictures, semi-supervised ones half and half. Network and pictures as in separate.py.
How strong the margin is (`CHOICES`: L_S is `ratio` times the weighted margin loss; 1: it fades out over the training) was chosen for each domain and loss on
the validation set with the seeds of `TRIALS`, the paper's ratio of 0.8 among the choices; the rows of this search are in the table, part "validation".
Center loss ends at chance with each of them: it only pulls, so while its value is kept in proportion to L_S its weight grows as the features shrink, and they
collapse. So there is a row of it with a fixed weight as well, chosen in the same way; column `ratio` then holds the weight.
A row per training. Goes on where it was interrupted: rows that are there are not trained again (delete the file after a change of the data). About 13 minutes of one core.
"""
from shared import DATA, arguments, complete, mirrored # first: sets the number of threads

from statistics import fmean

import torch

from fer_nb.centers import CenterLoss, IslandLoss
from fer_nb.datasets import BalancedBatches
from fer_nb.faces import EMOTIONS, load_faces
from fer_nb.large_margin import LargeMarginLoss, SemiSupervised
from fer_nb.runtime import torch_threads
from fer_nb.training import Batches, Objective, cosine, evaluate, fit

from faces_matrix import LR
from separate import Small, small

SHARE, STEPS, BATCH, DOMAINS, SEEDS = .1, 300, 64, ("lab_color", "wild_color"), 5
MARGINS = {"large margin": LargeMarginLoss, "center": CenterLoss, "island": IslandLoss, "center, fixed weight": CenterLoss}
BALANCED, TRIALS = [(.8, 0), (.8, 1), (4., 1)], (100, 101)
CHOICES = {method: BALANCED for method in MARGINS} | {"center, fixed weight": [(.001, 0), (.01, 0), (.1, 0)]}
RESULTS, KEY = DATA/"few_labels.csv", ["part", "domain", "method", "ratio", "fade", "seed"]
FIELDS = [*KEY, "labelled", "accuracy", "self_labels"]


def search():
    "Every choice on the validation set."
    return [dict(zip(KEY, ("validation", domain, method, *choice, seed))) for domain in DOMAINS for method in MARGINS for choice in CHOICES[method] for seed in TRIALS]


def report(rows, seeds=SEEDS):
    "Every method on the test set, with what the search chose."
    return [dict(zip(KEY, ("test", domain, method, *(chosen(rows, domain, method) if method in MARGINS else ("", "")), seed)))
            for domain in DOMAINS for seed in range(seeds) for method in ("supervised", *MARGINS, "all labels")]


def halves(known, x, y, seed):
    "Batches half of which have no labels."
    sets = {"labelled": mirrored(x[known], y[known]), "unlabelled": mirrored(x[~known], torch.full_like(y[~known], -1))}
    return BalancedBatches(sets, BATCH // 2, seed)


def strength(method, ratio): return {"weight" if "fixed" in method else "ratio": ratio}


def cell(job):
    "Train once; a row of the table."
    with torch_threads(1):
        method, seed = job["method"], job["seed"]
        data, held = load_faces(job["domain"], "train"), load_faces(job["domain"], job["part"])
        x, y, everyone = small(data.images), data.labels, data.identities.unique()
        few = everyone[torch.randperm(len(everyone), generator=torch.Generator().manual_seed(seed))[:round(SHARE * len(everyone))]]
        known = torch.isin(data.identities, few)
        torch.manual_seed(seed)
        model = Small(len(EMOTIONS))
        if method in MARGINS:
            margin, batches = MARGINS[method](len(EMOTIONS), model.classifier.in_features), halves(known, x, y, seed)
            objective = SemiSupervised(margin, fade=STEPS if job["fade"] else None, **strength(method, job["ratio"]))
        else:
            seen = mirrored(x, y) if method == "all labels" else mirrored(x[known], y[known])
            batches, objective = Batches(*seen, batch_size=BATCH, seed=seed), Objective()
        for step in fit(model, objective, batches, -(-STEPS // len(batches)), lr=LR, schedule=lambda n, total: cosine()(min(n, STEPS), STEPS)):
            if step.n == STEPS: break
        return job | {"labelled": int(known.sum()), "accuracy": round(evaluate(model, small(held.images), held.labels).balanced_accuracy, 4),
                      "self_labels": round(evaluate(model, x[~known], y[~known]).accuracy, 4)}


def chosen(rows, domain, method):
    "The ratio and fade with the best mean validation accuracy; of equals the first."
    def mean(choice):
        return fmean(float(r["accuracy"]) for r in rows if (r["part"], r["domain"], r["method"]) == ("validation", domain, method)
                     and (float(r["ratio"]), int(r["fade"])) == choice)
    return max(CHOICES[method], key=mean)


def main(argv=None):
    args = arguments(__doc__, RESULTS, SEEDS, argv)
    rows = complete(args.out, FIELDS, KEY, search(), cell, args.jobs)
    complete(args.out, FIELDS, KEY, report(rows, args.seeds), cell, args.jobs)


if __name__ == "__main__": main()
