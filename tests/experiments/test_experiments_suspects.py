"Suspects: what each case changes, and that nothing else does."
import pytest
import torch

import suspects as room
from fer_nb.files import read_csv
from fer_nb.tables import paired

SHIPPED = read_csv(room.RESULTS)


def test_the_shipped_table_is_complete():
    assert list(SHIPPED[0]) == room.FIELDS
    there = {(r["case"], r["method"], int(r["seed"])) for r in SHIPPED}
    assert len(there) == len(SHIPPED) and there == {tuple(job[k] for k in room.KEY) for job in room.jobs_of(room.SEEDS)}

def test_a_ring_as_large_as_it_should_be():
    x = torch.zeros(1, 1, 64, 64)
    x[..., 20:44, 20:44] = 1 # 24 pixels
    for size, side in ((1.5, 36), (.5, 12)):
        y = room.resized(x, size)
        assert y.shape == x.shape and abs(y[0, 0, 32].sum().item() - side) < 1.5 and abs(y[0, 0, :, 31:33].sum().item() / 2 - side) < 1.5

def test_side_light_brightens_the_right():
    y = room.side_light(torch.ones(1, 1, 4, 5))
    assert y[0, 0, 0].tolist() == pytest.approx([.15, .575, 1., 1.425, 1.85])

def test_a_change_is_the_targets_alone():
    for ground, source, target, _ in room.CASES.values():
        assert ", " not in source
        xs, xt = (ground.parts(name, "test")[0] for name in (source, target))
        assert xs.shape[1:] == xt.shape[1:]
    same, larger = (room.digits(name, "test") for name in ("mnist", "mnist, 1.4"))
    assert torch.equal(same[1], larger[1]) and not torch.equal(same[0], larger[0])

def test_rare_classes_are_rare_in_training_only():
    count = room.digits("optdigits, half rare", "train")[1].bincount()
    assert count[:5].max() < 40 < 100 < count[5:].min()
    assert torch.equal(room.digits("optdigits, half rare", "test")[1], room.digits("optdigits", "test")[1])

def test_networks_have_what_their_names_say():
    norms = lambda model: sum(isinstance(m, torch.nn.modules.batchnorm._BatchNorm) for m in model.modules())
    assert (norms(room.unnormalized()), norms(room.DigitCNN()), norms(room.Net()), norms(room.NormalizedNet())) == (0, 3, 3, 4)
    for model, x in ((room.unnormalized(), torch.zeros(2, 1, 14, 14)), (room.NarrowCNN(), torch.zeros(2, 1, 14, 14)), (room.NormalizedNet(), torch.zeros(2, 1, 64, 64))):
        assert model(x).embedding.shape == (2, 64)

def test_gains_by_hand():
    rows = [dict(case="a", method=m, seed=str(s), source_test="50", target_test=str(v)) for m, s, v in (("mixed", 0, 40), ("mixed", 1, 50), ("CORAL", 0, 44), ("CORAL", 1, 56))]
    assert [cell.strip() for cell in room.table(rows).splitlines()[2].strip("|").split("|")] == ["a", "50.0 ± 0.0", "–", "–", "45.0 ± 7.1", "+5.0 [-7.7, +17.7]", "–"]

def test_the_gap_of_the_faces_is_a_size_and_no_statistics_close_it():
    "Over five seeds, both directions: as large as the source's the target's faces are read far better; AdaBN does nothing of the kind."
    of = lambda case, method, column="target_test": {r["seed"]: float(r[column]) for r in SHIPPED if (r["case"], r["method"]) == (case, method)}
    for place, at in (("studio", room.SMALLER), ("laboratory", room.LARGER)):
        as_they_are, fitted = (f"faces of the {place}, {size:g} times as large" for size in (1., at[3]))
        assert paired(of(fitted, "source"), of(as_they_are, "source"))[1] > 4
        assert paired(of(as_they_are, "AdaBN"), of(as_they_are, "source"))[0] < 5
    assert paired(of("digits: nothing", "AdaBN"), of("digits: nothing", "source"))[1] > 5
