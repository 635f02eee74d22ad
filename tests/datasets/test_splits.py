"Splitting by person: fer_nb.datasets.splits, from the installed package."
import pytest
from hypothesis import given, settings, strategies as st

import dataset_trees as trees
from dataset_trees import faces, read
from fer_nb.datasets import FaceFolder, kdef, split_by_subject


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.integers(1, 9), min_size=3, max_size=30), st.integers(0, 9), st.sampled_from([(.8, .2), (.5, .5), (.7, .15, .15), (.98, .01, .01)]))
def test_no_person_in_two_parts(pictures, seed, fractions):
    subjects = [f"p{k}" for k, n in enumerate(pictures) for _ in range(n)]
    data = FaceFolder([str(i) for i in range(len(subjects))], [0] * len(subjects), subjects=subjects)
    parts = split_by_subject(data, fractions, seed)
    people = [set(part.subjects) for part in parts]
    assert all(people) and sum(map(len, people)) == len(set(subjects)) == len(set().union(*people))
    assert sorted(path for part in parts for path in part.paths) == sorted(data.paths)
    again = split_by_subject(data, fractions, seed)
    assert [p.paths for p in parts] == [p.paths for p in again]
    if len(pictures) >= 20 and min(fractions) > .1:
        for part, f in zip(parts, fractions): assert abs(len(part) - f * len(data)) <= max(pictures)

def test_split_by_subject_follows_the_seed_not_the_order(tmp_path):
    data = read(kdef, trees.kdef(tmp_path, people=[f"F{k:02d}" for k in range(1, 9)], views=("S",)))
    a, b = (sorted(set(split_by_subject(d, (.5, .5), 1)[0].subjects)) for d in (data, data.subset(list(range(len(data)))[::-1])))
    assert a == b and len(a) == 4 and len({tuple(sorted(set(split_by_subject(data, (.5, .5), s)[0].subjects))) for s in range(9)}) > 3

@pytest.mark.parametrize("fractions", [(1.,), (), (.5, .6), (.5, .4), (1.2, -.2), (1., 0.)])
def test_bad_fractions(fractions, tmp_path):
    with pytest.raises(ValueError, match="^fractions: expected at least two positive shares"): split_by_subject(faces(tmp_path, subjects=list("abcdef")), fractions)

def test_splitting_who_cannot_be_split(tmp_path):
    with pytest.raises(ValueError, match="^data: expected a data set that says who"): split_by_subject(faces(tmp_path))
    with pytest.raises(ValueError, match="^data: expected a data set that says who"): split_by_subject(faces(tmp_path, subjects=["a"] * 5 + [""]))
    with pytest.raises(ValueError, match="^fractions: expected at most 1 parts"): split_by_subject(faces(tmp_path, subjects=["a"] * 6))
