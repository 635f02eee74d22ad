"evaluate, score, readout."
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from sklearn.metrics import balanced_accuracy_score, confusion_matrix
from torch import nn

from fer_nb.backbones import Output
from fer_nb.training import Score, confusion_figure, evaluate, score


class Table(nn.Module):
    "Looks up its answers: x holds row numbers."
    def __init__(self, embedding, logits):
        super().__init__()
        self.embedding, self.logits = nn.Parameter(embedding), nn.Parameter(logits)
        self.drop = nn.Dropout(.9)

    def forward(self, x): return Output(self.drop(self.embedding[x]), self.drop(self.logits[x]))


TABLE = Table(torch.tensor([[0., 0.], [1., 0.], [4., 4.], [5., 4.]]), torch.tensor([[2., 1., 0.], [1., .9, 0.], [0., 0., 1.], [0., 3., 1.]]))


@pytest.mark.parametrize("head, kwargs, predicted", [
    ("linear", {}, [0, 0, 2, 1]),
    ("prior", {"prior": [80, 10, 10]}, [1, 1, 2, 1]),
    ("prior", {"prior": torch.tensor([.8, .1, .1])}, [1, 1, 2, 1]),
    ("prior", {"prior": [1, 1, 1]}, [0, 0, 2, 1]),
    ("center", {"centers": torch.tensor([[1., .5], [5., 5.], [-1., 0.]])}, [2, 0, 1, 1]),
])
def test_heads(head, kwargs, predicted):
    y = torch.tensor([0, 1, 2, 1])
    s = evaluate(TABLE, torch.arange(4), y, head=head, batch_size=3, **kwargs)
    assert isinstance(s, Score) and s.accuracy == np.mean([a == b for a, b in zip(predicted, y.tolist())])
    assert (s.confusion == confusion_matrix(y, predicted, labels=range(3))).all() and s.confusion.sum() == 4


def test_evaluate_restores_modes_and_random_state():
    TABLE.train(); TABLE.drop.eval()
    rng = torch.get_rng_state()
    evaluate(TABLE, torch.arange(4), torch.tensor([0, 1, 2, 1]))
    assert TABLE.training and not TABLE.drop.training and torch.equal(rng, torch.get_rng_state())
    TABLE.eval()
    evaluate(TABLE, torch.arange(4), torch.tensor([0, 1, 2, 1]))
    assert not TABLE.training
    TABLE.train()
    with pytest.raises(ValueError, match="y: expected labels from 0 to 2, .*got 0 to 7"): evaluate(TABLE, torch.arange(4), torch.tensor([0, 1, 2, 7]))
    assert TABLE.training and TABLE.drop.training


def test_absent_class():
    s = score(torch.tensor([0, 0, 2]), torch.tensor([0, 1, 2]), 4)
    assert np.isnan(s.recall[[1, 3]]).all() and s.recall[[0, 2]].tolist() == [.5, 1.] and s.balanced_accuracy == .75


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=30))
@settings(max_examples=50, deadline=None)
def test_score_is_sklearns(pairs):
    y, p = torch.tensor(pairs).T
    s = score(y, p, 4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = balanced_accuracy_score(y, p)
    np.testing.assert_allclose([s.balanced_accuracy, s.accuracy], [expected, (y == p).float().mean()], rtol=1e-6)


@pytest.mark.parametrize("kwargs, message", [
    (dict(head="best"), "head: expected .*'best'"),
    (dict(head="center"), 'centers: expected them for head="center", got None'),
    (dict(head="center", centers=torch.zeros(3, 5)), r"centers: expected shape \(K, 2\), got \(3, 5\)"),
    (dict(head="prior"), 'prior: expected them for head="prior", got None'),
    (dict(head="prior", prior=[1, 2]), r"prior: expected shape \(3,\), got \(2,\)"),
    (dict(head="prior", prior=[1, 0, 2]), "prior: expected positive numbers"),
    (dict(head="prior", prior=[1j, 1, 1]), "prior: expected real numbers, got torch.complex64"),
    (dict(head="prior", prior="abc"), r"prior: expected numbers, got str \("),
    (dict(head="center", centers=torch.zeros(3, 2) * 1j), "centers: expected real numbers, got torch.complex64"),
    (dict(x=torch.arange(4) * 1j), r"x: expected real numbers \(N, …\), got \(4,\) of torch.complex64"),
    (dict(x=torch.tensor(1)), r"x: expected real numbers \(N, …\), got \(\) of torch.int64"),
    (dict(x=None), "x: expected a tensor, got NoneType"), (dict(y=[0, 1, 2, 1]), "y: expected a tensor, got list"),
    (dict(y=torch.tensor([0, .5, 1, 2])), r"y: expected labels \(B,\) of dtype int64, got \(4,\) of torch.float32"),
    (dict(batch_size=0), "batch_size: .*got 0"),
    (dict(batch_size=True), "batch_size: .*got True"),
    (dict(batch_size="4"), "batch_size: .*got '4'"),
    (dict(y=torch.tensor([0, 1])), "y: expected as many labels as samples .*4 samples and 2 labels"),
    (dict(x=torch.zeros(0, dtype=torch.int64), y=torch.zeros(0, dtype=torch.int64)), "y: .*0 samples and 0 labels"),
    (dict(y=torch.tensor([0, 1, 2, 3])), "y: expected labels from 0 to 2"),
])
def test_evaluate_refuses(kwargs, message):
    arguments = {"x": torch.arange(4), "y": torch.tensor([0, 1, 2, 1]), **kwargs}
    with pytest.raises(ValueError, match=message): evaluate(TABLE, arguments.pop("x"), arguments.pop("y"), **arguments)


@pytest.mark.parametrize("y, predicted, k, message", [
    ([0, 3], [0, 1], 3, "y: expected labels from 0 to 2, .*got 0 to 3"), ([0, 1], [0, -1], 3, "predicted: expected labels from 0 to 2, .*got -1 to 0"),
    ([0, 1], [0], 3, "predicted: expected as many as labels, at least one, got 1 for 2 labels"), ([], [], 3, "predicted: .*got 0 for 0 labels"),
    ([0, 1], [0, 1], 0, "num_classes: .*got 0"), ([0], [0], True, "num_classes: .*got True"),
])
def test_score_refuses(y, predicted, k, message):
    with pytest.raises(ValueError, match=message): score(torch.tensor(y, dtype=torch.int64), torch.tensor(predicted, dtype=torch.int64), k)


def test_score_refuses_what_are_no_class_numbers():
    with pytest.raises(ValueError, match="^predicted: expected a tensor, got list"): score(torch.tensor([0, 1]), [0, 1], 3)
    with pytest.raises(ValueError, match=r"y: expected labels \(B,\) of dtype int64, got \(2,\) of torch.float32"): score(torch.zeros(2), torch.tensor([0, 1]), 3)
    with pytest.raises(ValueError, match=r"predicted: expected labels \(B,\) of dtype int64, got \(1, 2\)"): score(torch.tensor([0, 1]), torch.tensor([[0, 1]]), 3)


def test_the_picture():
    s = score(torch.tensor([0, 0, 1]), torch.tensor([0, 1, 1]), 2)
    image = confusion_figure({"one": s, "two": s}, ["<b>", "x"]).axes[0].images[0].get_array()
    assert image.tolist() == [[.5, .5], [0, 1]]
