"""What do calibration and adaptation to one's own frames do for a reader of action units? Writes data_samples/own_face.csv, read by the lab.

    python experiments/own_face.py [--seeds 5] [--jobs 1]

A seed is the reader (weights and order), the clip (person, light, camera, order of expressions) and the drawing of lessons. The reader learns from drawn faces of four laboratories and reads a
clip that is none of them. Adaptation sees the clip's practice part without labels, calibration its five resting seconds; a row holds one action unit's correlation and F1 (from an intensity of 0.3
on) over the test part. `zero` is "none" (as read), "scores" (minus what is read at rest) or "features" (difference of embeddings, read by a head of differences). `way` "before" is the reader as it
is; "twin" is what analysis by synthesis makes of it: a drawn head that is not the visitor's, fitted to every sixth frame of the test part from the reader's intensities on; "before, few" is the
reader on the same frames. `found` is the share of frames in which a face was found. The settings of adaptation were chosen on other clips (seeds 100 to 102) with an earlier program, in which seeds 0 to 2 were looked at too; the camera was chosen by hand. About a minute and a half of one core a seed; goes on where it was interrupted.
"""
from shared import DATA, arguments, complete # first: sets the number of threads

import math
from functools import lru_cache

from fer_nb.faces import AU_NAMES
from fer_nb.own_face import WAYS, adapt, agreement, calibrate, face_crops, fit_twin, lessons, prepared, read, read_from_zero, take_clip, train_reader
from fer_nb.runtime import torch_threads

SEEDS, EVERY = 5, 6
RESULTS, KEY = DATA/"own_face.csv", ["seed", "way"]
ALL = "before", *WAYS, "before, few", "twin"
FIELDS = [*KEY, "zero", "au", "correlation", "f1", "found"]


@lru_cache(1)
def person(seed):
    "Crops of the resting, the practice and the test part, the truth of the latter, and the share of frames with a face."
    clip = take_clip(seed)
    crops, seen = face_crops(clip.images)
    parts = clip.parts[seen]
    return *(crops[parts == k] for k in range(3)), clip.au[seen][parts == 2], round(seen.float().mean().item(), 4)


def readings(reader, resting, test):
    "zero → intensities on the crops of the test part."
    plain, zero = read(reader, test), calibrate(reader, resting, lessons())
    return {"none": plain, "scores": plain - zero.scores, "features": read_from_zero(reader, zero, test)}


def read_by(way, seed):
    "zero → intensities on the test part, and the truth."
    resting, practice, test, truth, _ = person(seed)
    reader = train_reader(seed)
    if way in WAYS: return readings(adapt(reader, way, practice, lessons(), seed), resting, test), truth
    if way == "before": return readings(reader, resting, test), truth
    plain = read(reader, test[::EVERY])
    return {"none": plain if way == "before, few" else fit_twin(prepared(test[::EVERY]), plain).au}, truth[::EVERY]


def cell(job):
    "One way for one person; a row for every zero and action unit."
    with torch_threads(1):
        seed, (said, truth) = job["seed"], read_by(job["way"], job["seed"])
        def text(v): return "" if math.isnan(v) else round(v, 4)
        return [job | dict(zero=zero, au=name, correlation=text(r), f1=text(f1), found=person(seed)[-1]) for zero, predicted in said.items()
                for name, r, f1 in zip(AU_NAMES, *(measure.tolist() for measure in agreement(predicted, truth)))]


def main(argv=None):
    args = arguments(__doc__, RESULTS, SEEDS, argv)
    complete(args.out, FIELDS, KEY, [dict(seed=seed, way=way) for seed in range(args.seeds) for way in ALL], cell, args.jobs)


if __name__ == "__main__": main()
