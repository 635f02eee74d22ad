"Similarity, separation, domain distance."
import math

import numpy as np
import pytest
import torch

from fer_nb import embeddings as E

def test_similarity_and_separation_by_hand():
    x, y = [[3., 0], [5, 0], [0, 1], [0, 3], [-1, -1], [-1, -1]], [4, 4, 7, 7, 9, 9]
    s = E.intra_inter(x, y)
    np.testing.assert_allclose(s.intra, [1, 1, 1])
    assert s.inter == pytest.approx((0 - 2 * math.sqrt(0.5)) / 3)
    np.testing.assert_allclose(E.separation(x, y), [math.sqrt(20), math.sqrt(10), np.inf])
    s = E.intra_inter([[1., 0], [0, 1], [-1, 0], [-3, 0]], [0, 0, 1, 1])
    np.testing.assert_allclose(s.intra, [math.sqrt(0.5), 1])
    assert s.inter == pytest.approx(-math.sqrt(0.5))
    assert np.isfinite(E.intra_inter([[0., 0], [0, 0], [1, 0]], [0, 0, 1]).intra).all()

def test_domain_distance_by_hand_and_at_its_ends():
    assert E.mmd(np.array([[0.]]), np.array([[2.]]), 1.) == pytest.approx(2 - 2 * math.exp(-2))
    assert E.mmd(np.array([[0.], [1.]]), np.array([[0.]]), 1.) == pytest.approx((2 + 2 * math.exp(-.5)) / 4 + 1 - (1 + math.exp(-.5)))
    cloud = np.random.default_rng(0).normal(size=(60, 4))
    assert E.mmd(cloud, cloud) == pytest.approx(0, abs=1e-12)
    far, near = E.domain_distance(cloud, cloud + 9), E.domain_distance(cloud, np.random.default_rng(1).normal(size=(60, 4)))
    assert far.proxy_a == 2 and far.mmd > 1 and near.proxy_a < 0.7 and near.mmd < 0.1
    assert E.domain_distance(np.zeros((6, 2)), np.zeros((6, 2))) == (0, 0)

def test_separation_of_many_samples_in_few_dimensions():
    "Four samples at distance 1 of each mean, the means 6 apart"
    cross = np.array([[1., 0], [-1, 0], [0, 1], [0, -1]])
    np.testing.assert_allclose(E.separation(np.concatenate([cross, cross + [6, 0]]), [0] * 4 + [1] * 4), [6, 6])

def test_domains_that_only_a_fitted_line_tells_apart():
    "The mean difference points elsewhere than the border; five of each are enough"
    g = np.random.default_rng(0)
    a, side = 3 * g.normal(size=200), np.repeat([0, 1], 100)
    x = np.stack([a, a + side + .05 * g.normal(size=200)], 1)
    assert E.domain_distance(x[:100], x[100:]).proxy_a > 1.9
    assert E.domain_distance(np.arange(5.)[:, None], np.arange(10., 15)[:, None]).proxy_a == 2

@pytest.mark.filterwarnings('error')
def test_all_at_one_point_are_alike(): assert E.mmd(np.ones((3, 2)), np.ones((2, 2))) == 0

def test_tensors_and_lists_are_as_good_as_arrays():
    x, y = torch.tensor([[3., 0], [5, 0], [0, 1], [0, 3]]), torch.tensor([0, 0, 1, 1])
    assert E.separation(x, y).tolist() == E.separation(x.tolist(), y.tolist()).tolist() and E.mmd(x, x + 1) == E.mmd(x.numpy(), (x + 1).tolist())
    assert E.mmd(x, x + 1) == E.mmd(x.double(), x.double() + 1) # in double precision whatever comes

BAD = [
    (r"y: expected shape \(3,\), got \(2,\)", lambda: E.intra_inter(np.zeros((3, 2)), [0, 1])),
    ("y: expected at least two classes, got 1", lambda: E.separation(np.zeros((3, 2)), [1, 1, 1])),
    ("x: expected finite", lambda: E.intra_inter([[np.nan, 0], [1, 1]], [0, 1])),
    (r"xt: expected shape \(None, 2\), got \(9, 3\)", lambda: E.domain_distance(np.zeros((9, 2)), np.zeros((9, 3)))),
    ("xs and xt: expected at least 5", lambda: E.domain_distance(np.zeros((4, 2)), np.zeros((9, 2)))),
    ("xs: expected shape", lambda: E.domain_distance(np.zeros(9), np.zeros((9, 1)))),
    ("xs: expected shape", lambda: E.mmd(np.zeros(9), np.zeros((9, 1)))),
    ("xt: expected shape", lambda: E.mmd(np.zeros((9, 2)), np.zeros((9, 3)))),
    ("xs and xt: expected at least 5 embeddings each, got .9, 4.", lambda: E.domain_distance(np.zeros((9, 2)), np.zeros((4, 2)))),
    ("xs and xt: expected finite embeddings, got NaN or infinity", lambda: E.domain_distance(np.ones((9, 2)) * np.nan, np.ones((9, 2)) * 1)),
    ("xs and xt: expected finite embeddings, got NaN or infinity", lambda: E.domain_distance(np.ones((9, 2)) * 1, np.ones((9, 2)) * np.nan)),
    ("xs and xt: expected finite embeddings, got NaN or infinity", lambda: E.domain_distance(np.ones((9, 2)) * np.inf, np.ones((9, 2)) * 1)),
    ("xs and xt: expected finite embeddings, got NaN or infinity", lambda: E.domain_distance(np.ones((9, 2)) * 1, np.ones((9, 2)) * -np.inf)),
    ("xs and xt: expected finite embeddings, got NaN or infinity", lambda: E.mmd(np.ones((9, 2)) * np.nan, np.ones((9, 2)) * 1)),
    ("xs and xt: expected finite embeddings, got NaN or infinity", lambda: E.mmd(np.ones((9, 2)) * 1, np.ones((9, 2)) * np.nan)),
    ("xs and xt: expected finite embeddings, got NaN or infinity", lambda: E.mmd(np.ones((9, 2)) * np.inf, np.ones((9, 2)) * 1)),
    ("xs and xt: expected finite embeddings, got NaN or infinity", lambda: E.mmd(np.ones((9, 2)) * 1, np.ones((9, 2)) * -np.inf)),
    ("xs and xt: expected at least 1 embeddings each, got .0, 3.", lambda: E.mmd(np.zeros((0, 2)), np.zeros((3, 2)))),
    ("xs and xt: expected at least 1 embeddings each, got .3, 0.", lambda: E.mmd(np.zeros((3, 2)), np.zeros((0, 2)))),
    ("width: .*got 0", lambda: E.mmd(np.zeros((3, 2)), np.ones((3, 2)), 0)),
    ("width: .*got -1", lambda: E.mmd(np.zeros((3, 2)), np.ones((3, 2)), -1)),
    ("width: .*got True", lambda: E.mmd(np.zeros((3, 2)), np.ones((3, 2)), True)),
    ("width: .*got 'a'", lambda: E.mmd(np.zeros((3, 2)), np.ones((3, 2)), 'a')),
    ("width: .*got nan", lambda: E.mmd(np.zeros((3, 2)), np.ones((3, 2)), math.nan)),
    ("seed: .*got True", lambda: E.domain_distance(np.zeros((9, 2)), np.ones((9, 2)), True)),
    ("seed: .*got 'a'", lambda: E.domain_distance(np.zeros((9, 2)), np.ones((9, 2)), 'a')),
    ("seed: .*got -1", lambda: E.domain_distance(np.zeros((9, 2)), np.ones((9, 2)), -1)),
    ("xs: expected numbers", lambda: E.mmd([["a"]], [[1.]])),
    ("y: expected whole numbers, got values like .0.5", lambda: E.separation(np.zeros((2, 2)), [.5, 1])),
    ("y: expected whole numbers", lambda: E.intra_inter(np.zeros((2, 2)), [np.nan, 1])),
    (r"^xs: expected real numbers of shape \(None, None\), got complex ones$", lambda: E.mmd(np.ones((9, 2)) * 1j, np.ones((9, 2)))),
    (r"^xt: expected real numbers of shape \(None, 2\), got complex ones$", lambda: E.domain_distance(np.ones((9, 2)), torch.ones(9, 2) * 1j)),
    ("^x: expected real numbers", lambda: E.separation(np.ones((2, 2)) * 1j, [0, 1])), ("^y: expected real numbers", lambda: E.intra_inter(np.zeros((2, 2)), np.array([0, 1j]))),
    ("y: expected numbers", lambda: E.intra_inter(np.zeros((2, 2)), ["a", "b"])),
]

@pytest.mark.parametrize("says, call", BAD, ids=[f"{i}-{says[:24]}" for i, (says, _) in enumerate(BAD)])
def test_bad_input_says_what_was_expected(says, call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=says): call()
    assert list(tmp_path.iterdir()) == []
