"Hidden tests of the lab: right answers in several styles, each known mistake."
from fer_nb.assignments.own_face import TESTS
from synthetic import check_lab


def test_all_get_what_they_deserve(): check_lab("own_face", TESTS)
