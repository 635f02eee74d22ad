"Two real sets of digits of one size."
import pytest

from fer_nb.adaptation import DIGIT_SETS, digits_of


def test_the_digits_of_both_sets():
    for name, (train, test) in dict(mnist=(3500, 1500), optdigits=(1200, 597)).items():
        x, y = digits_of(name)
        assert len(x) == train and len(digits_of(name, False)[1]) == test and x.shape[1:] == (1, 14, 14) and y.unique().tolist() == list(range(10))
    assert list(DIGIT_SETS) == ['mnist', 'optdigits']
    with pytest.raises(ValueError, match="name: expected 'mnist' or 'optdigits'|name: expected"): digits_of('usps')
