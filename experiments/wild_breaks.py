"""Train the surprises of the wild race (data_samples/wild_race.json) and write down how they end.

    python experiments/wild_breaks.py     # writes data_samples/wild_breaks.csv; a minute or two
"""
import json

import numpy as np, torch

from fer_nb.files import data_file, write_csv
from fer_nb.papers import Recipe, recording


def nearest(run):
    "Recall of every class by the nearest center, or class mean, of the last frame"
    e, classes = run.embedding(), range(len(run.class_names))
    places = run.centers[-1] if run.centers else np.stack([e[run.labels == k].mean(0) for k in classes])
    guess = np.square(e[:, None] - places[None]).sum(2).argmin(1)
    return np.array([(guess == run.labels)[run.labels == k].mean() for k in classes])


def ending(name, settings):
    "A row: mean recall in per cent by two readouts, and the largest coordinate"
    recipe = Recipe(**settings)
    run = recording(recipe, every=100_000).finish()
    return dict(name=name, key=recipe.key(), linear=round(100 * float(run.recall[-1].mean()), 1), center=round(100 * float(nearest(run).mean()), 1), largest=float(f"{run.scales[-1]:.3g}"))


if __name__ == "__main__":
    torch.set_num_threads(1)
    told = json.loads(data_file("wild_race.json").read_text(encoding="utf-8"))
    rows = [ending(f"{loss} as in the lab", dict(loss=loss)) for loss in ("softmax", "center", "dda")] + [ending(b["name"], b["settings"]) for b in told["breaks"]]
    write_csv(data_file("wild_race.json").with_name("wild_breaks.csv"), rows)
