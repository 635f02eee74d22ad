"Two rounds of the controls of a race and a mirror, both training: the console stays silent and nothing piles up (ten minutes: tools/long_look.py)."
import pytest

from long_look import NOTEBOOKS, grown, look

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


@pytest.mark.slow
def test_controls_leave_nothing_behind(jupyter, browser):
    with jupyter.room("long") as room: rows, errors = look(room, browser, minutes=0, pause=.05)
    assert errors == [] and len(rows) == 2 * len(NOTEBOOKS)
    assert all(row["painted"] > 5 for row in rows) and all(v < 20 for page in grown(rows).values() for v in page.values()), rows
