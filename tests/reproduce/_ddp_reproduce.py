"Run by test_reproduce_runner.py, alone or several times under torchrun: recipes on real layouts, with a network whose output does not depend on the rest of the batch."
import json
import sys
from dataclasses import replace

import torch
from torch import nn

import fer_nb.papers
import fer_nb.reproduce as room
from fer_nb.backbones import Output
from fer_nb.papers import Recipe
from fer_nb.reproduce import Cell, Experiment, Training, run
from fer_nb.reproduce.trainings import ADVERSARIAL, LOSSES, SEMI

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


def training(loss):
    "A small training of each kind: of one set, of two domains, of labeled and unlabeled pictures, of action units."
    t = Training(("emotionet" if loss.startswith("au") else "rafdb",), loss=loss, epochs=1, batch=8, size=32, weights="none", most=12, lam=.1, gamma=2.)
    return replace(t, unlabeled=("fer2013",)) if loss in ADVERSARIAL + SEMI else t


def measured(t):
    "Set and measure of a training's cell."
    if isinstance(t, Recipe): return "mnist", "accuracy"
    return t.sets[0], "avg full" if t.sets == ("emotionet",) else "loss"


def main(folders, out):
    room.NETWORKS["resnet18"] = Plain
    room.report.find_spec = lambda name: None  # no kaleido: a PNG takes a browser
    faces = {loss: training(loss) for loss in LOSSES}
    digits = {f"digits {loss}": Recipe(loss=loss, lam=.1, majority=20, epochs=1, batch_size=40, width=.1) for loss in fer_nb.papers.LOSSES}
    cells = [Cell(name, "", t, *measured(t)) for name, t in {**faces, **digits}.items()]
    run(Experiment("ddp", "every kind of training", tuple(cells)), folders, scale="paper", out=out, jobs=1, progress=False)


if __name__ == "__main__": main(json.loads(sys.argv[1]), sys.argv[2])
