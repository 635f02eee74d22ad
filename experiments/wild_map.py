"""On which settings does the paper's ordering hold? Trains the map of the Wild-MNIST lab and writes data_samples/wild_map.csv.

    python experiments/wild_map.py [--seeds 3] [--jobs 1]

Data size × imbalance × γ × λ × scaling × center rule, three seeds each; every row is read out by every head. Scores are on the
test set, settings are all shown and none is chosen by them. About twenty minutes on one quiet core; goes on where it was interrupted.
"""
from shared import DATA, arguments # first: sets the number of threads

import shutil
from dataclasses import replace

from fer_nb.papers import Recipe, compare

RESULTS, SEEDS = DATA/"wild_map.csv", 3
WORK = DATA.parent/"runs/map"


def recipes():
    base = [Recipe("softmax"), Recipe("center", lam=.01), Recipe("center", lam=.03), Recipe("center"), Recipe("center", lam=.01, centers="autograd"),
            *(Recipe("dda", gamma=g, lam=lam) for g in (1., 3., 5.) for lam in (.01, 1.)),
            *(Recipe("dda", gamma=5., lam=lam, scaling="code") for lam in (.01, 1.)),
            Recipe("dda", gamma=1., lam=.01, centers="autograd")]
    few = [r for r in base if r in (Recipe("softmax"), Recipe("center"), Recipe("dda"), Recipe("dda", gamma=5., lam=.01, scaling="code"))]
    return [*base, *(replace(r, profile="mild") for r in base), *(replace(r, majority=100, epochs=60) for r in base), *(replace(r, profile="balanced") for r in few)]


def main(argv=None):
    args = arguments(__doc__, RESULTS, SEEDS, argv)
    compare(recipes(), args.seeds, WORK, workers=args.jobs)
    shutil.copyfile(WORK/"results.csv", args.out)


if __name__ == "__main__": main()
