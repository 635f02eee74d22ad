"""What the experiments share: rows of a CSV that are not made twice, two small networks and gray pictures.

Every experiment here fills a table of `data_samples/`, which notebooks and labs read. Numbers belong to the network that made them: the small ones
here and in the experiments stay as they are, though `fer_nb.backbones.LabCNN` is another of their kind.
"""
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
from functools import partial
from pathlib import Path

import torch
from torch import nn

from fer_nb.backbones import Output
from fer_nb.faces import EMOTIONS
from fer_nb.files import read_csv, write_csv
from fer_nb.mirror import gray # noqa: F401 - handed on
from fer_nb.tables import fill, finished

DATA = Path(__file__).resolve().parents[1]/"data_samples"


def key(row, columns):
    "What makes a job, as it stands in the CSV."
    return " | ".join("" if row[name] is None else str(row[name]) for name in columns)


def rows_of(work, job):
    "The rows of a job, as one line of a file."
    made = work(job)
    return {"rows": made if isinstance(made, list) else [made]}


def complete(path, columns, names, jobs, work, workers=1, progress=True):
    """Make the rows of the jobs that a CSV lacks; returns all rows of the CSV as texts.

    `names` are the columns that make a job, a dict with these keys (and others, if `work` wants them); `work(job)` is a function of a module and
    makes a row or a list of rows. What is finished stands in a file of lines beside the CSV until all is there: an interrupted table goes on.
    """
    path, part = Path(path), Path(path).with_suffix(".jsonl")
    rows, done = read_csv(path) if path.exists() else [], {}
    for row in rows: done.setdefault(key(row, names), {"rows": []})["rows"].append(row)
    there = set(done)
    if there.issuperset(key(job, names) for job in jobs): return rows # what is in the file of lines belongs to other jobs
    made = fill({key(job, names): (job,) for job in jobs}, partial(rows_of, work), part, workers, title=path.stem, progress=progress, done=done | finished(part))
    rows += [row for name, group in made.items() if name not in there for row in group["rows"]]
    write_csv(path, [{name: row.get(name, "") for name in columns} for row in rows])
    part.unlink(missing_ok=True)
    return read_csv(path)


def arguments(doc, path, seeds, argv=None, **more):
    "The command line of an experiment: --seeds, --jobs, --out, and what else it has (name → default)."
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=seeds, help="trainings of each kind")
    parser.add_argument("--jobs", type=int, default=1, help="processes, one core each")
    parser.add_argument("--out", type=Path, default=path, help="the CSV")
    for name, default in more.items():
        if default is False: parser.add_argument(f"--{name}", action="store_true")
        else: parser.add_argument(f"--{name}", type=type(default), default=default)
    return parser.parse_args(argv)


class SmallCNN(nn.Module):
    "Four 3 × 3 convolutions with batch normalization and pooling, 64-d embedding: 170,000 parameters."
    def __init__(self, classes=len(EMOTIONS), feat_dim=64):
        super().__init__()
        self.features = nn.Sequential(*stage(1, 16), *stage(16, 32), *stage(32, 64), *stage(64, 64), nn.Flatten(), nn.Dropout(.3))
        self.embed, self.classifier = nn.Linear(64 * 4 * 4, feat_dim), nn.Linear(feat_dim, classes)

    def forward(self, images):
        x = self.embed(self.features(images)).relu()
        return Output(x, self.classifier(x))


class Flat(nn.Module):
    "196 pixels to 100, to 100, to an embedding of d numbers; on top a classifier, made after them."
    def __init__(self, d, make):
        super().__init__()
        self.embed = nn.Sequential(nn.Flatten(), nn.Linear(196, 100), nn.PReLU(100), nn.Linear(100, 100), nn.PReLU(100), nn.Linear(100, d))
        self.classifier = make()

    def forward(self, images):
        x = self.embed(images)
        return Output(x, self.classifier(x))


def stage(a, b):
    "A 3 × 3 convolution from a to b channels, and what follows it."
    return [nn.Conv2d(a, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU(), nn.MaxPool2d(2)]


def mirrored(x, y):
    "Every picture and its mirror image."
    return torch.cat([x, x.flip(3)]), y.repeat(2)
