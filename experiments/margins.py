"""What does a margin between directions buy, on digits and on faces, balanced or not? Writes data_samples/margins.csv, the table of the lab *Directions and margins*.

    python experiments/margins.py [--seeds 5] [--jobs 1] [--out FILE]

Two grounds: the embedded MNIST digits, and the drawn faces of four laboratories together, gray, 32 px. Two profiles of the same total: as many pictures of every class, or as uneven as in
the wild (digits: the long tail of the W-MNIST labs, 300 to 30; faces: in the proportions of RAF-DB's training set, 320 happy to 18 fearful ones). Every head of `PLAN` on every seed; a
seed is the network's start, the pictures that are taken and their order. Nothing is tuned: heads on angles appear with several scales and margins, and a margin is to be compared with the
row that differs in nothing but the margin. λ is 0.9 for separate loss (its paper) and 0.1 for large margin (as in arena.py). AdamW at 2e-3, 300 (faces: 450) steps of 64 pictures; the
embedding has no ReLU behind it, so that every direction can be reached.

A row holds, on test pictures: balanced accuracy by the head itself (without margin), the recall of the classes that are rare in the wild profile, balanced accuracy by the nearest mean
direction of a class's training pictures, and the mean cosine between an embedding and its own class vector; and the training loss (with margin) over the last twenty steps. About 17
minutes of one core; goes on where it was interrupted.
"""
from shared import DATA, arguments, complete, gray, mirrored # first: sets the number of threads

import time
from functools import lru_cache, partial
from statistics import fmean

import torch
import torch.nn.functional as F
from torch import nn

from fer_nb.angular_softmax import AngularSoftmax
from fer_nb.arena import ldam_margins
from fer_nb.backbones import LabCNN, LeNetsPP
from fer_nb.embeddings import embed
from fer_nb.faces import EMOTIONS, load_faces
from fer_nb.large_margin import LargeMarginLoss
from fer_nb.runtime import torch_threads
from fer_nb.separate_loss import SeparateLoss, true_centers
from fer_nb.training import Batches, Objective, cosine, evaluate, fit, score
from fer_nb.wmnist import load_digits, minority_classes, to_input, wild_counts, wild_subset

SEEDS, STEPS, BATCH, LR, LAST = 5, {"digits": 300, "faces": 450}, 64, 2e-3, 20
FACES = ("lab_color", "video_gray", "studio_gray", "blue_screen")
RAF_DB = {"neutral": 2524, "anger": 705, "disgust": 717, "fear": 281, "happiness": 4772, "sadness": 1982, "surprise": 1290} # its training set
HEADS = [("softmax", "", ""), ("separate", "", ""), ("large margin", "", ""), ("angles", 16., ""), ("cosine margin", 16., .3), ("class margins", 16., .5),
         ("angular margin", 16., .2), ("angular margin", 16., .5)]
SCALES = [("angles", 1., ""), ("angles", 4., ""), ("angles", 64., ""), ("angular margin", 64., .5), ("plain angular margin", 64., .5), ("raised angular margin", 64., .5)]
PLAN = {"wild": [*HEADS, *SCALES], "balanced": HEADS} # profile → heads
RESULTS, KEY = DATA/"margins.csv", ["ground", "profile", "head", "s", "m", "seed"]
FIELDS = [*KEY, "steps", "balanced", "rare", "direction", "cosine", "loss", "seconds"]


def jobs(seeds=SEEDS):
    "Every head on both grounds and profiles, seed by seed."
    return [dict(zip(KEY, (ground, profile, *head, seed))) for seed in range(seeds) for ground in STEPS for profile, heads in PLAN.items() for head in heads]


def counts(ground, profile):
    "Pictures of each class."
    wild = wild_counts("longtail", 300) if ground == "digits" else [320 * RAF_DB[name] // max(RAF_DB.values()) for name in EMOTIONS]
    return wild if profile == "wild" else [round(sum(wild) / len(wild))] * len(wild)


@lru_cache
def pictures(ground, split):
    "Images as the network takes them, and labels."
    if ground == "faces":
        faces = [load_faces(domain, split) for domain in FACES]
        return gray(F.avg_pool2d(torch.cat([f.images for f in faces]).float(), 2)), torch.cat([f.labels for f in faces])
    images, labels = load_digits(train=split == "train")
    return to_input(images, 14), labels


def training_set(ground, profile, seed):
    images, labels = pictures(ground, "train")
    chosen = wild_subset(labels, counts(ground, profile), seed)
    x, y = images[chosen], labels[chosen]
    return mirrored(x, y) if ground == "faces" else (x, y)


def network(ground):
    "A network whose embedding has no last ReLU."
    if ground == "digits": return LeNetsPP(10, 16, .25, 14)
    model = LabCNN(len(EMOTIONS), in_size=32)
    model.embed = nn.Linear(model.embed[0].in_features, 64)
    return model


class OwnHead(nn.Module):
    "Cross-entropy of the network's own head on angles, with its margin; `margins`: of every class on the cosine instead."
    def __init__(self, head, margins=None):
        super().__init__()
        self.head, self.margins = (head,), margins # in a tuple: the weights are the network's

    def forward(self, batch, output):
        head, y = self.head[0], batch[1]
        logits = head(output.embedding, y)
        if self.margins is not None: logits = logits - head.s * self.margins[y][:, None] * F.one_hot(y, logits.shape[1])
        return {"angles": F.cross_entropy(logits, y)}


def objective_of(model, job):
    "Gives the network its head; returns what is to be minimized."
    K, d, kind = *model.classifier.weight.shape, job["head"]
    terms = {"softmax": {}, "separate": {"separate": (SeparateLoss(K, d), .9)}, "large margin": {"margin": (LargeMarginLoss(K, d), .1)}}
    if kind in terms: return Objective(**terms[kind])
    angular = job["m"] if "angular" in kind and "raised" not in kind else 0.
    model.classifier = AngularSoftmax(d, K, job["s"], angular, monotone=kind == "angular margin")
    margins = {"cosine margin": lambda: torch.full((K,), job["m"]), "class margins": lambda: ldam_margins(counts(job["ground"], job["profile"]), job["m"])}
    return OwnHead(model.classifier, margins[kind]() if kind in margins else None)


def adamw(groups): return torch.optim.AdamW(groups, lr=LR, weight_decay=.01)


def train(job, steps):
    "A trained network, its loss in every step, and the mean direction of every class (K, d)."
    torch.manual_seed(job["seed"])
    model, losses = network(job["ground"]), []
    objective = objective_of(model, job)
    x, y = training_set(job["ground"], job["profile"], job["seed"])
    batches = Batches(x, y, batch_size=BATCH, seed=job["seed"])
    for step in fit(model, objective, batches, -(-steps // len(batches)), optimizer=adamw, center_lr=LR, schedule=partial(falling, steps)):
        if job["head"] == "raised angular margin": model.classifier.m = job["m"] * min(max(3 * step.n / steps - .5, 0.), 1.) # from a sixth to a half
        losses.append(float(step.losses["total"]))
        if step.n == steps: break
    means = true_centers(F.normalize(embed(model, x)[0]), y, model.classifier.weight.shape[0])
    return model, losses, means


def falling(steps, n, total): return cosine()(min(n, steps), steps)


def cell(job):
    "Train once; a row of the table."
    with torch_threads(1):
        began, steps = time.process_time(), STEPS[job["ground"]]
        model, losses, means = train(job, steps)
        images, labels = pictures(job["ground"], "test")
        scores, e = evaluate(model, images, labels), embed(model, images)[0]
        rare = torch.as_tensor(scores.recall)[minority_classes(counts(job["ground"], "wild"))].mean().item()
        near = F.cosine_similarity(e, model.classifier.weight.detach()[labels]).mean().item()
        nearest = score(labels, (e @ F.normalize(means).T).argmax(1), len(means)).balanced_accuracy
        return job | {"steps": steps, "balanced": round(100 * scores.balanced_accuracy, 2), "rare": round(100 * rare, 2), "direction": round(100 * nearest, 2), "cosine": round(near, 4),
                      "loss": f"{fmean(losses[-LAST:]):.5g}", "seconds": round(time.process_time() - began, 1)}


def main(argv=None):
    args = arguments(__doc__, RESULTS, SEEDS, argv)
    complete(args.out, FIELDS, KEY, jobs(args.seeds), cell, args.jobs)


if __name__ == "__main__": main()
