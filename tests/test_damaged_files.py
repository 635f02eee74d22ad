"Every file that fer_nb reads, damaged in every way: a ValueError of one line that names it, or what can still be read; and the file stays as it is."
import warnings
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
import torch

import dataset_trees as trees
from fer_nb.backbones import LeNetsPP
from fer_nb.embeddings import Run
from fer_nb.files import append_line, read_csv, read_lines, write_csv
from fer_nb.grl import read_curves
from fer_nb.large_margin import read_aus
from fer_nb.papers import read_rows
from fer_nb.preprocessing import read_manifest
from fer_nb.training import Batches, Objective, fit
from fer_nb.wmnist import read_idx
from recorded_parts import a_run


def trained(folder):
    "A training of two steps that keeps a checkpoint, or goes on from it."
    torch.manual_seed(0)
    data = Batches(torch.zeros(4, 1, 12, 12), torch.arange(4) % 2, batch_size=2)
    for step in fit(LeNetsPP(2, width=.1, in_size=12), Objective(), data, 1, checkpoint=folder, checkpoint_every=2): pass


def table(path, *head):
    write_csv(path, [dict.fromkeys(head, 1.) for _ in range(3)])


class Kind(NamedTuple):
    "A kind of file."
    name: str
    write: Callable  # (path): a good one
    read: Callable  # (path)


def lines(path):
    for n in range(3): append_line(path, {"a": n})


OPENFACE = ("frame", "success", *(f"AU{n:02d}_{kind}" for n in (1, 2, 4) for kind in "rc"))
KINDS = [
    Kind("run.npz", lambda p: a_run().save(p), Run.load),
    Kind("step_000000002.pt", lambda p: trained(p.parent), lambda p: trained(p.parent)),
    Kind("train-images-idx3-ubyte", lambda p: trees.idx_folder(p.parent), lambda p: read_idx(p, 3)),
    Kind("train-images-idx3-ubyte.gz", lambda p: trees.idx_folder(p.parent, gz=True), lambda p: read_idx(p, 3)),
    Kind("rows.jsonl", lines, read_lines),
    Kind("results.csv", lambda p: table(p, "loss", "seed"), read_rows),
    Kind("table.csv", lambda p: table(p, "loss", "seed"), read_csv),
    Kind("manifest.csv", lambda p: table(p, "file", "bytes", "status"), lambda p: read_manifest(p.parent)),
    Kind("log.csv", lambda p: table(p, "step", "domain loss", "domain accuracy"), read_curves),
    Kind("openface.csv", lambda p: table(p, *OPENFACE), read_aus),
]


def damages(good):
    "Ways of being broken, by name."
    rng = np.random.default_rng(0)
    yield "empty", b""
    for share in (.1, .5, .9): yield f"cut at {share}", good[:int(share * len(good))]
    yield "without its last byte", good[:-1]
    yield "twice", good + good
    yield "zeros", bytes(len(good))
    for text in ("[]", "null", "7", '{"a": NaN}', "a,b\n1\n", '"', "PK\3\4 nothing", "\ufeffa,b\n1,2\n"): yield repr(text), text.encode()
    yield "UTF-16", "a,b\n1,2\n".encode("utf-16")
    yield "a picture", b"\x89PNG\r\n\x1a\n" + bytes(range(256))
    yield "deep JSON", b"[" * 100_000
    yield "one long line", b"1," * 100_000
    yield "random", rng.bytes(len(good))
    for at in rng.integers(0, len(good), 20): yield f"byte {at} flipped", good[:at] + bytes([good[at] ^ 0x41]) + good[at + 1:]


def fault(kind, path, bad):
    "None if reading it ends as it should, else what happened."
    path.write_bytes(bad)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            kind.read(path)
    except ValueError as error:
        if "\n" in str(error) or path.name not in str(error) and str(path.parent) not in str(error): return f"ValueError: {error}"
    except Exception as error: return f"{type(error).__name__}: {error}"
    return None if path.read_bytes() == bad else "the file is another one"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_damaged_file_is_an_error_of_one_line(kind, tmp_path):
    path = tmp_path/kind.name
    kind.write(path)
    good = path.read_bytes()
    kind.read(path)
    assert not {name: found for name, bad in damages(good) if (found := fault(kind, path, bad))}
