"""Every table of the five papers on the embedded pictures, by `fer_nb reproduce` at lab scale. Writes data_samples/papers.csv: a row per number, ours beside the paper's.

    OMP_NUM_THREADS=1 python benchmarks/papers.py [--seeds 3] [--out runs/papers] [--jobs 2]

The sweep over λ of paper 001, 22 trainings without a printed number, is made with one seed. Settings are those of `fer_nb.reproduce.at_scale`; none was chosen by a test set. Goes on where it was interrupted: trainings whose rows are in the folder are not repeated.
"""
import argparse
from pathlib import Path

from fer_nb.papers import write_csv
from fer_nb.reproduce import EXPERIMENTS, run

RESULTS = Path(__file__).resolve().parents[1]/"data_samples/papers.csv"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each kind")
    parser.add_argument("--out", default="runs/papers", help="folder of finished trainings, tables and figures")
    parser.add_argument("--jobs", type=int, help="processes; default: one per core")
    args = parser.parse_args()
    write_csv(RESULTS, [{"experiment": name} | cell for name in EXPERIMENTS for cell in run(name, seeds=1 if name == "001-sweep" else args.seeds, scale="lab", out=args.out, jobs=args.jobs)])


if __name__ == "__main__": main()
