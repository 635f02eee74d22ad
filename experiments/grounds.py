"""Which adaptation works on which ground, and which scorer finds it? Writes data_samples/real_digits.csv or drawn_faces.csv.

    python experiments/grounds.py [--ground digits] [--seeds 5] [--jobs 1] [--out FILE] [--steps 400] [--table]

Two grounds, one protocol: MNIST ↔ scikit-learn's digits, and the drawn faces of lab_color ↔ studio_gray. Both directions; every setting of `GRID` on every seed, so that every scorer
can choose among the same trainings. A row holds what the scorers of `fer_nb.adaptation` say (no label of the target) and, for the report alone, the target's test accuracy. The scorers
see the target's training images and the source's validation images; the test part is the report's. The digits have no validation part: there the source's test part takes its place.
"""
from shared import DATA, arguments, complete # first: sets the number of threads

import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache, partial

import torch

import adaptation as faces
from fer_nb.adaptation import MMD, DomainObjective, Coral, DigitCNN, Entropy, adapt_norms, chosen, digits_of, scores_without_labels, see
from fer_nb.adaptation.scorers import SCORERS
from fer_nb.angular_softmax import AngularSoftmax
from fer_nb.batches import BalancedBatches
from fer_nb.files import read_csv
from fer_nb.grl import DomainAdversarial, DomainClassifier
from fer_nb.runtime import torch_threads
from fer_nb.tables import markdown, paired, spread, with_interval
from fer_nb.training import Objective, cosine, evaluate, fit

LR, SEEDS = 2e-3, 5
SCORED = 500 # images of each kind that the scorers see: densities cost the square
STRENGTHS = {"CORAL": (1., 10., 100., 1000.), "MMD": (.3, 1., 3., 10.), "entropy": (.03, .1, .3, 1.), "DANN": (.03, .1, .3, 1.), "UDAT": (.03, .1, .3, 1.),
             "UDAT-AS": (.003, .01, .03, .1)}
WEAK = {method: values[:2] for method, values in STRENGTHS.items()} # stronger, MMD and entropy ruin the faces' network
KEY = ["source", "target", "method", "lambd", "seed"]
FIELDS = [*KEY, "steps", "source_test", "target_test", *SCORERS, "seconds"]


@dataclass(frozen=True, eq=False) # the same only if it is the same: the key of a cache
class Ground:
    "Two domains, and how a network learns there."
    parts: Callable # (domain, "train", "validation" or "test") → images and labels
    model: Callable
    pair: tuple[str, str]
    strengths: dict[str, tuple] # method → its λ
    file: str # of the table
    steps: int
    batch: int # of each domain

    @property
    def directions(self): return [self.pair, self.pair[::-1]]

    @property
    def grid(self): return [("source", 0.), ("mixed", 0.), ("AdaBN", 0.), ("target", 0.), *((m, s) for m, values in self.strengths.items() for s in values)]


def digits(domain, part): return digits_of(domain, train=part == "train")


GROUNDS = {"digits": Ground(digits, DigitCNN, ("mnist", "optdigits"), STRENGTHS, "real_digits.csv", 400, 64),
           "faces": Ground(faces.pictures, faces.Net, ("lab_color", "studio_gray"), WEAK, "drawn_faces.csv", faces.STEPS, faces.BATCH)}


def objective_of(method, lambd, steps):
    "The objective of a setting."
    terms = {"CORAL": Coral, "MMD": MMD, "entropy": Entropy}
    if method in terms: return DomainObjective(**{method.lower(): (terms[method](), lambd)})
    if method not in STRENGTHS: return DomainObjective() if method == "mixed" else Objective()
    head = AngularSoftmax(64, 2, s=64., m=.5, monotone=True) if method == "UDAT-AS" else None
    return DomainAdversarial(DomainClassifier(64, 2, (64, 64), head), steps=steps, alpha=10. if method == "DANN" else None, lambd=lambd)


def train(ground, sets, method, lambd, seed, steps):
    "A network and its steps. Sets: domain → images and labels, or images alone."
    torch.manual_seed(seed)
    model, batches = ground.model(), BalancedBatches(sets, per_domain=ground.batch, seed=seed)
    epochs = max(1, round(steps / len(batches)))
    for _ in fit(model, objective_of(method, lambd, epochs * len(batches)), batches, epochs, optimizer=adamw, center_lr=LR, schedule=cosine()): pass
    return model, epochs * len(batches)


@lru_cache(8)
def plain(ground, domain, seed, steps): return train(ground, {domain: ground.parts(domain, "train")}, "source", 0., seed, steps)


def trained(ground, job):
    "The network of a setting, and its steps."
    method, rest = job["method"], (job["seed"], job["steps"])
    source, target = (ground.parts(job[side], "train") for side in ("source", "target"))
    if method in ("source", "target"): return plain(ground, job[method], *rest)
    if method != "AdaBN": return train(ground, {job["source"]: source, job["target"]: target[:1]}, method, job["lambd"], *rest)
    model, steps = deepcopy(plain(ground, job["source"], *rest))
    return adapt_norms(model, target[0]), steps


def cell(job, ground):
    "Train and measure one setting; a row of the table."
    with torch_threads(1):
        began, parts = time.process_time(), ground.parts
        model, steps = trained(ground, job)
        row = {f"{side}_test": round(100 * evaluate(model, *parts(job[side], "test")).balanced_accuracy, 2) for side in ("source", "target")}
        known = [t[:SCORED] for t in (*parts(job["source"], "validation"), parts(job["source"], "train")[0], parts(job["target"], "train")[0])]
        seen = see(model, known[2], tuple(known[:2]), known[3])
        row |= {name: f"{value:.5g}" for name, value in scores_without_labels(seen).items()}
        return job | row | {"steps": steps, "seconds": round(time.process_time() - began, 1)}


def adamw(groups): return torch.optim.AdamW(groups, lr=LR, weight_decay=.01)


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
    return spread(values.values()) + f" ({with_interval(*paired(values, control))})"


def tables(rows):
    "Accuracy on the target of every setting and of every scorer's choice, beside the mixed control."
    values = by_setting(rows)
    ways = list(values["mixed"])
    head = ["", *(f"{s} → {t}" for s, t in ways)]
    settings = [[name, *(beside(found[way], values["mixed"][way]) for way in ways)] for name, found in values.items()]
    choices = []
    for scorer in [*SCORERS, "target_test"]:
        taken = chosen([r for r in rows if r["method"] != "target"], scorer)
        line = [{where[2]: float(r["target_test"]) for where, r in taken.items() if where[:2] == way} for way in ways]
        choices.append([scorer.replace("_", " "), *(beside(v, values["mixed"][way]) for v, way in zip(line, ways)), ", ".join(sorted({r["method"] for r in taken.values()}))])
    return markdown([head, *settings]) + "\n\n" + markdown([["chosen by", *head[1:], "methods taken"], *choices])


def jobs_of(ground, seeds, steps):
    "Every setting in both directions, seed by seed."
    return [dict(source=s, target=t, method=method, lambd=lambd, seed=seed, steps=steps) for seed in range(seeds) for s, t in ground.directions for method, lambd in ground.grid]


def main(argv=None):
    args = arguments(__doc__, None, SEEDS, argv, ground="digits", steps=0, table=False)
    ground = GROUNDS[args.ground]
    out, jobs = args.out or DATA/ground.file, jobs_of(ground, args.seeds, args.steps or ground.steps)
    print(tables(read_csv(out) if args.table else complete(out, FIELDS, KEY, jobs, partial(cell, ground=ground), args.jobs)))


if __name__ == "__main__": main()
