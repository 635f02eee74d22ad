"Run by test_reproduce_runner.py, alone or twice under torchrun: recipes on real layouts, with a network whose output does not depend on the rest of the batch."
import json
import sys
from dataclasses import replace

import torch
from torch import nn

import fer_nb.reproduce as room
from fer_nb.backbones import Output
from fer_nb.reproduce import Cell, Experiment, Training, run

torch.set_num_threads(1)


class Plain(nn.Module):
    "No batch norm, no dropout."
    feat_dim = 16
    def __init__(self, classes, in_size, weights):
        super().__init__()
        self.body = nn.Sequential(nn.AvgPool2d(4), nn.Flatten(), nn.Linear(3 * (in_size // 4)**2, 16), nn.Tanh())
        self.head = nn.Linear(16, classes)

    def forward(self, images):
        x = self.body(images)
        return Output(x, self.head(x))


def main(folders, out):
    room.NETWORKS["resnet18"] = Plain
    base = Training(("rafdb",), epochs=3, batch=4, size=32, weights="none", most=12)
    trainings = {"softmax": base, "dda": replace(base, loss="dda", lam=.1, gamma=2.), "separate": replace(base, loss="separate", lam=.9), "udat": replace(base, loss="udat", lam=.1, unlabeled=("fer2013",)),
                 "margin": replace(base, loss="ssl margin", unlabeled=("fer2013",))}
    e = Experiment("ddp", "every way of making batches", tuple(Cell(name, measure, t, "rafdb", measure) for name, t in trainings.items() for measure in ("loss", "accuracy", "average inter")))
    run(e, {name: folders[name] for name in ("rafdb", "fer2013")}, out=out, jobs=1, progress=False)


if __name__ == "__main__": main(json.loads(sys.argv[1]), sys.argv[2])
