"""Trains networks of odd widths, sizes, image layouts and numbers of threads, to see whether the process survives.

    python tools/fuzz_training.py              # 60 trainings for each processor that oneDNN can pretend to be, some minutes
    python tools/fuzz_training.py --count 6    # fewer

Each kind of processor gets a process of its own, under faulthandler and a heap that notices writing behind the end (glibc's malloc checks);
what was running when it died is printed, and the exit status is 1.
"""
import argparse, os, subprocess, sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROCESSORS = ("AVX2", "ALL")  # the newest instructions that oneDNN may use
CHECKER = Path("/lib/x86_64-linux-gnu/libc_malloc_debug.so.0")


def train(seed):
    "Three steps of a network drawn by the seed."
    import random, torch
    from fer_nb.backbones import AlexNet, LabCNN, LeNetsPP, ResNet18, VGG19Taps
    from fer_nb.training import Objective, fit
    r = random.Random(seed)
    kind = r.choice([ResNet18, ResNet18, LeNetsPP, LabCNN, VGG19Taps, AlexNet])
    width, size, batch = r.choice([.02, .04, .05, .06, .1, .11, .125]), {LeNetsPP: 14, AlexNet: 64}.get(kind, 32), r.choice([2, 3, 8])
    threads, last = r.choice([1, 1, 2, 3]), r.random() < .5
    print(f"seed {seed}: {kind.__name__}, width {width}, {size} px, batch {batch}, {threads} threads, channels last {last}", flush=True)
    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    settings = {"feat_dim": r.choice([2, 5, 13])} if kind is LabCNN else {"width": width}
    x = torch.randn(batch, 1 if kind in (LeNetsPP, LabCNN) else 3, size, size)
    if last: x = x.to(memory_format=torch.channels_last)
    for step in fit(kind(7, in_size=size, **settings), Objective(), [(x, torch.arange(batch) % 7)] * 3, 1, lr=1e-3): pass
    assert step.n == 3


def survives(processor, first, count):
    "Whether `count` trainings from a seed on end well; if not, the last words."
    env = {**os.environ, "ONEDNN_MAX_CPU_ISA": processor, "MALLOC_CHECK_": "3", "MALLOC_PERTURB_": "165", "OMP_NUM_THREADS": "1"}
    if CHECKER.exists(): env["LD_PRELOAD"] = str(CHECKER)
    words = [sys.executable, "-X", "faulthandler", __file__, "--first", str(first), "--train", str(count)]
    run = subprocess.run(words, env=env, capture_output=True, text=True)
    return run.returncode == 0, f"{processor}, ended with {run.returncode}\n" + "\n".join(run.stdout.splitlines()[-1:] + run.stderr.splitlines()[:12])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=60, help="trainings for each kind of processor")
    parser.add_argument("--first", type=int, default=0, help="seed of the first")
    parser.add_argument("--train", type=int, help="train so many in this process (used by the program itself)")
    args = parser.parse_args()
    if args.train:
        for seed in range(args.first, args.first + args.train): train(seed)
        return
    results = [survives(processor, args.first, args.count) for processor in PROCESSORS]
    for fine, words in results: print("fine" if fine else words)
    sys.exit(not all(fine for fine, _ in results))


if __name__ == "__main__": main()
