"""Every table of the five papers on the embedded pictures, by `fer_nb reproduce` at lab scale. Writes data_samples/papers.csv: a row per number, ours beside the paper's.

    python experiments/papers.py [--seeds 3] [--work runs/papers] [--jobs 2]

The sweep over λ of paper 001, 22 trainings without a printed number, is made with one seed. Settings are those of `fer_nb.reproduce.at_scale`; none was chosen by a test set. Goes on where it was interrupted: trainings whose rows are in the folder are not repeated.
"""
from shared import DATA, arguments # first: sets the number of threads

from fer_nb.files import write_csv
from fer_nb.reproduce import EXPERIMENTS, run

RESULTS, SEEDS = DATA/"papers.csv", 3


def main(argv=None):
    args = arguments(__doc__, RESULTS, SEEDS, argv, work="runs/papers")
    write_csv(args.out, [{"experiment": name} | cell for name in EXPERIMENTS
                         for cell in run(name, seeds=1 if name == "001-sweep" else args.seeds, scale="lab", out=args.work, jobs=args.jobs)])


if __name__ == "__main__": main()
