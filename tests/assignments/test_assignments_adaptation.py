"Hidden tests of the lab: right answers in several styles, each known mistake, each erratum."
from fer_nb.assignments.adaptation import TESTS
from synthetic import check_lab


def test_all_get_what_they_deserve(): check_lab("adaptation", TESTS)
