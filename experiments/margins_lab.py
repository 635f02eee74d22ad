"""Seeds 1 to 4 of the trainings in section 4 of the lab *Directions and margins*, so that a student trains seed 0 alone. Writes data_samples/margins_lab.jsonl.

    python experiments/margins_lab.py     # a minute of one core
"""
import json
import tempfile
from pathlib import Path

from shared import DATA # first of ours: sets the number of threads

from fer_nb.papers import Recipe, compare

RESULTS, SEEDS = DATA/"margins_lab.jsonl", 5
BASE = dict(profile="longtail", feat_dim=16, epochs=8, batch_size=64)
RECIPES = [Recipe("softmax", **BASE), Recipe("angular", s=16., **BASE), Recipe("cosface", s=16., m=.3, **BASE), Recipe("separate", lam=.9, **BASE)]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        compare(RECIPES, SEEDS, folder, workers=1)
        lines = (Path(folder)/"rows.jsonl").read_text(encoding="utf-8").splitlines()
    others = sorted((row for row in map(json.loads, lines) if row["seed"]), key=lambda row: row["seed"])
    RESULTS.write_text("".join(json.dumps(row) + "\n" for row in others), encoding="utf-8")
