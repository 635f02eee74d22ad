"Two networks for a laptop: the table is complete and made again byte for byte."
import pytest

import laptop_networks as room
from fer_nb.files import read_csv

ROWS = read_csv(room.RESULTS)


def test_faces_that_were_seen_are_known_better():
    assert all(100 / 7 < float(row["strange"]) < float(row["known"]) <= 100 for row in ROWS)

@pytest.mark.parametrize("network", room.NETWORKS)
def test_weights_are_the_networks_and_pictures_fit(network):
    make, planes = room.NETWORKS[network]
    model = make().eval()
    assert {int(row["weights"]) for row in ROWS if row["network"] == network} == {sum(p.numel() for p in model.parameters())}
    x, y = room.faces("test", planes)
    assert x.shape == (len(y), planes, 64, 64) and len(y) == 140 and model(x[:2]).logits.shape == (2, 7)

def test_one_cell(monkeypatch):
    monkeypatch.setattr(room, "EPOCHS", 1)
    row = room.cell(dict(network="LabCNN()", seed=0))
    assert list(row) == room.FIELDS and 0 <= row["strange"] <= 100
