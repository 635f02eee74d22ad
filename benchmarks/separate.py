"""Separate loss against softmax and centre loss on the faces, basic and compound expressions. Writes data_samples/separate.csv, read by the notebook of the separate loss.

    OMP_NUM_THREADS=1 python benchmarks/separate.py [--seeds 5]

Basic: the shipped faces of lab_color, seven classes. Compound: eleven classes of the same domain, rendered once and kept in the temporary folder. People differ
between training and test. One row per training (set, features, loss, seed) and epoch, all measured on the test set: accuracy (of the last epoch only, there is no
choice of an epoch), and the similarities of Table 1 of Li et al. 2019 by true centres and by the learned ones; lists run over the classes. λ is the papers': 0.9 for the
separate loss, 0.01 for the centre loss (Farzaneh & Qi 2020). SGD at 0.02, 16 epochs in batches of 32, the network and the size of the pictures were chosen on softmax's validation
accuracy, after trials whose test accuracy had been seen, too. Faces are gray, 32 px; the network is the first
three stages of faces_matrix.py's (with softmax alone a quarter-width ResNet-18, the paper's network, was at 57 % of the basic validation set at 64 px after 8 or 16 epochs, this one
at 79 %: so few faces are not enough for it). The losses act on the
embedding after a ReLU (`features` "relu": none is negative, as after the paper's last pooling), for the basic set also without it (`features` "signed"). A seed is the
network's start and the order of the samples. Goes on where it was interrupted: trainings that are there are not repeated (delete the file after a change of
the data). About 8 minutes of one core.
"""
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse, csv, hashlib, tempfile
from pathlib import Path

import torch
from torch import nn

from fer_nb.backbones import Output
from fer_nb.centers import CenterLoss
from fer_nb.embeddings import embed
from fer_nb.faces import COMPOUND_EMOTIONS, Faces, load_faces
from fer_nb.separate_loss import SeparateLoss, similarity_table, true_centers
from fer_nb.training import Batches, Objective, cosine, fit

from faces_matrix import SmallCNN, gray

DOMAIN, PEOPLE = "lab_color", {"train": 80, "test": 40}
EPOCHS, LR, BATCH = 16, .02, 32
LOSSES = {"softmax": None, "center": (CenterLoss, .01), "separate": (SeparateLoss, .9)}
CELLS = [*((which, "relu", loss) for which in ("basic", "compound") for loss in LOSSES), ("basic", "signed", "softmax"), ("basic", "signed", "separate")]
RESULTS = Path(__file__).resolve().parents[1]/"data_samples/separate.csv"
FIELDS = ["set", "features", "loss", "seed", "epoch", "accuracy", "true_intra", "true_inter", "learned_intra", "learned_inter", "agreement"]


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
        key = hashlib.sha256(repr(recipe.manifest()).encode()).hexdigest()[:12]          # other faces, another file
        kept = Path(tempfile.gettempdir())/f"fer_nb_compound_{split}_{key}.pt"
        if not kept.exists():
            torch.save(recipe.tensors(progress=True), kept.with_suffix(f".{os.getpid()}"))
            kept.with_suffix(f".{os.getpid()}").replace(kept)
        images, labels = torch.load(kept)
    return small(images), labels


def train(which, features, loss, seed):
    "Train once; a row per epoch."
    torch.manual_seed(seed)
    (x, y), (test_x, test_y) = (faces(which, split) for split in ("train", "test"))
    K = int(y.max()) + 1
    model = (Signed if features == "signed" else Small)(K)
    criterion = LOSSES[loss] and LOSSES[loss][0](K, model.classifier.in_features)
    objective = Objective() if criterion is None else Objective(**{loss: (criterion, LOSSES[loss][1])})
    text = lambda values: " ".join(f"{v:.4f}" for v in torch.as_tensor(values).reshape(-1).tolist())
    batches = Batches(torch.cat([x, x.flip(3)]), y.repeat(2), batch_size=BATCH)      # every picture and its mirror image
    for step in fit(model, objective, batches, EPOCHS, lr=LR, schedule=cosine(), seed=seed):
        if step.n % len(batches): continue
        e, logits = embed(model, test_x)
        true = similarity_table(e, test_y, true_centers(e, test_y, K))
        row = {"set": which, "features": features, "loss": loss, "seed": seed, "epoch": step.epoch, "true_intra": text(true.intra), "true_inter": text(true.average_inter)}
        if criterion is not None:
            learned = similarity_table(e, test_y, criterion.centers)
            row |= {"learned_intra": text(learned.intra), "learned_inter": text(learned.average_inter), "agreement": text(learned.agreement)}
        if step.n == step.total: row["accuracy"] = text((logits.argmax(1) == test_y).double().mean())
        yield row


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5, help="trainings per set and loss")
    args = parser.parse_args()
    torch.set_num_threads(1)
    done = set()
    if RESULTS.exists():
        with RESULTS.open(encoding="utf-8") as file: rows = [row for row in csv.DictReader(file)]
        done = {(row["set"], row["features"], row["loss"], int(row["seed"])) for row in rows if row["accuracy"]}
    with RESULTS.open("a", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, FIELDS, lineterminator="\n")
        if not done: table.writeheader()
        for seed in range(args.seeds):
            for cell in CELLS:
                if (*cell, seed) in done: continue
                rows = list(train(*cell, seed))                                                # written together: a training is there or it is not
                table.writerows(rows)
                file.flush()
                print(*cell, seed, "accuracy", rows[-1]["accuracy"], flush=True)


if __name__ == "__main__": main()
