"The field of forces: arrows where the loss pushes."
import pytest
import torch
from torch import nn
from torch.testing import assert_close

from fer_nb.centers import center_loss, force_field, forces, island_loss
from loss_table import make

X, Y, C = torch.zeros(4, 3), torch.zeros(4, dtype=torch.int64), torch.zeros(5, 3)
BAD = [
    (lambda: force_field({"c": center_loss}, C, 0), r"c: expected a tensor \(K, 2\), got shape \(5, 3\)"),
    (lambda: force_field({"c": center_loss}, C[:, :2], 5), "y: expected a whole number from 0 to 4, got 5"),
    (lambda: force_field({"c": center_loss}, C[:, :2], 0, X[:, :2]), "labels: expected both, x and labels, or neither, got only one"),
    (lambda: force_field({"c": center_loss}, C[:, :2], 0, X, Y), "x: expected embeddings of the centers' dimension 2, got 3"),
    (lambda: force_field({"c": center_loss}, C[:, :2], 0, grid=0), "grid: expected a whole number of at least 1, got 0"),
]


def test_forces_are_minus_the_gradient_per_point():
    x, y, c = make(d=2)
    assert_close(forces(center_loss, x, y, c), c[y] - x)
    assert forces(lambda x, y, c: c.sum(), x, y, c).eq(0).all()
    with torch.no_grad(): assert forces(center_loss, x, y, c).abs().sum() > 0
    assert not x.requires_grad


def test_force_field_draws_what_forces_says():
    x, y, c = make(d=2)
    figure = force_field({"center": center_loss, "island": lambda x, y, c: island_loss(x, y, c) - center_loss(x, y, c)},
                         c, 2, x, y, grid=5)
    assert [ax.get_title() for ax in figure.axes[:3]] == ["center", "island", "total"]
    quiver, on_points = [q for q in figure.axes[0].collections if hasattr(q, "U")]
    at = torch.tensor(quiver.get_offsets().tolist(), dtype=torch.float64)
    force = forces(center_loss, at, torch.full((len(at),), 2), c)
    drawn = torch.tensor([quiver.U.tolist(), quiver.V.tolist()], dtype=torch.float64).T
    assert_close(nn.functional.cosine_similarity(drawn, force), torch.ones(len(at), dtype=torch.float64))
    assert_close(torch.tensor(quiver.get_array().tolist(), dtype=torch.float64), force.norm(dim=1))
    assert len(on_points.U) == len(x)
    empty = [q for q in figure.axes[1].collections if hasattr(q, "U")]
    assert all(len(q.U) == 0 for q in empty)    # the island term acts on centers, not on samples


@pytest.mark.parametrize("number", range(len(BAD)))
def test_bad_input_is_named(number):
    call, message = BAD[number]
    with pytest.raises(ValueError, match=message): call()
