"""What is each step from photograph to face worth? Writes data_samples/photographs.csv.

    python experiments/photographs.py [--seeds 5] [--jobs 1] [--people 140] [--epochs 12] [--out FILE] [--table]
    python experiments/photographs.py --scores     # half a minute: data_samples/photographs_scores.csv

A small network learns seven expressions from photographs of the phone. `STEPS` is the way from photograph to face, one step more in each; beside it stand a network that learns from
boxes with normalized values, for the mismatch, and one that learns from the webcam's photographs, as a reference. A row holds its accuracy on photographs of other people by one camera, prepared in one way: of all of them (`all`), of those in which a face was
found (`found`), and of all where one without a face counts as wrong (`strict`); in `missed` the share without a face. Detection does not depend on the seed, so neither does `missed`.
The scores are those of the surest face in each test photograph of the lab, 0 where none was found: an assignment has no time for a detector.
"""
from shared import DATA, arguments, complete # first: sets the number of threads

import time
from functools import lru_cache

import torch
from torch import nn

from fer_nb.backbones import LabCNN, Output
from fer_nb.files import read_csv, write_csv
from fer_nb.preprocessing import CAMERAS, WAYS, detect, normalize, prepare, take_photographs, to_gray
from fer_nb.runtime import torch_threads
from fer_nb.tables import markdown, paired, spread, with_interval
from fer_nb.training import Batches, Objective, cosine, evaluate, fit
from shared import mirrored

SEEDS, PEOPLE, EPOCHS, SIDE, SMALLEST = 5, 140, 12, 48, 24
KEY = ["camera", "way", "values", "seed"] # of a training
FIELDS = [*KEY, "people", "epochs", "test_camera", "test_way", "all", "found", "strict", "missed", "seconds"]
VALUES = {"color": lambda x: x / 255 - .5, "gray": lambda x: to_gray(x).expand(-1, 3, -1, -1) / 255 - .5,
          "normalized": lambda x: normalize(to_gray(x)).expand(-1, 3, -1, -1)}
STEPS = [("whole", "color"), ("box", "color"), ("aligned", "color"), ("aligned", "gray"), ("aligned", "normalized")]
TRAININGS = [*(("phone", *step) for step in STEPS), ("phone", "box", "normalized"), ("webcam", "aligned", "normalized")]


class Net(LabCNN):
    "LabCNN for three planes."
    def __init__(self):
        super().__init__(in_size=SIDE)
        self.features[0] = nn.Conv2d(3, 16, 7, 2, 3, bias=False)

    def forward(self, images):
        embedding = self.embed(self.features(images))
        return Output(embedding, self.classifier(embedding))


@lru_cache
def pictures(camera, split, people):
    "What is shown of a camera's photographs in each way, their labels, and where a face was found."
    taken = take_photographs(camera, split, people)
    found = detect(taken.images, SMALLEST)
    return {way: prepare(taken.images, found, way, SIDE) for way in WAYS}, taken.labels, torch.tensor([len(faces) > 0 for faces in found])


def scores(model, x, y, found):
    "Accuracy of all, of those with a face, and of all where one without a face is wrong, per cent."
    some = evaluate(model, x[found], y[found]).accuracy
    return {"all": evaluate(model, x, y).accuracy, "found": some, "strict": some * found.float().mean().item()}


def cell(job):
    "Train once and look at every camera and way; rows of the table."
    with torch_threads(1):
        began = time.process_time()
        (x, y, _), values = pictures(job["camera"], "train", job["people"]), VALUES[job["values"]]
        torch.manual_seed(job["seed"])
        model, batches = Net(), Batches(*mirrored(values(x[job["way"]]), y), batch_size=64, seed=job["seed"])
        for _ in fit(model, Objective(), batches, job["epochs"], lr=.05, schedule=cosine()): pass
        spent, rows = round(time.process_time() - began, 1), []
        for camera in CAMERAS:
            x, y, found = pictures(camera, "test", max(1, job["people"] * 4 // 7))
            for way in WAYS:
                percent = {name: round(100 * v, 2) for name, v in scores(model, values(x[way]), y, found).items()}
                rows.append(job | {"test_camera": camera, "test_way": way} | percent | {"missed": round(100 - 100 * found.float().mean().item(), 2), "seconds": spent})
        return rows


def found_in(rows, column="all", **where):
    "Seed → per cent, of the rows where all this holds."
    return {int(r["seed"]): float(r[column]) for r in rows if all(r[name] == value for name, value in where.items())}


def table(rows):
    "Trained and tested in the same way, at home and by the other camera; in brackets the difference to the step before."
    lines = [["shown", "values", *(f"tested on {camera}" for camera in CAMERAS)]]
    for k, step in enumerate(STEPS):
        cells = []
        for camera in CAMERAS:
            here, before = (found_in(rows, camera="phone", way=way, values=values, test_camera=camera, test_way=way) for way, values in (step, STEPS[k - 1]))
            cells.append(spread(here.values()) + (f" ({with_interval(*paired(here, before))})" if k and len(here) > 1 else ""))
        lines.append([*step, *cells])
    return markdown(lines)


def best_scores(people=20):
    "The surest face of each test photograph: a row with camera, label and score."
    rows = []
    for camera in CAMERAS:
        taken = take_photographs(camera, "test", people)
        best = [max((face.score for face in faces), default=0.) for faces in detect(taken.images, SMALLEST)]
        rows += [{"camera": camera, "label": label, "score": round(score, 6)} for label, score in zip(taken.labels.tolist(), best)]
    return rows


def main(argv=None):
    args = arguments(__doc__, DATA/"photographs.csv", SEEDS, argv, people=PEOPLE, epochs=EPOCHS, table=False, scores=False)
    if args.scores: return write_csv(DATA/"photographs_scores.csv", best_scores())
    jobs = [dict(zip(KEY, (*what, seed))) | {"people": args.people, "epochs": args.epochs} for seed in range(args.seeds) for what in TRAININGS]
    print(table(read_csv(args.out) if args.table else complete(args.out, FIELDS, KEY, jobs, cell, args.jobs)))


if __name__ == "__main__": main()
