"""Why do CORAL and MMD gain so much on real digits and so little on drawn faces? Writes data_samples/suspects.csv.

    python experiments/suspects.py [--seeds 5] [--jobs 1] [--out FILE] [--table]

The protocol of `grounds.py`, one suspect changed at a time (see `CASES`). The probe is AdaBN: it aligns statistics and needs no training of its own, so that many suspects can be tried on one
network. Where the domains are the same pictures twice, once changed, the gap has one known cause: another light, or another size. In three cases CORAL (λ = 10) and MMD (λ = 1) are trained, too,
beside the control with both domains in the batch. What trains networks of its own has `OWN` seeds. A row holds the accuracies on both domains' test pictures.
"""
from shared import DATA, arguments, complete, gray, mirrored # first: sets the number of threads

import time
from dataclasses import replace
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import nn

import grounds
from adaptation import Net
from fer_nb.adaptation import DigitCNN, digits_of
from fer_nb.adaptation.digits import DEVIATION, MEAN
from fer_nb.faces import load_faces
from fer_nb.files import read_csv
from fer_nb.runtime import torch_threads
from fer_nb.tables import markdown, paired, spread, with_interval
from fer_nb.training import evaluate

SEEDS, OWN = 5, 3
PROBE, METHODS = ("source", "AdaBN"), {"mixed": 0., "CORAL": 10., "MMD": 1.}
RESULTS, KEY = DATA/"suspects.csv", ["case", "method", "seed"]
FIELDS = [*KEY, "source_test", "target_test", "seconds"]


def resized(x, size):
    "The pictures, `size` times as large, at the same number of pixels."
    ways = torch.eye(2, 3).div(size).expand(len(x), 2, 3)
    return F.grid_sample(x, F.affine_grid(ways, x.shape, align_corners=False), padding_mode="border", align_corners=False)


def side_light(x):
    "Light from the right: from 0.15 to 1.85 times as bright."
    return x * torch.linspace(.15, 1.85, x.shape[3])


def changed(x, change):
    "The pictures as they are, or with a number behind the comma so many times as large."
    return resized(x, float(change)) if change.replace(".", "").isdigit() else x


@lru_cache(None)
def faces(name, part):
    "Faces of a domain; a change stands behind a comma: 'lab_color, light', 'studio_gray, 0.89'."
    domain, _, change = name.partition(", ")
    data = load_faces(domain, part)
    x = changed(gray(side_light(data.images.float()) if change == "light" else data.images), change)
    return mirrored(x, data.labels) if part == "train" else (x, data.labels)


@lru_cache(None)
def digits(name, part):
    "Digits of a set; a change stands behind a comma, as in `faces`."
    domain, _, change = name.partition(", ")
    x, y = digits_of(domain, part == "train")
    x = changed(x, change)
    if change == "light": x = ((x * DEVIATION + MEAN) * .6 + .5 * torch.linspace(0, 1, x.shape[3]) - MEAN) / DEVIATION # half as strong, upon a wall that is lit from the right
    if change == "half rare" and part == "train":
        kept = (y > 4) | (torch.arange(len(y)) % 4 == 0)
        x, y = x[kept], y[kept]
    return x, y


def few_digits(name, part, count=560):
    "As many digits as there are faces."
    x, y = digits(name, part)
    return (x[:count], y[:count]) if part == "train" else (x, y)


def few_labels(name, part):
    "60 labeled digits to learn from."
    return few_digits(name, part, 60 if name == "mnist" else 10_000)


class NormalizedNet(Net):
    "The faces' network with batch normalization of the embedding, which the digits' network has."
    def __init__(self):
        super().__init__()
        self.embed = nn.Sequential(self.embed, nn.BatchNorm1d(64))


class NarrowCNN(DigitCNN):
    "The digits' network, with a quarter of the channels."
    def __init__(self):
        super().__init__()
        def part(a, b, k): return [nn.Conv2d(a, b, k, padding=k // 2), nn.BatchNorm2d(b), nn.ReLU(), nn.MaxPool2d(2)]
        self.features = nn.Sequential(*part(1, 4, 5), *part(4, 8, 3), nn.Flatten(), nn.Linear(8 * 9, 64), nn.BatchNorm1d(64), nn.ReLU())


def unnormalized():
    "The digits' network without batch normalization."
    model = DigitCNN()
    model.features = nn.Sequential(*(m for m in model.features if not isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d))))
    return model


FACES, DIGITS = (replace(grounds.GROUNDS[name], parts=parts) for name, parts in (("faces", faces), ("digits", digits)))
ALIGNED = .505 / .57 # the middles of the scales of lab_color and studio_gray
SMALLER, LARGER = (.75, .8, .85, round(ALIGNED, 3), .95, 1.), (.95, 1., 1.06, round(1 / ALIGNED, 3), 1.2, 1.3)
CASES = { # what is changed → how a network learns there, source and target, what is tried
    **{f"faces of the studio, {size:g} times as large": (FACES, "lab_color", f"studio_gray, {size:g}", PROBE) for size in SMALLER},
    **{f"faces of the laboratory, {size:g} times as large": (FACES, "studio_gray", f"lab_color, {size:g}", PROBE) for size in LARGER},
    "faces: the gap is a size": (FACES, "lab_color", "lab_color, 1.2", PROBE),
    "faces: the gap is a light": (FACES, "lab_color", "lab_color, light", PROBE),
    "digits: nothing": (DIGITS, "mnist", "optdigits", PROBE),
    "digits: the gap is a size": (DIGITS, "mnist", "mnist, 1.4", PROBE),
    "digits: the gap is a light": (DIGITS, "mnist", "mnist, light", PROBE),
    "digits: half of the target's classes rare": (DIGITS, "mnist", "optdigits, half rare", PROBE),
    "digits: 60 labels": (replace(DIGITS, parts=few_labels), "mnist", "optdigits", PROBE),
    "digits: 560 pictures of each": (replace(DIGITS, parts=few_digits), "mnist", "optdigits", PROBE),
    "digits: a quarter of the channels": (replace(DIGITS, model=NarrowCNN), "mnist", "optdigits", PROBE),
    "faces: batch normalization of the embedding": (replace(FACES, model=NormalizedNet), "lab_color", "studio_gray", (*PROBE, *METHODS)),
    "digits: no batch normalization": (replace(DIGITS, model=unnormalized), "mnist", "optdigits", ("source", *METHODS)),
    "faces: as large as the source's": (FACES, "lab_color", f"studio_gray, {ALIGNED:.2f}", tuple(METHODS)),
}


def cell(job):
    "Train and measure one case; a row of the table."
    with torch_threads(1):
        began, (ground, source, target, _) = time.process_time(), CASES[job["case"]]
        model, _ = grounds.trained(ground, dict(source=source, target=target, steps=ground.steps, lambd=METHODS.get(job["method"], 0.), **job))
        row = {f"{side}_test": round(100 * evaluate(model, *ground.parts(name, "test")).balanced_accuracy, 2) for side, name in (("source", source), ("target", target))}
        return job | row | {"seconds": round(time.process_time() - began, 1)}


def jobs_of(seeds):
    "Every case, seed by seed; what trains networks of its own has fewer seeds and comes last."
    own = lambda case, method: method in METHODS or CASES[case][0] not in (FACES, DIGITS)
    tries = [(case, method, seed) for seed in range(seeds) for case, (*_, methods) in CASES.items() for method in methods if seed < OWN or not own(case, method)]
    return [dict(case=case, method=method, seed=seed) for case, method, seed in sorted(tries, key=lambda job: own(*job[:2]))]


def table(rows):
    "Accuracy at home and on the target, and what AdaBN gains over the source alone, CORAL and MMD over the control."
    lines = [["case", "at home", "source alone", "AdaBN", "control", "CORAL λ = 10", "MMD λ = 1"]]
    for case in dict.fromkeys(r["case"] for r in rows):
        def of(method, column="target_test"): return {r["seed"]: float(r[column]) for r in rows if (r["case"], r["method"]) == (case, method)}
        def level(method, column="target_test"): return spread(of(method, column).values()) if len(of(method)) > 1 else "–"
        def gain(method, base): return with_interval(*paired(of(method), of(base))) if len(of(method)) > 1 else "–"
        lines.append([case, level("source" if of("source") else "mixed", "source_test"), level("source"), gain("AdaBN", "source"), level("mixed"), gain("CORAL", "mixed"), gain("MMD", "mixed")])
    return markdown(lines)


def main(argv=None):
    args = arguments(__doc__, RESULTS, SEEDS, argv, table=False)
    rows = read_csv(args.out) if args.table else complete(args.out, FIELDS, KEY, jobs_of(args.seeds), cell, args.jobs)
    print(table(rows))


if __name__ == "__main__": main()
