"""Kernels that a training step starts on a GPU, counted without one on the simulated device of tests/simdevice.py.

    python benchmarks/kernels.py               # writes the section "Kernels a step" of RESULTS.md, ten seconds
    python benchmarks/kernels.py --loss dda    # every operation of one loss and the line that starts it, for whoever wants fewer

A kernel here is an operation of ATen that is no view; a convolution's backward pass counts as one though cuDNN starts two or three. What a loss adds is
the difference to the same step of `fit` with the softmax loss alone. On a GPU each costs 6 to 9 µs of the host's time, as long as the step is not captured.
"""
import argparse, sys
from collections import Counter
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
from results import write_section
from simdevice import SimDevice, registered, sim_accelerator
from fer_nb.angular_softmax import AngularSoftmax, udat_as
from fer_nb.backbones import LeNetsPP, Output
from fer_nb.centers import CenterLoss, IslandLoss
from fer_nb.dda import DDALoss
from fer_nb.grl import DomainAdversarial, DomainClassifier
from fer_nb.large_margin import LargeMarginLoss, SemiSupervised
from fer_nb.separate_loss import SeparateLoss
from fer_nb.training import Batches, Objective, fit

B, K, D = 128, 10, 2
GOAL = 40  # kernels that a loss may add to the network's


class Angular(torch.nn.Module):
    "The head on angles with its loss."
    def __init__(self):
        super().__init__()
        self.head = AngularSoftmax(D, K)

    def forward(self, x, y): return torch.nn.functional.cross_entropy(self.head(x, y), y)


TERMS = {"center": lambda: CenterLoss(K, D), "island": lambda: IslandLoss(K, D), "dda": lambda: DDALoss(K, D), "separate": lambda: SeparateLoss(K, D),
         "margin": lambda: LargeMarginLoss(K, D), "angular": Angular}
OBJECTIVES = {"softmax": Objective, **{name: lambda make=make: Objective(term=(make(), .1)) for name, make in TERMS.items()},
              "semi-supervised": lambda: SemiSupervised(LargeMarginLoss(K, D)),
              "adversarial": lambda: DomainAdversarial(DomainClassifier(D), steps=100, clamp=.7), "udat_as": lambda: udat_as(D)}


def sgd(groups): return torch.optim.SGD(groups, lr=.01, momentum=.9, weight_decay=5e-4, fused=True)  # as `fit` does on a GPU


def data(n):
    g = torch.Generator().manual_seed(0)
    return torch.randn(n, 1, 12, 12, generator=g), torch.arange(n) % K, torch.arange(n) % 2


def of_step(sim, name, steps=3):
    "What a step of `fit` starts, waits for, carries to the device and computes in float64, each a number per step; looks for NaN left out."
    torch.manual_seed(0)
    training = fit(LeNetsPP(width=.1, in_size=12), OBJECTIVES[name](), Batches(*data(8 * B), batch_size=B), optimizer=sgd,
                   accelerator=sim_accelerator(), check_every=100)
    for _ in range(2): next(training)
    sim.reset()
    for _ in range(steps): next(training)
    return {what: getattr(sim, what).total() / steps for what in ("kernels", "waits", "uploads", "wide")}


def of_loss(sim, name):
    "The operations of a loss alone, forward and backward: (operation, line) -> how often."
    x, y, domains = torch.randn(B, D).to("sim").requires_grad_(), (torch.arange(B) % K).to("sim"), (torch.arange(B) % 2).to("sim")
    objective = TERMS[name]().to("sim") if name in TERMS else OBJECTIVES[name]().to("sim")
    logits = torch.randn(B, K).to("sim").requires_grad_()
    for _ in range(2):
        sim.reset()
        loss = objective(x, y) if name in TERMS else sum(objective((x, y, domains), Output(x, logits)).values())
        forward = Counter(sim.kernels)
        loss.backward()
    return forward, sim.kernels - forward


def table(sim):
    "The section's lines."
    counts = {name: of_step(sim, name) for name in OBJECTIVES}
    base = counts["softmax"]["kernels"]
    lines = [f"Operations that start a kernel in one step of `fit` (LeNets++, B={B}, K={K}, d={D}, fused SGD), counted on a simulated device without a GPU.",
             f"Network and softmax loss: {base:.0f}. Goal: at most {GOAL} more for each loss.", "",
             "| loss | kernels it adds | in float64 | waits | uploads |", "|---|---|---|---|---|"]
    for name, c in counts.items():
        if name != "softmax": lines.append(f"| {name} | {c['kernels'] - base:.0f} | {c['wide']:.0f} | {c['waits']:.0f} | {c['uploads']:.0f} |")
    return lines


def show(sim, name):
    "Print a loss's operations with their lines, the busiest lines first."
    for title, found in zip(("forward", "backward"), of_loss(sim, name)):
        print(f"{name}, {title}: {found.total()} kernels")
        places = Counter()
        for key, n in found.items(): places[key.partition(" at ")[2]] += n
        for place, n in places.most_common():
            print(f"{n:4d}  {place}")
            for key, m in found.items():
                if key.partition(" at ")[2] == place: print(f"          {m} {key.partition(' at ')[0].removeprefix('aten.')}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--loss", choices=[name for name in OBJECTIVES if name != "softmax"], help="list the operations of one loss, write nothing")
    args = parser.parse_args()
    if not registered(): sys.exit("the simulated device needs torch 2.9 or later")
    with SimDevice(places=args.loss is not None) as sim:
        if args.loss: return show(sim, args.loss)
        lines = table(sim)
    write_section("Kernels a step", "\n".join(lines))
    print("\n".join(lines))


if __name__ == "__main__": main()
