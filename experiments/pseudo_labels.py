"""Few labels and many pseudo-emotions: accuracy over the number of labeled faces, with and without what a table makes of noisy action units. Writes data_samples/pseudo_labels.csv.

    python experiments/pseudo_labels.py [--seeds 5] [--jobs 1]

`labels` faces of each of the seven classes of lab_color have a label, others with every seed. The rest come with action units as a program might estimate them: the true ones
plus normal noise of deviation `NOISE`, cut off at 0 and 1.3. `PseudoEmotions` makes a class of them; where no score exceeds `LEAST` nothing acts, and the class is neutral (the
value is from the pseudo-emotions of the validation faces, without any training). Methods:
  alone          softmax on the labeled faces
  self           large margin on all, the class of an unlabeled face is the network's own word; fixed weight
  margin         large margin on all, the class of an unlabeled face is its pseudo-emotion; fixed weight
  balanced       the same, the weight balanced by the paper's rule (ratio 0.8)
  softmax        pseudo-emotions taken for labels: softmax on all
  all            softmax on all with their true labels: the reference, one row per seed (`labels` is 80)
All make `STEPS` steps of `BATCH` pictures, half of them labeled where there are two kinds. The fixed weight was chosen for each method on the validation people, from `WEIGHTS` at
5 and 20 labels with the seeds of `TRIALS`; those rows are in the table too. `pseudo` is the share of right pseudo-emotions among the faces without a label, `validation` and `test` are
balanced accuracies. Goes on where it was interrupted. About 10 minutes of one core.
"""
from shared import DATA, arguments, complete, mirrored # first: sets the number of threads

from statistics import fmean

import torch

from fer_nb.backbones import LabCNN
from fer_nb.batches import BalancedBatches
from fer_nb.faces import AU_NAMES, EMOTIONS, load_faces
from fer_nb.large_margin import LargeMarginLoss, PseudoEmotions, SemiSupervised
from fer_nb.mirror import gray
from fer_nb.runtime import torch_threads
from fer_nb.training import cosine, evaluate, fit

DOMAIN, NOISE, LEAST, STEPS, BATCH, LR = "lab_color", .2, .25, 150, 64, 2e-3
LABELS, SEEDS, WEIGHTS, TRIALS = (5, 10, 20, 40), 5, (1., 3., 10.), (100, 101)
WEIGHTED = ("self", ""), ("margin", "ekman") # method, table
RESULTS, KEY = DATA/"pseudo_labels.csv", ["method", "table", "weight", "labels", "seed"]
FIELDS = [*KEY, "pseudo", "validation", "test"]


class Given(SemiSupervised):
    "The class of an unlabeled face comes with it; y is k for a label, −2 − k for a pseudo-emotion, −1 for neither."
    def forward(self, batch, output):
        y = batch[1]
        self.given = torch.where(y >= 0, y, -2 - y)
        return super().forward((batch[0], y.clamp(min=-1)), output)

    def classes(self, y, logits): return self.given


def search():
    "Every weight."
    return [dict(zip(KEY, (*method, weight, n, seed))) for method in WEIGHTED for weight in WEIGHTS for n in (5, 20) for seed in TRIALS]


def chosen(rows, method):
    "The weight with the best mean validation accuracy; of equals the first."
    def mean(weight):
        return fmean(float(r["validation"]) for r in rows if r["method"] == method and r["weight"] == str(weight) and int(r["seed"]) in TRIALS)
    return max(WEIGHTS, key=mean)


def report(rows, seeds=SEEDS):
    "Every method with what the search chose."
    first, second = ((*way, chosen(rows, way[0])) for way in WEIGHTED)
    ways = [("alone", "", ""), first, second, ("balanced", "ekman", ""), ("softmax", "ekman", "")]
    jobs = [(*way, n, seed) for seed in range(seeds) for n in LABELS for way in ways] + [("all", "", "", 80, seed) for seed in range(seeds)]
    return [dict(zip(KEY, job)) for job in jobs]


def pseudo_labels(au, table):
    "What a table makes of action units (N, 18): a class, neutral where nothing acts, −1 where two emotions tie."
    found = PseudoEmotions(AU_NAMES, table, least=LEAST).classes(au)
    return torch.where(found.tied.any(1), -1, found.classes + 1)


def labeled(y, n, seed):
    "n faces of each class (bool); those for a smaller n are among them."
    generator, known = torch.Generator().manual_seed(seed), torch.zeros(len(y), dtype=torch.bool)
    for k in range(len(EMOTIONS)):
        members = (y == k).nonzero()[:, 0]
        known[members[torch.randperm(len(members), generator=generator)[:n]]] = True
    return known


def estimates(au, seed):
    "Action units with noise."
    return (au + NOISE * torch.randn(au.shape, generator=torch.Generator().manual_seed(1000 + seed))).clamp(0, 1.3)


def objective(method, weight):
    "The losses of a method."
    margin = LargeMarginLoss(len(EMOTIONS), 64, ignore_index=-1)
    if method in ("margin", "balanced"): return Given(margin, weight=weight or None)
    return SemiSupervised(margin, weight=weight if method == "self" else 0.)


def cell(job):
    "Train once; a row of the table."
    with torch_threads(1):
        method, n, seed = job["method"], job["labels"], job["seed"]
        data = load_faces(DOMAIN, "train")
        x, y = gray(data.images), data.labels
        known = labeled(y, n, seed)
        pseudo = pseudo_labels(estimates(data.au.mean(1), seed), job["table"] or "ekman")
        rest = {"self": torch.full_like(y, -1), "margin": -2 - pseudo, "balanced": -2 - pseudo, "softmax": pseudo}
        sets = {"labeled": mirrored(x[known], y[known])}
        if method in rest: sets["others"] = mirrored(x[~known], rest[method][~known])
        torch.manual_seed(seed)
        model, batches = LabCNN(len(EMOTIONS), 64), BalancedBatches(sets, BATCH // len(sets), seed)
        for step in fit(model, objective(method, job["weight"]), batches, -(-STEPS // len(batches)), optimizer=lambda groups: torch.optim.AdamW(groups, lr=LR, weight_decay=.01),
                        schedule=lambda n, total: cosine()(min(n, STEPS), STEPS)):
            if step.n == STEPS: break
        right = (pseudo == y)[~known].float().mean().item() if job["table"] else ""
        return job | {"pseudo": right and round(right, 4)} | {part: round(accuracy(model, part), 4) for part in ("validation", "test")}


def accuracy(model, part):
    held = load_faces(DOMAIN, part)
    return evaluate(model, gray(held.images), held.labels).balanced_accuracy


def main(argv=None):
    args = arguments(__doc__, RESULTS, SEEDS, argv)
    rows = complete(args.out, FIELDS, KEY, search(), cell, args.jobs)
    complete(args.out, FIELDS, KEY, report(rows, args.seeds), cell, args.jobs)


if __name__ == "__main__": main()
