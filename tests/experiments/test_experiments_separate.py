"Separate loss on the digits: where centers begin evenly, and what is trained on."
import pytest
import torch

import separate as room
from fer_nb.files import read_csv
from fer_nb.wmnist import load_digits, to_input, wild_subset


def test_even_centers_stand_36_degrees_apart():
    centers = room.even()
    torch.testing.assert_close(centers.norm(dim=1), torch.full((10,), 2 ** .5))
    torch.testing.assert_close(torch.cosine_similarity(centers, centers.roll(1, 0)), torch.full((10,), torch.tensor(36.).deg2rad().cos().item()))

@pytest.mark.parametrize("seed", [0, 3])
def test_digits_to_watch_are_not_trained_on(seed):
    (x, y), (test, _) = room.digits(seed)
    images, labels = load_digits()
    watched = to_input(images[wild_subset(labels, [20] * 10, seed=99)], 14)
    assert y.bincount().tolist() == [300] * 10 and len(test) == 1500
    assert torch.cdist(watched.flatten(1), x.flatten(1)).min() > 0

def test_centers_are_learned_by_separate_loss_only():
    rows = [row for row in read_csv(room.RESULTS) if row["set"] == "digits"]
    assert len(rows) == 25 and {row["epoch"] for row in rows} == {"30"} and all(0 < float(row["accuracy"]) <= 1 for row in rows)
    for row in rows:
        learned = row["loss"] == "separate"
        assert len(row["true_intra"].split()) == 10 and len(row["agreement"].split()) == len(row["learned_intra"].split()) == 10 * learned
