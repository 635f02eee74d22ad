"""Which reading of the scheduled clamp draws a figure like Figure 4 of paper 000? Writes data_samples/figure_4.csv.

    python experiments/figure_4.py [--seeds 3] [--jobs 1] [--out FILE] [--steps 600]

The paper's four clamps, four domains of faces at 16 pixels, labels of the first one only. Three readings of Eq. 6: `min` (what its text says), `max` (what it prints), and no limit at all;
with features that stay small (batch normalization, small steps) or may grow (neither). A row is a moment of a training: the domain loss before λ stands in front of it, as it would be drawn,
the domain classifier's cross-entropy without the limit, and the classification loss on the labeled domain's validation pictures and on those of the other three, as in Table III.
"""
from shared import DATA, arguments, complete, gray # first: sets the number of threads

from functools import lru_cache, partial

import torch
import torch.nn.functional as F
from torch import nn

from fer_nb.backbones import Output
from fer_nb.batches import BalancedBatches
from fer_nb.faces import EMOTIONS, load_faces
from fer_nb.grl import DomainAdversarial, DomainClassifier, grad_reverse
from fer_nb.runtime import evaluating, torch_threads
from fer_nb.training import fit

SIDE, STEPS, BATCH, SEEDS, MOMENTS = 16, 600, 32, 3, 60
DOMAINS = ("lab_color", "video_gray", "studio_gray", "blue_screen") # as KDEF, CK, JAFFE and TFEID in fer_nb.reproduce
CLAMPS = (3000., 5000., 7000., 10000.)
READINGS = {"min": torch.minimum, "max": torch.maximum, "none": lambda nll, limit: nll}
LR = {"small": 1e-3, "growing": .03} # of Adam, by what the features may do
TRIED = [("min", "small"), ("max", "growing"), ("none", "growing"), ("min", "growing")]
RESULTS, KEY = DATA/"figure_4.csv", ["reading", "features", "clamp", "seed"]
FIELDS = [*KEY, "step", "factor", "domain_loss", "cross_entropy", "source_loss", "target_loss"]


class Net(nn.Module):
    "Two fully connected layers with leaky ReLUs, as the paper's upon its VGG; 64-d embedding."
    def __init__(self, normalized):
        super().__init__()
        self.features = nn.Sequential(nn.Flatten(), nn.Linear(SIDE**2, 128), nn.LeakyReLU(), nn.Linear(128, 64), nn.BatchNorm1d(64) if normalized else nn.Identity(), nn.LeakyReLU())
        self.classifier = nn.Linear(64, len(EMOTIONS))

    def forward(self, x):
        embedding = self.features(x)
        return Output(embedding, self.classifier(embedding))


class Read(DomainAdversarial):
    "Domain discrimination whose limit is read in one of three ways; `seen`: the domain loss, without and with the limit."
    def __init__(self, reading, clamp, steps):
        super().__init__(DomainClassifier(64, len(DOMAINS)), steps=steps, clamp=clamp, scales="loss")
        self.limited = READINGS[reading]

    def forward(self, batch, output):
        (_, y, domains), (lambd, limit) = batch, self.schedule()
        nll = self.domain_nll(grad_reverse(output.embedding), domains)
        domain = self.limited(nll, limit).mean()
        self.seen = nll.mean().item(), domain.item()
        self.count()
        return {"softmax": F.cross_entropy(output.logits, y, ignore_index=-1), "domain": lambd * domain}


@lru_cache(None)
def pictures(domain, split):
    data = load_faces(domain, split)
    return F.avg_pool2d(gray(data.images), 64 // SIDE), data.labels


def validation(model):
    "Classification loss on the labeled domain and in the mean over the others."
    with evaluating(model): losses = [F.cross_entropy(model(x).logits, y).item() for x, y in (pictures(domain, "validation") for domain in DOMAINS)]
    return losses[0], sum(losses[1:]) / 3


def moments(job, steps=STEPS):
    "Train with one reading and one clamp; rows of the table."
    with torch_threads(1):
        torch.manual_seed(job["seed"])
        model, learning = Net(job["features"] == "small"), LR[job["features"]]
        batches = BalancedBatches({d: pictures(d, "train")[:1 if i else 2] for i, d in enumerate(DOMAINS)}, per_domain=BATCH, seed=job["seed"])
        epochs = max(1, round(steps / len(batches)))
        objective = Read(job["reading"], job["clamp"], epochs * len(batches))
        def adam(groups): return torch.optim.Adam(groups, lr=learning)
        rows = []
        for step in fit(model, objective, batches, epochs, optimizer=adam, center_lr=learning, clip=None):
            if step.n % max(1, step.total // MOMENTS): continue
            nll, domain = objective.seen
            at = objective.schedule()[0].item() # counted: λ of the next step
            here, there = validation(model)
            rows.append(job | dict(step=step.n, factor=round(at, 5), domain_loss=f"{domain:.5g}", cross_entropy=f"{nll:.5g}", source_loss=f"{here:.4g}", target_loss=f"{there:.4g}"))
        return rows


def jobs_of(seeds): return [dict(reading=reading, features=features, clamp=clamp, seed=seed) for seed in range(seeds) for reading, features in TRIED for clamp in CLAMPS]


def main(argv=None):
    args = arguments(__doc__, RESULTS, SEEDS, argv, steps=STEPS)
    complete(args.out, FIELDS, KEY, jobs_of(args.seeds), partial(moments, steps=args.steps), args.jobs)


if __name__ == "__main__": main()
