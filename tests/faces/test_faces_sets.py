"The Faces data set, the shipped pictures and the tool that builds them."
import csv
import io
import pickle
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader, Subset

import build_faces
from fer_nb.faces import (COMPOUND_EMOTIONS, DOMAINS, Faces, contact_sheet, load_faces, matrix_figure, render_manifest,
                          sample_au, sheet)
from fer_nb.wmnist import data_file, wild_subset

SPLITS = ("train", "validation", "test")


# ---- the data set

def test_balanced_and_in_order():
    for people, pictures in ((5, None), (10, 1), (3, 2), (4, 14)):
        faces = Faces("wild_gray", people=people, pictures=pictures)
        counts = faces.targets.bincount(minlength=7)
        assert len(faces) == people * (pictures or 7) and counts.max() - counts.min() <= 1
        assert len(faces.identities.unique()) == people and len(faces.pictures.unique()) == len(faces)

def test_identity_disjoint():
    seen = [set(Faces(domain, split, people=30, pictures=1, seed=seed).identities.tolist()) for domain in DOMAINS for split in SPLITS for seed in (0, 1)]
    assert sum(map(len, seen)) == len(set().union(*seen)) == 6 * 3 * 2 * 30

def test_lazy_and_deterministic():
    a, b = (Faces("lab_color", people=10, size=32) for _ in range(2))
    assert "0/3" in repr(a)
    image, label = a[40]
    assert "1/3" in repr(a) and image.shape == (3, 32, 32) and image.dtype == torch.float32 and 0 <= image.min() and image.max() <= 1 and image.std() > .05
    assert label == 40 % 7 == a.targets[40] and a[40 - 70][0].equal(image) and isinstance(label, int)
    images, labels = b.tensors()
    assert images.dtype == torch.uint8 and (images[40].float() / 255).equal(image) and labels.equal(b.targets)
    assert a.tensors()[0].equal(images) and a.au.equal(b.au)
    assert not Faces("lab_color", people=5, size=32, seed=1).tensors()[0].equal(images[:35])
    with pytest.raises(IndexError): a[70]
    with pytest.raises(IndexError): a[-71]

def test_more_people_only_add():
    a, b = Faces("blue_screen", people=2), Faces("blue_screen", people=4)
    assert b.identities[:14].equal(a.identities) and b.au[:14].equal(a.au)

def test_compound_classes():
    faces = Faces("studio_gray", people=2, size=24, emotions=COMPOUND_EMOTIONS)
    assert len(faces) == 22 and faces.targets.tolist() == [*range(11)] * 2 and faces[10][1] == 10
    assert [row["emotion"] for row in faces.manifest()[:11]] == list(COMPOUND_EMOTIONS)
    assert Faces("studio_gray", people=4, emotions=["fear", "happily surprised"]).targets.tolist() == [0, 1] * 4

def test_the_same_people_in_a_changed_domain():
    "A recipe of one's own with the same name: the same people and expressions, photographed otherwise."
    a, b = (Faces(d, people=2, pictures=1, size=32) for d in (DOMAINS["lab_color"], replace(DOMAINS["lab_color"], blur=(2., 2.))))
    assert a.au.equal(b.au) and a.identities.equal(b.identities) and not a.tensors()[0].equal(b.tensors()[0])

def test_workers_and_pickle():
    faces = Faces("video_gray", people=2, size=32)
    faces[0]
    copy = pickle.loads(pickle.dumps(faces))
    assert repr(copy) == repr(faces) and copy[13][0].equal(faces[13][0])
    alone = torch.cat([x for x, _ in DataLoader(Faces("video_gray", people=2, size=32), batch_size=4)])
    loader = DataLoader(Faces("video_gray", people=2, size=32), batch_size=4, num_workers=2)
    shared, labels = (torch.cat(t) for t in zip(*loader))
    assert shared.equal(alone) and labels.tolist() == [*range(7)] * 2

def test_wild_subset_of_faces():
    faces = Faces("lab_color", people=6, size=16)
    few = Subset(faces, wild_subset(faces.targets, [6, 6, 1, 1, 6, 3, 2]))
    assert len(few) == 25 and sum(label == 2 for _, label in few) == 1

@pytest.mark.parametrize("arguments, message", [
    (dict(domain="lab"), "domain: expected one of lab_color.*got 'lab'"), (dict(domain=None), "domain"), (dict(domain=["lab_color"]), "domain"),
    (dict(split="valid"), "split: expected one of train, validation, test, got 'valid'"), (dict(split=None), "split"),
    (dict(size=3), "size: expected a whole number from 16.*got 3"), (dict(size=64.), "size"), (dict(size=True), "size"), (dict(size=10**6), "size"),
    (dict(people=0), "people"), (dict(people=100_000), "people"), (dict(people=-3), "people"), (dict(pictures=0), "pictures"), (dict(pictures=1000), "pictures"),
    (dict(pictures="7"), "pictures"), (dict(emotions=["joy"]), r"emotions\[0\].*joy"), (dict(emotions=[]), "emotions: expected at least one"),
    (dict(emotions=["fear", "fear"]), "none twice"), (dict(emotions=["fear", 3]), "none twice"), (dict(emotions="fear"), "emotions"),
    (dict(seed=-1), "seed: expected a whole number of at least 0, got -1"), (dict(seed=None), "seed"), (dict(seed=.5), "seed"),
])
def test_bad_faces(arguments, message):
    with pytest.raises(ValueError, match=message): Faces(**(dict(domain="lab_color", people=2) | arguments))


# ---- manifests

def alike(a, b):
    """The same picture, but for rounding: on another CPU, or beside other faces in a batch, sums are taken in another order, so a value may cross a
    rounding border (one gray level) and a pixel on the edge of a triangle may see its neighbor."""
    difference = (a.int() - b.int()).abs()
    return difference.float().mean() < .05 and (difference > 2).float().mean() < .002

def test_manifest_round_trip():
    faces = Faces("wild_color", people=40, pictures=1, size=32)
    rows = faces.manifest()
    text = io.StringIO()
    table = csv.DictWriter(text, rows[0])
    table.writeheader(); table.writerows(rows)
    rows = list(csv.DictReader(io.StringIO(text.getvalue())))
    assert len(rows) == 40 and len(rows[0]) == 5 + 36
    again = render_manifest(rows, 32)
    assert again.equal(faces.tensors()[0])   # the same chunks: the same bytes
    some = [37, 3, 20]
    assert alike(render_manifest([rows[i] for i in some], 32), again[some])

def test_manifest_of_several_domains():
    sets = [Faces(name, people=1, pictures=2, size=24) for name in ("wild_gray", "lab_color")]
    rows = [row for pair in zip(*(s.manifest() for s in sets)) for row in pair]   # mixed
    again = render_manifest(rows, 24)
    assert again[::2].equal(sets[0].tensors()[0]) and again[1::2].equal(sets[1].tensors()[0])
    assert render_manifest([], 24).shape == (0, 3, 24, 24)

@pytest.mark.parametrize("change, message", [
    (dict(domain="moon"), r"rows\[0\]: expected a domain of"), (dict(identity="x"), r"rows\[0\]"), (dict(AU4_left=""), r"rows\[0\]"), (dict(AU43_right=None), r"rows\[0\]"),
])
def test_bad_manifest(change, message):
    row = Faces("lab_color", people=1).manifest()[0]
    with pytest.raises(ValueError, match=message): render_manifest([row | change])

def test_bad_manifest_shape():
    with pytest.raises(ValueError, match=r"rows\[0\].*KeyError"): render_manifest([{"domain": "lab_color"}])
    with pytest.raises(ValueError, match="rows: expected a list"): render_manifest("manifest.csv")
    with pytest.raises(ValueError, match="size"): render_manifest([], 3)


# ---- the shipped set

@pytest.fixture(scope="module")
def shipped():
    "Archive and rows."
    archive = zipfile.ZipFile(data_file("faces_64.zip"))
    return archive, list(csv.DictReader(io.TextIOWrapper(archive.open("manifest.csv"), encoding="utf-8")))

def test_shipped_size_and_names(shipped):
    archive, rows = shipped
    assert data_file("faces_64.zip").stat().st_size < 12e6 and archive.testzip() is None
    assert sorted(archive.namelist()) == sorted([row["file"] for row in rows] + ["manifest.csv"])
    for domain in DOMAINS:
        mine = [row for row in rows if row["domain"] == domain]
        assert len(mine) >= (1200 if domain.startswith("wild") else 500)
        people = [{row["identity"] for row in mine if row["split"] == split} for split in SPLITS]
        assert all(people) and sum(map(len, people)) == len(set().union(*people))
    assert len({row["picture"] for row in rows}) == len(rows)
    license = data_file("faces_LICENSE.txt").read_text(encoding="utf-8")
    assert "CC0" in license and f"{len(rows):,} rendered faces" in license and "head_LICENSE.txt" in license

@pytest.mark.parametrize("domain", DOMAINS)
def test_load_faces(domain, shipped):
    rows = [row for row in shipped[1] if row["domain"] == domain]
    total = 0
    for split in SPLITS:
        images, labels, identities, au = faces = load_faces(domain, split)
        n, counts = len(labels), labels.bincount(minlength=7)
        total += n
        assert images.shape == (n, 3, 64, 64) and images.dtype == torch.uint8 and au.shape == (n, 2, 18) and identities.shape == (n,) and labels.dtype == torch.int64
        assert counts.max() - counts.min() <= 1 and counts.min() >= 1
        assert images.float().std((1, 2, 3)).min() > 4   # no black picture
        gray = (images[:, 0] == images[:, 1]).all() and (images[:, 0] == images[:, 2]).all()
        assert gray == domain.endswith("gray")
        assert au.equal(sample_au(labels, identities, [int(row["picture"]) for row in rows if row["split"] == split]))
    assert total == len(rows)

@pytest.mark.parametrize("domain", DOMAINS)
def test_shipped_is_what_the_renderer_makes(domain, shipped):
    "A chunk of the manifest, rendered again and compressed again."
    archive, rows = shipped
    rows = [row for row in rows if row["domain"] == domain and row["split"] == "test"][:8]
    again = render_manifest(rows)
    for picture, row in zip(again, rows):
        stored = archive.read(row["file"])
        now, then = (torch.from_numpy(np.asarray(Image.open(io.BytesIO(b)).convert("RGB")).copy()).permute(2, 0, 1) for b in (build_faces.jpeg(picture), stored))
        assert (now.int() - then.int()).abs().float().mean() < .3, row["file"]   # a gray level in the picture may move a JPEG coefficient by one step
        assert (picture.int() - then.int()).abs().float().mean() < 6, row["file"]   # what the compression costs

@pytest.mark.parametrize("arguments, message", [
    (("moon",), "domain: expected one of"), ((None,), "domain"), (("lab_color", "dev"), "split: expected one of"),
    (("lab_color", "train", "nowhere.zip"), "path: expected a set made by tools/build_faces.py.*nowhere.zip"),
])
def test_bad_load(arguments, message):
    with pytest.raises(ValueError, match=message): load_faces(*arguments)

def test_bad_archives(tmp_path):
    path = tmp_path/"set.zip"
    path.write_bytes(b"PK nothing")
    with pytest.raises(ValueError, match="path.*BadZipFile"): load_faces("lab_color", path=path)
    for members in ({"readme": "x"}, {"manifest.csv": "file,domain,split\n"}, {"manifest.csv": "a,b\n1,2\n"},
                    {"manifest.csv": "file,domain,split,emotion,identity\nx.jpg,lab_color,train,fear,1\n"},
                    {"manifest.csv": "file,domain,split,emotion,identity\nx.jpg,lab_color,train,fear,1\n", "x.jpg": "no picture"}):
        with zipfile.ZipFile(path, "w") as archive:
            for name, text in members.items(): archive.writestr(name, text)
        with pytest.raises(ValueError, match="path: expected a set"): load_faces("lab_color", path=path)


# ---- the tool

def test_tool_builds_the_same_bytes_twice(tmp_path):
    sizes = {"wild_gray": (dict(train=9, test=7), 1), "lab_color": (dict(train=1), None)}
    paths = []
    for name in "ab":
        (tmp_path/name).mkdir()
        paths.append(build_faces.build(tmp_path/name, sizes))
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert "7 lab_color" in (tmp_path/"a/faces_LICENSE.txt").read_text(encoding="utf-8")
    with zipfile.ZipFile(paths[0]) as archive:
        rows = [row for row in csv.DictReader(io.TextIOWrapper(archive.open("manifest.csv"), encoding="utf-8")) if row["split"] == "train"]
        assert [build_faces.jpeg(picture) for picture in render_manifest(rows)] == [archive.read(row["file"]) for row in rows]   # the same chunks: the same bytes
    faces, made = Faces("wild_gray", people=9, pictures=1), load_faces("wild_gray", path=paths[0])
    assert made.labels.equal(faces.targets) and made.au.equal(faces.au) and made.identities.equal(faces.identities)
    assert (made.images.int() - faces.tensors()[0].int()).abs().float().mean() < 6

def test_sizes_of_the_shipped_set(shipped):
    sizes = {d: {s: sum(row["domain"] == d and row["split"] == s for row in shipped[1]) for s in SPLITS} for d in DOMAINS}
    assert sizes == {d: {s: n * (k or 7) for s, n in people.items()} for d, (people, k) in build_faces.SIZES.items()}


# ---- pictures of them

def test_sheet():
    images = torch.zeros(6, 3, 10, 10); images[4] = 1
    picture = np.asarray(sheet(images, ["", ""], ["", "", ""]))
    assert picture.shape == (20, 30, 3) and picture[10:, 10:20].min() == 255 and picture[:10].max() == 0
    named = sheet((images * 255).byte(), ["one", "two"], ["a", "b", "c"])
    assert named.size[0] > 30 and named.size[1] == 36
    for bad in (images[:5], images[:, :1], images[0]):
        with pytest.raises(ValueError, match="images: expected"): sheet(bad, ["", ""], ["", "", ""])

def test_contact_sheet():
    picture = contact_sheet(["fear", "happily surprised"], ["lab_color", "wild_gray"], size=24)
    assert picture.size[1] == 16 + 48 and picture.size[0] > 48
    body = np.asarray(picture)[16:, -48:]
    assert body[:24].std() > 20 and body[24:].std() > 5 and (body[24:, :, 0] == body[24:, :, 2]).all()

def test_matrix_figure():
    rows = [{"domain": "lab_color", "seed": str(k)} | {name: str(.5 + .1 * k) for name in DOMAINS} for k in range(3)]
    figure = matrix_figure(rows)
    assert [t.get_text() for t in figure.axes[0].texts] == ["60 ± 10"] * 6 and figure.axes[0].images[0].get_array().shape == (1, 6)
    assert matrix_figure(rows[:1]).axes[0].texts[0].get_text() == "50 ± 0"
    with pytest.raises(ValueError, match="rows: expected"): matrix_figure([])
