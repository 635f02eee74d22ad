"Every test of the widgets ends with all theatres closed and no training thread left."
import pytest

from fer_nb.widgets import page
from toy_runs import threads, until


@pytest.fixture(autouse=True)
def no_thread_left():
    yield
    for made in list(page._theatres): made.close()
    until(lambda: not threads())
