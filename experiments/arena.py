"""The papers' losses beside those that came after them: one protocol, written to data_samples/arena.csv.

    python experiments/arena.py [--seeds 5] [--jobs 1]

Wild-MNIST at the lab preset with half of its epochs and batches of half the size (15 and 64 for all alike, to stay affordable: as many steps as the
preset has), every loss on every profile, five seeds, read out by every head. Before that every loss gets the same budget: three settings on the long
tail, on a seed that is not reported; the one whose best head has the highest balanced accuracy on the *watched* digits (the validation set) is taken for
all profiles. The test set is seen by the rows with part "test" only. Softmax has only its learning rate to tune, which the others keep at 0.05; so it is
reported at 0.05 as well, where nothing but the loss differs. Some losses are also trained with a 16-d embedding, where a simplex of ten classes
fits, on the long tail with the same settings. About half an hour of one quiet core; goes on where it was interrupted.
"""
from shared import DATA, arguments, complete, key # first: sets the number of threads

from dataclasses import fields, replace
from functools import partial

from fer_nb.papers import HEADS, LOSSES, Recipe, train

RESULTS, SEEDS = DATA/"arena.csv", 5
PROFILES = ("longtail", "severe", "step", "mild", "balanced")
WIDE = ("softmax", "dda", "adjusted", "bcl", "etf")
BASE = Recipe("softmax", epochs=15, batch_size=64)
LOADS = [dict(lam=.1, tau=.1), dict(lam=1., tau=.1), dict(lam=1., tau=.5)]
MARGINS = [dict(m=.1, s=8.), dict(m=.3, s=8.), dict(m=.3, s=16.)]
RATES = [dict(lr=lr) for lr in (.025, .05, .1)]
GRID = { # three settings of every loss: what its paper tunes; the learning rate where there is nothing else
    "softmax": RATES, "etf": RATES, "ldam": MARGINS, "cosface": MARGINS, "supcon": LOADS, "bcl": LOADS,
    "center": [dict(lam=lam) for lam in (.01, .1, 1.)],
    "island": [dict(lam=lam) for lam in (.001, .01, .1)],
    "dda": [dict(lam=1., gamma=3.), dict(lam=.1, gamma=.3), dict(lam=.01, gamma=5., scaling="code")],
    "separate": [dict(lam=lam) for lam in (.1, .9, 2.)],
    "margin": [dict(lam=lam) for lam in (.1, 1., 3.)],
    "angular": [dict(s=s) for s in (4., 8., 16.)],
    "adjusted": [dict(tau=tau) for tau in (.5, 1., 2.)],
    "weighted": [dict(beta=beta) for beta in (.9, .99, .999)],
    "focal": [dict(gamma=gamma) for gamma in (.5, 1., 2.)],
    "ring": [dict(lam=lam) for lam in (.01, .1, 1.)]}
NAMES = ["part", *(f.name for f in fields(Recipe))]
COLUMNS = [*NAMES, "diverged", *(f"{head}{kind}" for head in HEADS for kind in ("", "_balanced", "_majority", "_minority"))]


def job(recipe, part): return {"part": part, **{f.name: getattr(recipe, f.name) for f in fields(Recipe)}}


def tried(loss, change): return job(replace(BASE, loss=loss, profile="longtail", seed=100, **change), "watch")


def search(): return [tried(loss, change) for loss in LOSSES for change in GRID[loss]]


def chosen(rows):
    "The setting of each loss whose best head does best on the watched digits; a diverged training does worst, the earlier of equals wins."
    found = {key(row, NAMES): row for row in rows}
    def reached(loss, change): return max(float(found[key(tried(loss, change), NAMES)][f"{head}_balanced"] or 0) for head in HEADS)
    return {loss: max(GRID[loss], key=partial(reached, loss)) for loss in LOSSES}


def report(rows, seeds=SEEDS):
    "Every loss with its setting, and softmax with the learning rate of the others too."
    best = chosen(rows)
    made = {profile: [replace(BASE, loss=loss, profile=profile, seed=seed, **change) for seed in range(seeds) for loss, change in (("softmax", {}), *best.items())]
            for profile in PROFILES}
    wide = [replace(r, feat_dim=16) for r in made["longtail"] if r.loss in WIDE and (r.loss != "softmax" or r.lr == BASE.lr)]
    return [job(recipe, "test") for recipe in dict.fromkeys([*made.pop("longtail"), *wide, *(r for part in made.values() for r in part)])]


def trained(job):
    recipe = Recipe(**{name: value for name, value in job.items() if name != "part"})
    return {name: round(value, 3) if name in COLUMNS[len(NAMES):] else value for name, value in train(recipe, part=job["part"], threads=1).items()}


def main(argv=None):
    args = arguments(__doc__, RESULTS, SEEDS, argv)
    rows = complete(args.out, COLUMNS, NAMES, search(), trained, args.jobs)
    complete(args.out, COLUMNS, NAMES, report(rows, args.seeds), trained, args.jobs)


if __name__ == "__main__": main()
