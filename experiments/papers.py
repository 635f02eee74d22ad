"""Every table of the five papers on the embedded pictures, by `fer_nb reproduce` at lab scale. Writes data_samples/papers.csv: a row per number, ours beside the paper's.

    python experiments/papers.py [--seeds 3] [--work runs/papers] [--jobs 2]

The sweep over λ of paper 001, 22 trainings without a printed number, is made with one seed. Settings are those of `fer_nb.reproduce.at_scale`; none was chosen by a test set. Goes on where it was interrupted: trainings whose rows are in the folder are not repeated, and neither are those whose numbers the CSV has, so that more seeds cost only themselves; where it has more seeds than asked for, it keeps them.
"""
from shared import DATA, arguments # first: sets the number of threads

from fer_nb.files import append_line, make_folder, read_csv, write_csv
from fer_nb.reproduce import EMBEDDED, EXPERIMENTS, at_scale, run
from fer_nb.tables import finished

RESULTS, SEEDS = DATA/"papers.csv", 3


def seeds_of(name, seeds, held=()):
    "How many trainings of each kind an experiment gets, or has got: a row of a CSV holds a number of each."
    return 1 if name == "001-sweep" else max([seeds, *(len(row["each"].split()) for row in held)])


def known(rows):
    "Trainings whose numbers a CSV of this experiment has, as rows of `fer_nb reproduce`: key → row."
    cells, found = [(name, cell) for name, e in EXPERIMENTS.items() for cell in e.cells], {}
    for (name, cell), row in zip(cells, rows, strict=True):
        assert (name, cell.row, cell.column, cell.test, cell.measure) == tuple(row[k] for k in ("experiment", "row", "column", "test", "measure"))
        key = at_scale(cell.training).key()
        for seed, value in enumerate(row["each"].split()):
            training = found.setdefault(f"{key}-{seed}", dict(training=key, seed=seed, data=dict.fromkeys(EMBEDDED, "embedded"), measured={}))
            training["measured"].setdefault(cell.test, {})[cell.measure] = float(value)
    return {key: row | {"tests": sorted(row["measured"])} for key, row in found.items()}


def main(argv=None):
    args = arguments(__doc__, RESULTS, SEEDS, argv, work="runs/papers")
    lines, old = make_folder(args.work)/"rows.jsonl", read_csv(args.out) if args.out.exists() else []
    there = finished(lines)
    for key, row in known(old).items() if old else ():
        if key not in there: append_line(lines, {"key": key, **row})
    held = {name: [row for row in old if row["experiment"] == name] for name in EXPERIMENTS}
    for name in EXPERIMENTS: # the CSV after each of them: whoever interrupts keeps what is finished
        cells = run(name, seeds=seeds_of(name, args.seeds, held[name]), scale="lab", out=args.work, jobs=args.jobs)
        rows, before = [{"experiment": name} | cell for cell in cells], held[name]
        # a row without a new seed stays as it is: `each` holds four digits
        held[name] = [next((a for a in before[n:n + 1] if a["each"] == row["each"]), row) for n, row in enumerate(rows)]
        if old or name == list(EXPERIMENTS)[-1]: write_csv(args.out, [row for name in EXPERIMENTS for row in held[name]])


if __name__ == "__main__": main()
