"""Separate loss against softmax and center loss, on faces and on digits. Writes data_samples/separate.csv, read by the notebook of the separate loss.

    python experiments/separate.py [--seeds 5] [--jobs 1]

Faces: basic and compound expressions. Basic: the shipped faces of lab_color, seven classes. Compound: eleven classes of the same domain, rendered once and kept in the temporary folder. People differ
between training and test. One row per training (set, features, loss, seed) and epoch, all measured on the test set: accuracy (of the last epoch only, there is no
choice of an epoch), and the similarities of Table 1 of Li et al. 2019 by true centers and by the learned ones; lists run over the classes. λ is the papers': 0.9 for the
separate loss, 0.01 for the center loss (Farzaneh & Qi 2020). SGD at 0.02, 16 epochs in batches of 32, the network and the size of the pictures were chosen on softmax's validation
accuracy, after trials whose test accuracy had been seen, too. Faces are gray, 32 px; the network is the first
three stages of faces_matrix.py's (with softmax alone a quarter-width ResNet-18, the paper's network, was at 57 % of the basic validation set at 64 px after 8 or 16 epochs, this one
at 79 %: so few faces are not enough for it). The losses act on the
embedding after a ReLU (`features` "relu": none is negative, as after the paper's last pooling), for the basic set also without it (`features` "signed"). A seed is the
network's start and the order of the samples.

Digits: the embedded MNIST digits, 14 × 14 px, 300 pictures of every class (others with every seed), a small fully connected network, SGD at 0.05, 30 epochs; a row for the last epoch
only. `features` says the size of the embedding, which has no ReLU behind it; *2-D, even start*: the centers begin evenly around the circle. Nothing was tuned.

Goes on where it was interrupted: trainings that are there are not repeated (delete the file after a change of the data). About 10 minutes of one core.
"""
from shared import DATA, Flat, SmallCNN, arguments, complete, gray, mirrored # first: sets the number of threads

import hashlib
import tempfile
from pathlib import Path

import torch
from torch import nn

from fer_nb.backbones import Output, initialise
from fer_nb.centers import CenterLoss
from fer_nb.embeddings import embed
from fer_nb.faces import COMPOUND_EMOTIONS, Faces, load_faces
from fer_nb.files import whole_file
from fer_nb.runtime import torch_threads
from fer_nb.separate_loss import SeparateLoss, similarity_table, true_centers
from fer_nb.training import Batches, Objective, cosine, fit
from fer_nb.wmnist import load_digits, to_input, wild_subset

DOMAIN, PEOPLE = "lab_color", {"train": 80, "test": 40}
EPOCHS, LR, BATCH, SEEDS, DIGIT_EPOCHS = 16, .02, 32, 5, 30
LOSSES = {"softmax": None, "center": (CenterLoss, .01), "separate": (SeparateLoss, .9)}
CELLS = [*((which, "relu", loss) for which in ("basic", "compound") for loss in LOSSES), ("basic", "signed", "softmax"), ("basic", "signed", "separate"),
         *(("digits", features, loss) for features in ("16-D", "2-D") for loss in ("softmax", "separate")), ("digits", "2-D, even start", "separate")]
RESULTS, KEY = DATA/"separate.csv", ["set", "features", "loss", "seed"]
FIELDS = [*KEY, "epoch", "accuracy", "true_intra", "true_inter", "learned_intra", "learned_inter", "agreement"]


class Small(SmallCNN):
    "SmallCNN for 32 px: without its last stage."
    def __init__(self, classes):
        super().__init__(classes)
        self.features = nn.Sequential(*self.features[:12], *self.features[16:])


def small(images):
    "uint8 (N, 3, 64, 64) to float (N, 1, 32, 32), gray, every picture with mean 0 and deviation 1."
    return gray(nn.functional.avg_pool2d(images.float(), 2))


class Signed(Small):
    "The same without the last ReLU."
    def forward(self, images):
        x = self.embed(self.features(images))
        return Output(x, self.classifier(x))


def faces(which, split):
    "Images (N, 1, 32, 32), and labels."
    if which == "basic": images, labels = load_faces(DOMAIN, split)[:2]
    else:
        recipe = Faces(DOMAIN, split, people=PEOPLE[split], emotions=COMPOUND_EMOTIONS)
        name = hashlib.sha256(repr(recipe.manifest()).encode()).hexdigest()[:12]          # other faces, another file
        kept = Path(tempfile.gettempdir())/f"fer_nb_compound_{split}_{name}.pt"
        if not kept.exists():
            with whole_file(kept) as file: torch.save(recipe.tensors(progress=True), file)
        images, labels = torch.load(kept)
    return small(images), labels


def digits(seed):
    "Images and labels to train on, 300 of every class, and to test on; 20 others of every class are the notebook's to watch."
    images, labels = load_digits()
    others = torch.ones(len(labels), dtype=torch.bool)
    others[wild_subset(labels, [20] * 10, seed=99)] = False
    others = others.nonzero()[:, 0]
    chosen = others[wild_subset(labels[others], [300] * 10, seed)]
    test = load_digits(train=False)
    return (to_input(images[chosen], 14), labels[chosen]), (to_input(test[0], 14), test[1])


def even():
    "Ten centers evenly around the circle, as long as He's initialization makes them."
    angle = torch.deg2rad(36 * torch.arange(10, dtype=torch.float64))
    return 2 ** .5 * torch.stack([angle.cos(), angle.sin()], 1).float()


def jobs(seeds=SEEDS): return [dict(zip(KEY, (*names, seed))) for seed in range(seeds) for names in CELLS]


def text(values): return " ".join(f"{v:.4f}" for v in torch.as_tensor(values).reshape(-1).tolist())


def similarities(model, criterion, x, y, classes):
    "Columns of an epoch, and the share of right answers."
    e, logits = embed(model, x)
    true = similarity_table(e, y, true_centers(e, y, classes))
    row = {"true_intra": text(true.intra), "true_inter": text(true.average_inter)}
    if criterion is not None:
        learned = similarity_table(e, y, criterion.centers)
        row |= {"learned_intra": text(learned.intra), "learned_inter": text(learned.average_inter), "agreement": text(learned.agreement)}
    return row, (logits.argmax(1) == y).double().mean()


def of_digits(job):
    "Train once on the digits; a row."
    train, test = digits(job["seed"])
    d = int(job["features"].split("-")[0])
    torch.manual_seed(job["seed"])
    model, criterion = initialise(Flat(d, lambda: nn.Linear(d, 10, bias=False))), SeparateLoss(10, d)
    if "even" in job["features"]: criterion.centers.copy_(even())
    if job["loss"] == "softmax": criterion = None
    objective = Objective() if criterion is None else Objective(separate=(criterion, LOSSES["separate"][1]))
    for step in fit(model, objective, Batches(*train, seed=job["seed"]), DIGIT_EPOCHS, schedule=cosine()): pass
    row, accuracy = similarities(model, criterion, *test, 10)
    return [job | {"epoch": step.epoch, "accuracy": text(accuracy)} | row]


def cell(job):
    "Train once; a row per epoch."
    with torch_threads(1):
        if job["set"] == "digits": return of_digits(job)
        torch.manual_seed(job["seed"])
        (x, y), test = (faces(job["set"], split) for split in ("train", "test"))
        classes, loss, rows = int(y.max()) + 1, job["loss"], []
        model = (Signed if job["features"] == "signed" else Small)(classes)
        criterion = LOSSES[loss] and LOSSES[loss][0](classes, model.classifier.in_features)
        objective = Objective() if criterion is None else Objective(**{loss: (criterion, LOSSES[loss][1])})
        batches = Batches(*mirrored(x, y), batch_size=BATCH)
        for step in fit(model, objective, batches, EPOCHS, lr=LR, schedule=cosine(), seed=job["seed"]):
            if step.n % len(batches): continue
            row, accuracy = similarities(model, criterion, *test, classes)
            rows.append(job | {"epoch": step.epoch} | row | ({"accuracy": text(accuracy)} if step.n == step.total else {}))
        return rows


def main(argv=None):
    args = arguments(__doc__, RESULTS, SEEDS, argv)
    complete(args.out, FIELDS, KEY, jobs(args.seeds), cell, args.jobs)


if __name__ == "__main__": main()
