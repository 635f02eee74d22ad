"""A step of the papers' networks beside what `fer_nb.reproduce.sizing` counts: time and memory of forwards and backwards in float32.

Every network runs in a process of its own, two rounds; CPU time of one thread (on a GPU: wall time), memory the growth of the peak. On a CPU a batch of four
pictures, for it takes its time; on a GPU the paper's own. Writes the section "Sizing" of RESULTS.md. About four minutes.
"""
from dataclasses import replace

from fer_nb.reproduce import EXPERIMENTS, build, sizing

from results import contest, machine, measure

TABLES = {"VGG19 with taps, 224 px": "000-table-1", "VGG16, 224 px": "001-table-1", "AlexNet, 227 px": "002-table-1", "ResNet-18, 90 px": "003-table-2", "ResNet-18, 224 px": "003-table-3"}


def training(name, device):
    t = EXPERIMENTS[TABLES[name]].trainings()[0]
    return replace(t, size=t.crop or t.size, crop=None, batch=t.batch if device == "cuda" else 4)


def one(name, device):
    "Milliseconds a picture and peak megabytes of a step without the optimizer's."
    import torch
    t = training(name, device)
    net = build(t, 7, "none").to(device)
    step = lambda n: net(torch.randn(n, 3, t.size, t.size, device=device)).logits.sum().backward()
    result = measure(lambda: step(t.batch), lambda: step(1), device, repeats=3)
    return result | {"ms": result["ms"] / t.batch}


def report(best, device):
    "The section's lines."
    lines = [f"Forward + backward, float32. {machine(device)}; {'wall time' if device == 'cuda' else 'CPU time of one thread'}.", "",
             "| network | batch | GFLOP a picture, counted | ms a picture | TFLOP/s | what a batch keeps, counted, MB | growth of the peak, MB |", "|---|---|---|---|---|---|---|"]
    for name, r in best.items():
        t = training(name, device)
        size = sizing(t, dict.fromkeys(t.sets, 1))
        lines.append(f"| {name} | {t.batch} | {size.flops / 1e9:.1f} | {r['ms']:.1f} | {size.flops / r['ms'] / 1e9:.3f} | {size.kept / 2**20:.0f} | {r['mb']:.0f} |")
    return lines


if __name__ == "__main__": contest("Sizing", __doc__.splitlines()[0], list(TABLES), one, report)
