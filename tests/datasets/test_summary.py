"Counting and looking: fer_nb.datasets.summary, from the installed package."
from pathlib import Path

import numpy as np
import pytest

import dataset_trees as trees
from dataset_trees import GRAY, faces, read
from fer_nb.datasets import EMOTIONS, Summary, emotionet, rafdb, sample_figure, unlabeled


def test_describe(tmp_path):
    summary = read(rafdb, trees.rafdb(tmp_path)).describe()
    assert summary.counts["train"] == {**dict.fromkeys(EMOTIONS, 2), "total": 14} and summary.counts["test"]["total"] == 7 and list(summary.counts) == ["train", "test"]
    lines = str(summary).splitlines()
    assert lines[0] == "RAF-DB" and lines[1].split() == [*EMOTIONS, "total"] and lines[2].split() == ["train", *"2222222", "14"]
    html = summary._repr_html_()
    assert html.count("<tr>") == 3 and "data:image/png;base64," in html and str(tmp_path) not in html

def test_describe_unlabeled_and_action_units(tmp_path):
    assert unlabeled(trees.unlabeled(tmp_path / "a")).describe().counts == {"all": {"unlabeled": 4, "total": 4}}
    summary = read(emotionet, trees.emotionet(tmp_path / "b")).describe()
    assert summary.counts == {"all": {"unlabeled": 2, "total": 2}} and summary.aus["present"]["AU1"] == 1 and summary.aus["absent"]["AU1"] == 1 and summary.aus["unlabeled"]["AU2"] == 2
    assert summary._repr_html_().count("<table>") == 2 and "AU43" in str(summary)
    mixed = faces(tmp_path / "c", splits=["train"] * 3 + ["test"] * 3)
    mixed.targets[5] = -1
    assert mixed.describe().counts["test"]["unlabeled"] == 1 and mixed.describe(3).counts["train"]["unlabeled"] == 0

def test_sample_figure(tmp_path):
    data = faces(tmp_path, 30)
    Path(data.paths[0]).write_bytes(b"")
    fig = sample_figure(data, columns=4)
    axes = np.array(fig.axes).reshape(3, 4)
    assert [ax.get_ylabel() for ax in axes[:, 0]] == ["neutral", "anger", "disgust"]
    assert [[len(ax.images) for ax in row] for row in axes] == [[0, 1, 1, 1], [1] * 4, [1] * 4] # the unreadable one stays empty
    assert axes[2, 3].images[0].get_array()[0, 0, 0] == GRAY * 3
    assert len(sample_figure(faces(tmp_path / "b", 4)).axes) == 6 # no more columns than pictures

def test_counts_need_no_picture(tmp_path, monkeypatch):
    data = faces(tmp_path)
    monkeypatch.setattr("fer_nb.datasets.folder.FaceFolder.picture", lambda self, i: pytest.fail("opened a picture"))
    assert str(Summary(data)).splitlines()[0] == "faces"
    with pytest.raises(ValueError, match="^columns: expected a whole number"): Summary(data, 0)
