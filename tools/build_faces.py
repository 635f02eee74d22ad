"""Build data_samples/faces_64.zip and its license: the pre-rendered faces, six domains at 64 px.

    OMP_NUM_THREADS=1 python tools/build_faces.py [--out data_samples]

The zip holds JPEG files `domain/split/emotion/person_picture.jpg` (gray ones with one channel) and manifest.csv: file, domain, split, emotion, the
seeds of person and picture, and 18 AUs for the person's left and right side. `fer_nb.faces.render_manifest` makes every picture again from its row.
The same machine and library versions give the same bytes: members are dated 1980 and written in order. Another CPU may round a few pixels
differently by a gray level, another Pillow may compress differently.
"""
import argparse, csv, io, zipfile
from pathlib import Path

from PIL import Image

from fer_nb.faces import DOMAINS, Faces
from packing import member

QUALITY = 85 # JPEG, full color resolution
LAB, WILD = (dict(train=80, validation=10, test=20), None), (dict(train=1800, validation=200, test=350), 1) # people per split; pictures of each: all 7 emotions, or one
SIZES = {name: WILD if name.startswith("wild") else LAB for name in DOMAINS}

NOTICE = """faces_64.zip: {count:,} rendered faces of people who do not exist

What it is: {domains}; 64 x 64 pixels, seven expressions, with action units, seeds and domains in manifest.csv.
Origin: rendered by fer_nb (tools/build_faces.py) from the head in head.npz, which is made of assets in the public domain
  under CC0 1.0 (see head_LICENSE.txt). No photograph of a person was used.
Licence: the authors of fer_nb dedicate this set to the public domain under the Creative Commons CC0 1.0 Universal
  Public Domain Dedication, https://creativecommons.org/publicdomain/zero/1.0/. Use it for anything; no attribution needed.
"""


def jpeg(picture):
    "The bytes of a picture (3, H, W), uint8; one channel if all three are the same."
    gray = picture[0].equal(picture[1]) and picture[0].equal(picture[2])
    image = Image.fromarray((picture[0] if gray else picture.permute(1, 2, 0).contiguous()).numpy())
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=QUALITY, subsampling=0, optimize=True)
    return buffer.getvalue()


def build(out, sizes=SIZES, progress=False):
    "Write faces_64.zip and faces_LICENSE.txt to the folder `out`; sizes: domain -> (split -> people, pictures of each)."
    out, table, counts = Path(out), [], {}
    with zipfile.ZipFile(out/"faces_64.zip", "w") as archive:
        for domain, (people, pictures) in sizes.items():
            for split, number in people.items():
                faces = Faces(domain, split, people=number, pictures=pictures)
                images, _ = faces.tensors(progress)
                for picture, row in zip(images, faces.manifest()):
                    name = f"{domain}/{split}/{row['emotion']}/{row['identity'] % 100_000:04}_{row['picture'] % 1000}.jpg"
                    archive.writestr(member(name, zipfile.ZIP_STORED), jpeg(picture))
                    table.append({"file": name} | row)
                counts[domain] = counts.get(domain, 0) + len(faces)
        text = io.StringIO()
        writer = csv.DictWriter(text, list(table[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows({key: 0 if value == 0 else value for key, value in row.items()} for row in table)
        archive.writestr(member("manifest.csv"), text.getvalue(), compresslevel=9)
    notice = NOTICE.format(count=len(table), domains=", ".join(f"{n:,} {domain}" for domain, n in counts.items()))
    (out/"faces_LICENSE.txt").write_text(notice, encoding="utf-8", newline="\n")
    return out/"faces_64.zip"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default=Path(__file__).parents[1]/"data_samples", help="folder to write to (default: data_samples)")
    path = build(parser.parse_args().out, progress=True)
    print(f"{path}: {path.stat().st_size:,} bytes")


if __name__ == "__main__": main()
