"Real sets in their owners' layouts, and the faces that stand in for them."
import pytest
import torch

import dataset_trees as trees
from fer_nb.reproduce import EXPERIMENTS, Training, check_data, needs, parts
from fer_nb.reproduce.sets import Mapped


def test_stand_ins_are_gray_faces_with_mirror_images_in_training():
    train, held, everything = parts("ckplus", Training(("ckplus",)), {})
    x, y = train.tensors
    half = len(x) // 2
    assert x.shape[1:] == (1, 64, 64) and x[:half].flip(3).equal(x[half:]) and y[:half].equal(y[half:])
    assert held.tensors[0].equal(everything.tensors[0]) and not len(held) == len(train)

def test_stand_ins_of_emotionet_have_action_units():
    y = parts("emotionet", Training(("emotionet",)), {})[1].tensors[1]
    assert y.shape[1] == 12 and set(y.unique().tolist()) == {0., 1.}

def test_the_same_few_pictures_every_time():
    t = Training(("jaffe",), most=5)
    a, b = parts("jaffe", t, {}), parts("jaffe", t, {})
    assert [len(part) for part in a] == [5, 5, 5] and all(x.tensors[0].equal(y.tensors[0]) for x, y in zip(a, b))

def test_mapped(): assert [*map(Mapped(torch.utils.data.TensorDataset(torch.arange(3)), lambda x: x + 1).__getitem__, range(3))] == [1, 2, 3]

@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["kdef", "rafdb", "affectnet", "emotionet"])
def test_real_parts_do_not_overlap(name, folders):
    train, held, everything = parts(name, Training((name,), size=32), folders)
    assert 0 < len(held) and 0 < len(train) and len(train) + len(held) <= len(everything)
    x, y = train[0]
    assert x.shape == (3, 32, 32) and (y.shape == (12,) if name == "emotionet" else isinstance(int(y), int))
    gray = parts(name, Training((name,), size=32, gray=True), folders)[0][0][0]
    from fer_nb.preprocessing import IMAGENET
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in IMAGENET)
    plain = gray * std + mean
    torch.testing.assert_close(plain[0], plain[1], atol=1e-5, rtol=0)

@pytest.mark.filterwarnings("ignore")
def test_unlabeled_pictures_have_no_test(folders):
    train, held, everything = parts("unlabeled", Training(("rafdb",), unlabeled=("unlabeled",), size=32), folders)
    assert held is None and len(train) == len(everything) > 0

@pytest.mark.filterwarnings("ignore")
def test_reports_expected_counts(folders):
    report, _ = check_data(EXPERIMENTS["000-table-1"], folders)
    assert "expected 980 pictures, found 28" in report and "TFEID" in report and "JAFFE" in report and "CK+" in report
    assert "expected 12271 pictures in train, found 14" in check_data(EXPERIMENTS["003-table-2"], folders)[0]

def test_digits_are_counted_and_missing_ones_named(tmp_path):
    for part, n in (("train", 700), ("t10k", 70)): trees.idx_folder(tmp_path, n, part=part)
    e = EXPERIMENTS["003-table-1"]
    report, content = check_data(e, {"mnist": tmp_path})
    assert "expected 60000 and 10000 pictures, found 700 and 70" in report and set(content) == {"mnist"}
    with pytest.raises(ValueError, match="missing: mnist.*(?s:.)*train-images-idx3-ubyte"): check_data(e, {"kdef": tmp_path})

def test_missing_sets_are_named_with_their_layout(folders):
    with pytest.raises(ValueError, match="(?s)missing: ckplus, jaffe, tfeid.*never mixed.*KA.AN1.39.tiff"): check_data(EXPERIMENTS["000-table-1"], {"kdef": folders["kdef"]})
    with pytest.raises(ValueError, match="data: expected names among kdef, .*, got kdf"): check_data(EXPERIMENTS["000-table-1"], {"kdf": "x"})
    assert check_data(EXPERIMENTS["004-table-3"], {})[0] == "embedded pictures: wild_gray for AffectNet, video_gray for CK, lab_color for MMI, wild_color for RAF-DB"
    assert needs(EXPERIMENTS["000-table-2"], {}) == ["kdef", "ckplus", "jaffe", "tfeid"]
    own = {"fer2013": "x", "rafdb": "x"} # a laptop starts from four other sets, the paper from VGGFace
    assert set(needs(EXPERIMENTS["001-table-2"], own)) == set(own) and set(needs(EXPERIMENTS["001-table-2"], {})) == {*own, "kdef", "ckplus", "jaffe", "tfeid"}
    with pytest.raises(ValueError, match="missing: kdef, ckplus, jaffe, tfeid"): needs(EXPERIMENTS["001-table-2"], own, "smoke")
