"""Which adaptation works between two real sets of digits, and which scorer finds it? Writes data_samples/real_digits.csv.

    python experiments/real_digits.py [--seeds 5] [--jobs 1] [--out FILE] [--steps 400] [--table]

MNIST ↔ scikit-learn's digits, both directions; every setting of `GRID` on every seed, so that every scorer can choose among the same trainings. A row holds what the scorers
of `fer_nb.adaptation` say (no label of the target) and, for the report alone, the target's test accuracy. The scorers see the target's training images; the test part is the report's.
"""
from shared import DATA, arguments, complete # first: sets the number of threads

import time

import torch

from fer_nb.adaptation import MMD, DomainObjective, Coral, DigitCNN, Entropy, adapt_norms, digits_of, scores_without_labels, see
from fer_nb.adaptation.scorers import SCORERS
from fer_nb.angular_softmax import AngularSoftmax
from fer_nb.batches import BalancedBatches
from fer_nb.files import read_csv
from fer_nb.grl import DomainAdversarial, DomainClassifier
from fer_nb.runtime import torch_threads
from fer_nb.tables import markdown, paired, spread
from fer_nb.training import Objective, cosine, evaluate, fit

STEPS, LR, BATCH, SEEDS = 400, 2e-3, 64, 5
SCORED = 500 # images of each kind that the scorers see: densities cost the square
DIRECTIONS = [("mnist", "optdigits"), ("optdigits", "mnist")]
STRENGTHS = {"CORAL": (1., 10., 100., 1000.), "MMD": (.3, 1., 3., 10.), "entropy": (.03, .1, .3, 1.), "DANN": (.03, .1, .3, 1.), "UDAT": (.03, .1, .3, 1.),
             "UDAT-AS": (.003, .01, .03, .1)}
GRID = [("source", 0.), ("mixed", 0.), ("AdaBN", 0.), ("target", 0.), *((m, s) for m, values in STRENGTHS.items() for s in values)]
RESULTS, KEY = DATA/"real_digits.csv", ["source", "target", "method", "lambd", "seed"]
FIELDS = [*KEY, "steps", "source_test", "target_test", *SCORERS, "seconds"]


def objective_of(method, lambd, steps):
    "The objective of a setting."
    terms = {"CORAL": Coral, "MMD": MMD, "entropy": Entropy}
    if method in terms: return DomainObjective(**{method.lower(): (terms[method](), lambd)})
    if method not in STRENGTHS: return DomainObjective() if method == "mixed" else Objective()
    head = AngularSoftmax(64, 2, s=64., m=.5, monotone=True) if method == "UDAT-AS" else None
    return DomainAdversarial(DomainClassifier(64, 2, (64, 64), head), steps=steps, alpha=10. if method == "DANN" else None, lambd=lambd)


def cell(job):
    "Train and measure one setting; a row of the table."
    with torch_threads(1):
        began, method, seed = time.process_time(), job["method"], job["seed"]
        torch.manual_seed(seed)
        model, learned = DigitCNN(), job["target"] if method == "target" else job["source"]
        sets = {learned: digits_of(learned)}
        if method not in ("source", "AdaBN", "target"): sets[job["target"]] = digits_of(job["target"])[:1]
        batches = BalancedBatches(sets, per_domain=BATCH, seed=seed)
        epochs = max(1, round(job["steps"] / len(batches)))
        objective = objective_of(method, job["lambd"], epochs * len(batches))
        for _ in fit(model, objective, batches, epochs, optimizer=adamw, center_lr=LR, schedule=cosine()): pass
        there = digits_of(job["target"])[0]
        if method == "AdaBN": adapt_norms(model, there)
        row = {f"{side}_test": round(100 * evaluate(model, *digits_of(job[side], train=False)).balanced_accuracy, 2) for side in ("source", "target")}
        few, validation = SCORED, digits_of(job["source"], train=False)
        seen = see(model, digits_of(job["source"])[0][:few], tuple(part[:few] for part in validation), there[:few])
        row |= {name: f"{value:.5g}" for name, value in scores_without_labels(seen).items()}
        return job | row | {"steps": epochs * len(batches), "seconds": round(time.process_time() - began, 1)}


def adamw(groups): return torch.optim.AdamW(groups, lr=LR, weight_decay=.01)


def chosen(rows, scorer):
    "Per direction and seed the target accuracy of the setting that a scorer likes best among all but training on the target."
    found = {}
    for r in rows:
        if r["method"] == "target": continue
        where = r["source"], r["target"], r["seed"]
        if where not in found or float(r[scorer]) > float(found[where][scorer]): found[where] = r
    return found


def by_setting(rows):
    "Target accuracy of every setting: name → direction → seed → per cent."
    values = {}
    for r in rows:
        name = r["method"] + (f" λ={float(r['lambd']):g}" if float(r["lambd"]) else "")
        values.setdefault(name, {}).setdefault((r["source"], r["target"]), {})[r["seed"]] = float(r["target_test"])
    return values


def beside(values, control):
    "Mean ± deviation, and the paired difference to the control with its 95 % interval."
    if values == control or len(values) < 2: return spread(values.values())
    return spread(values.values()) + " ({:+.1f} [{:+.1f}, {:+.1f}])".format(*paired(values, control))


def tables(rows):
    "Accuracy on the target of every setting and of every scorer's choice, beside the mixed control."
    values = by_setting(rows)
    head = ["", *(f"{s} → {t}" for s, t in DIRECTIONS)]
    settings = [[name, *(beside(found[way], values["mixed"][way]) for way in DIRECTIONS)] for name, found in values.items()]
    choices = []
    for scorer in [*SCORERS, "target_test"]:
        taken = chosen(rows, scorer)
        line = [{where[2]: float(r["target_test"]) for where, r in taken.items() if where[:2] == way} for way in DIRECTIONS]
        choices.append([scorer.replace("_", " "), *(beside(v, values["mixed"][way]) for v, way in zip(line, DIRECTIONS)), ", ".join(sorted({r["method"] for r in taken.values()}))])
    return markdown([head, *settings]) + "\n\n" + markdown([["chosen by", *head[1:], "methods taken"], *choices])


def main(argv=None):
    args = arguments(__doc__, RESULTS, SEEDS, argv, steps=STEPS, table=False)
    jobs = [dict(source=s, target=t, method=method, lambd=lambd, seed=seed, steps=args.steps) for seed in range(args.seeds) for s, t in DIRECTIONS for method, lambd in GRID]
    print(tables(read_csv(args.out) if args.table else complete(args.out, FIELDS, KEY, jobs, cell, args.jobs)))


if __name__ == "__main__": main()
