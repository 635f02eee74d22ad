"""Losses with class centers beside a linear layer with cross-entropy, at many classes: forward + backward + the centers' step, CPU time of one thread.

    python benchmarks/many_classes.py                              # B=1024, d=512, K=100,000; needs 6 GB
    python benchmarks/many_classes.py --batch 128 --classes 1000   # prints one column of the section "Many classes" of RESULTS.md
"""
import argparse, time

import torch
from torch import nn
from torch.nn import functional as F
from fer_nb.centers import CenterLoss, IslandLoss
from fer_nb.dda import DDALoss
from fer_nb.large_margin import LargeMarginLoss
from fer_nb.separate_loss import SeparateLoss

D = 512


def best(step, n=2):
    "The best time of `step` in milliseconds."
    times = []
    for _ in range(n):
        start = time.process_time()
        step()
        times.append(time.process_time() - start)
    return 1000 * min(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=1024)
    parser.add_argument("--classes", type=int, default=100_000)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    x, y = (torch.randn(args.batch, D) / D ** .5).requires_grad_(), torch.randint(args.classes, (args.batch,))

    def plain():
        linear.zero_grad()
        F.cross_entropy(linear(x), y).backward()
    linear = nn.Linear(D, args.classes)
    base = best(plain)
    del linear
    print(f"linear layer with cross-entropy: {base:.0f} ms")
    for make in (CenterLoss, LargeMarginLoss, IslandLoss, SeparateLoss, DDALoss):
        loss = make(args.classes, D)
        ms = best(lambda: loss(x, y).backward())
        print(f"{make.__name__}: {ms:.0f} ms, {ms / base:.2f} of it", flush=True)


if __name__ == "__main__": main()
