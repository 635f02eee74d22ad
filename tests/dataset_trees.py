"Small folders in the layouts of the real data sets, for tests: `tree(root)` writes one, filled with flat pictures whose gray tells label and person."
import csv
import gzip
import struct
import warnings
from pathlib import Path

import numpy as np
from PIL import Image

GRAY = 20  # a picture of label k and person p has the gray 20 (k + 1) + p


def picture(path, label=0, person=0, size=(6, 5), mode="L"):
    "Write a flat picture."
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, GRAY * (label + 1) + person if mode == "L" else (GRAY * (label + 1) + person,) * 3).save(path)
    return path


def write(path, text):
    "Write a text file, with its folders."
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def read(reader, root, **options):
    "The data set, without the warning that it is smaller than the real one."
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return reader(root, **options)

def names(data): return [Path(path).name for path in data.paths]

def shown(data):
    "The label that each picture shows by its gray."
    return [data.picture(i).convert("L").getpixel((1, 1)) // GRAY - 1 for i in range(len(data))]

def problems(data): return dict(data.report.problems)

def faces(tmp_path, n=6, **options):
    "Pictures of three classes in turn."
    from fer_nb.datasets import FaceFolder
    return FaceFolder([str(picture(tmp_path / f"{k}.png", k % 3)) for k in range(n)], [k % 3 for k in range(n)], **options)


def kdef(root, people=("F01", "M02"), views=("S", "FL")):
    for p, person in enumerate(people):
        for session in "AB":
            for label, letters in enumerate(("NE", "AN", "DI", "AF", "HA", "SA", "SU")):
                for view in views: picture(root / f"{session}{person}" / f"{session}{person}{letters}{view}.JPG", label, p, mode="RGB")
    return root


def ckplus(root, sequences=(("S005", "001", 3, 2), ("S010", "002", 7, 6), ("S010", "003", 2, None), ("S999", "001", None, None)), length=5):
    "Sequences (subject, number, the owners' code or None for no label, our label); the last frame shows it."
    for p, (subject, number, code, label) in enumerate(sequences):
        for n in range(1, length + 1):
            picture(root / "cohn-kanade-images" / subject / number / f"{subject}_{number}_{n:08d}.png", label or 0 if n == length else 0, p if n == 1 else 9)
        folder = root / "Emotion" / subject / number
        folder.mkdir(parents=True, exist_ok=True)
        if code is not None: write(folder / f"{subject}_{number}_{length:08d}_emotion.txt", f"   {code:.7e}\n")
    return root


def ck48(root, sequences=(("S005", "001", "disgust", 2), ("S010", "002", "surprise", 6), ("S010", "003", "contempt", None), ("S011", "004", "happy", 4))):
    "Sequences (subject, number, folder, our label): the last three frames of each."
    for p, (subject, number, word, label) in enumerate(sequences):
        for n in (9, 10, 11): picture(root / "CK+48" / word / f"{subject}_{number}_{n:08d}.png", label or 0, p, size=(48, 48))
    return root


def jaffe(root, people=("KA", "YM")):
    number = 0
    for p, person in enumerate(people):
        for label, letters in enumerate(("NE", "AN", "DI", "FE", "HA", "SA", "SU")):
            for take in (1, 2):
                number += 1
                picture(root / f"{person}.{letters}{take}.{number}.tiff", label, p)
    write(root / "README_FIRST.txt", "semantic ratings")
    return root


def jaffe_renamed(root, people=("KA", "YM")):
    "Other separators and endings; the letters are still there."
    for p, person in enumerate(people):
        for label, letters in enumerate(("NE", "AN", "DI", "FE", "HA", "SA", "SU")):
            for name in (f"{person}-{letters}1-{label}.png", f"emotion_{person}.{letters}2.{label}.tiff.jpg"): picture(root / name, label, p)
    return root


def jaffe_folders(root):
    "Nothing left but a folder per emotion."
    for label, word in enumerate(("neutral", "angry", "disgust", "fear", "happy", "sad", "suprise")):
        for n in range(2): picture(root / word / f"{label}{n}.png", label, n)
    return root


def tfeid(root, people=("f01", "m12")):
    for p, person in enumerate(people):
        for label, (code, word) in enumerate(zip(("ng", "ag", "dg", "fg", "hg", "sg", "pg"), ("neutral", "anger", "disgust", "fear", "happiness", "sadness", "surprise"))):
            picture(root / f"{word}_high" / f"{person}_000_{code}1.jpg", label, p, mode="RGB")
        picture(root / "contempt_high" / f"{person}_000_cg1.jpg", 0, p)
    return root


def session(root, number, name, emotion, view="0"):
    "The XML files of a session of MMI."
    write(root / f"Sessions/{number}/session.xml", f'<session sessionId="{number}"><track view="{view}" filename="{name}.avi"/></session>')
    write(root / f"Sessions/{number}/{name}.xml", f'<?xml version="1.0"?><Metatags><Metatag Name="Camera" Value="2"/><Metatag Name="Emotion" Value="{emotion}"/></Metatags>')
    write(root / f"Sessions/{number}/{name}-oao_aucs.xml", '<ActionUnits><ActionUnit Number="12"/></ActionUnits>')


def mmi(root, sessions=((1, "S001-001", 4, 4), (2, "S001-002", 1, 1), (30, "S002-005", 6, 6)), length=9):
    "Sessions (number, name, the owners' code, our label) as extracted frames; the middle one shows the label."
    for p, (number, name, code, label) in enumerate(sessions):
        session(root, number, name, code)
        for n in range(1, length + 1): picture(root / f"Sessions/{number}/{name}/{n}.png", label if n == length // 2 + 1 else 0, p)
    return root


RAF = ((1, 6), (2, 3), (3, 2), (4, 4), (5, 5), (6, 1), (7, 0))  # the owners' number, ours


def rafdb(root, image="aligned"):
    lines = []
    for split, count in (("train", 2), ("test", 1)):
        for k, (code, label) in enumerate(RAF * count):
            name = f"{split}_{k + 1:05d}"
            lines.append(f"{name}.jpg {code}")
            picture(root / f"basic/Image/{image}/{name}{'_aligned' * (image == 'aligned')}.jpg", label, 0, mode="RGB")
    write(root / "basic/EmoLabel/list_patition_label.txt", "\n".join(lines) + "\n")
    return root


def rafdb_folders(root, lists=True):
    "Sorted into folders, with the lists of pictures and labels."
    for split, count in (("train", 2), ("test", 1)):
        lines = ["image,label"]
        for k, (code, label) in enumerate(RAF * count):
            name = f"{split}_{k + 1:05d}_aligned.jpg"
            lines.append(f"{name},{code}")
            picture(root / f"DATASET/{split}/{code}/{name}", label, 0, size=(100, 100), mode="RGB")
        if lists: write(root / f"{split}_labels.csv", "\n".join(lines) + "\n")
    return root


def rafdb_compound(root):
    lines = []
    for split in ("train", "test"):
        for code in range(1, 12):
            lines.append(f"{split}_{code:04d}.jpg {code}")
            picture(root / f"compound/Image/aligned/{split}_{code:04d}_aligned.jpg", code - 1, 0, mode="RGB")
    write(root / "compound/EmoLabel/list_patition_label.txt", "\n".join(lines))
    return root


AFFECTNET = ((0, 0), (1, 4), (2, 5), (3, 6), (4, 3), (5, 2), (6, 1), (7, None), (8, None), (9, None), (10, None))
COLUMNS = ["subDirectory_filePath", "face_x", "face_y", "face_width", "face_height", "facial_landmarks", "expression", "valence", "arousal"]


def affectnet_csv(root, heading=("training",), separator="/"):
    for name in ("training", "validation"):
        path = root / f"Manually_Annotated_file_lists/{name}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "w", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            if name in heading: table.writerow(COLUMNS)
            for code, label in AFFECTNET:
                table.writerow([f"{code}{separator}{name}{code:02d}ab.jpg", 0, 0, 5, 5, "1.5;2.5;3.5", code, .1, -.1])
                picture(root / f"Manually_Annotated_Images/{code}/{name}{code:02d}ab.jpg", label or 0, 0, mode="RGB")
    return root


def affectnet_npy(root):
    for split in ("train_set", "val_set"):
        for n, (code, label) in enumerate(AFFECTNET[:8]):
            picture(root / f"{split}/images/{n}.jpg", label or 0, 0, mode="RGB")
            (root / f"{split}/annotations").mkdir(parents=True, exist_ok=True)
            np.save(root / f"{split}/annotations/{n}_exp.npy", np.array(str(code)))
            np.save(root / f"{split}/annotations/{n}_val.npy", np.array("0.5"))
    return root


def affectnet_folders(root, folder="{split}/{code}"):
    for split, name in (("train", "train"), ("val", "val")):
        for code, label in AFFECTNET[:8]:
            picture(root / folder.format(split=split, code=code, number=code + 1) / f"{name}{code}.jpg", label or 0, 0, size=(96, 96), mode="RGB")
    return root

def affectnet_classes(root): return affectnet_folders(root, "{split}_class/class{number:03d}")


FER = ((0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 6), (6, 0))


def fer2013_csv(root, name="fer2013.csv", columns="emotion,pixels,Usage"):
    rows = [columns]
    for usage in ("Training", "PublicTest", "PrivateTest"):
        for code, label in FER:
            cells = {"emotion": str(code), "pixels": " ".join([str(GRAY * (label + 1))] * 2304), "usage": usage}
            rows.append(",".join(cells[c.strip().lower()] for c in columns.split(",")))
    write(root / name, "\n".join(rows) + "\n")
    return root


def fer2013_folders(root):
    for split, count in (("train", 2), ("test", 1)):
        for label, word in enumerate(("neutral", "angry", "disgust", "fear", "happy", "sad", "surprise")):
            for n in range(count): picture(root / split / word / f"Training_{label}{n}.jpg", label, 0, size=(48, 48))
    return root


WORDS = ("neutral", "angry", "disgusted", "fearful", "happy", "sad", "surprised")

def fer2013_parts(root, parts=("Training", "PublicTest", "PrivateTest"), numbers=False):
    for part in parts:
        for code, label in FER: picture(root / part / (str(code) if numbers else WORDS[label]) / f"{Path(part).name}_{code}.jpg", label, 0, size=(48, 48))
    return root

def fer2013_numbers(root): return fer2013_parts(root, ("train", "val", "test"), numbers=True)

def fer2013_dealt(root): return fer2013_parts(root, ("images/train", "images/validation"))


# votes in the owners' order (neutral happiness surprise sadness anger disgust fear contempt unknown NF), label of the majority, of the soft ones
VOTES = (((1, 9, 0, 0, 0, 0, 0, 0, 0, 0), 4, 4), ((0, 0, 7, 0, 0, 0, 3, 0, 0, 0), 6, 6), ((2, 0, 0, 0, 3, 0, 0, 5, 0, 0), None, None), ((0, 0, 4, 1, 1, 0, 3, 0, 1, 0), 6, 6),
         ((0, 0, 3, 0, 3, 0, 3, 0, 1, 0), None, 1), ((0, 0, 0, 0, 0, 0, 0, 8, 2, 0), None, None), ((0, 0, 0, 0, 0, 0, 0, 0, 7, 3), None, None), ((0, 0, 0, 0, 0, 0, 0, 0, 0, 10), None, None))

def ferplus(root, pictures="table", votes=VOTES):
    """Votes beside "table" (fer2013.csv), "files" in any folder, or as one of the "lists" in each of the folders."""
    new, old, n = ["Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"], ["emotion,pixels,Usage"], 0
    for usage, folder in (("Training", "FER2013Train"), ("PublicTest", "FER2013Valid"), ("PrivateTest", "FER2013Test")):
        lines = []
        for cells, majority, soft in votes:
            name, count = f"fer{n:07d}.png" if cells[-1] < 10 else "", ",".join(map(str, cells))
            label = soft or 0
            new.append(f"{usage},{name},{count}")
            old.append(f"0,{' '.join([str(GRAY * (label + 1))] * 2304)},{usage}")
            if name: lines.append(f'{name},"(0, 0, 48, 48)",{count}')
            if name and pictures != "table": picture(root / folder / name, label, 0, size=(48, 48))
            n += 1
        if pictures == "lists": write(root / folder / "label.csv", "\n".join(lines) + "\n")
    if pictures != "lists": write(root / "fer2013new.csv", "\n".join(new) + "\n")
    if pictures == "table": write(root / "fer2013.csv", "\n".join(old) + "\n")
    return root

def ferplus_files(root): return ferplus(root, "files")

def ferplus_lists(root): return ferplus(root, "lists")


def face(path, seed, emotion="neutral", person=None, side=64, **how):
    "Write a rendered face: with contrast, unlike a flat picture."
    from fer_nb.faces import render, sample_au, sample_identity
    who = seed if person is None else person
    image = render(sample_au([emotion], [who], [seed]), sample_identity([who]), "wild_color", side, seed=seed)[0]
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray((255 * image).byte().permute(1, 2, 0).numpy()).save(path, **how)
    return path


def emotionet(root, heading=True):
    "Three pictures: AU1 present, AU12 absent, the rest not looked at; AU12 present; a dead address."
    rows = [["URL", "URL orig", *(f"'AU {k}'" for k in range(1, 61))]] if heading else []
    for name, present, absent in (("N_0000000001_00001", (1,), (12,)), ("N_0000000001_00002", (12,), (1, 3)), ("N_0000000002_00001", (), ())):
        values = ["1" if k in present else "0" if k in absent else "999" for k in range(1, 61)]
        rows.append([f"'http://somewhere.org/images/N_1/{name}.jpg'", f"'http://elsewhere.org/{name[-1]}.jpeg'", *values])
    if not heading: rows = [[cell.strip("'") for cell in row] for row in rows]
    write(root / ("EmotioNet_FACS_2020.csv" if heading else "dataFile_0001.txt"), "\n".join(("," if heading else "\t").join(row) for row in rows))
    for n in (1, 2): picture(root / f"images/N_0000000001/N_0000000001_{n:05d}.jpg", 0, n, mode="RGB")
    return root


def unlabeled(root):
    for n, name in enumerate(("FlickrFinal2/001/1_0.jpg", "FlickrFinal2/001/2_0.PNG", "FlickrFinal2/ü ß/3.webp", "4.bmp")): picture(root / name, 0, n)
    return root


# ---- MNIST

def idx(array, magic=None, shape=None):
    "The bytes of an IDX file, with a header that may lie."
    shape = array.shape if shape is None else shape
    return (bytes((0, 0, 8, len(shape))) if magic is None else magic) + struct.pack(f">{len(shape)}I", *shape) + array.tobytes()


def pixels(n, side=28): return (np.arange(n * side * side) % 251).astype(np.uint8).reshape(n, side, side)


def idx_folder(folder, n=6, dash="-", gz=False, part="train", **given):
    "Write a small data set; `images=` or `labels=` replace a file's bytes, None leaves it out."
    folder.mkdir(parents=True, exist_ok=True)
    data = dict(images=idx(pixels(n)), labels=idx(np.arange(n, dtype=np.uint8) % 10)) | given
    for kind, number in (("images", 3), ("labels", 1)):
        if data[kind] is None: continue
        name = f"{part}-{kind}{dash}idx{number}-ubyte"
        (folder/(name + ".gz" * gz)).write_bytes(gzip.compress(data[kind]) if gz else data[kind])
    return folder
