"Networks of odd widths, layouts and threads train without taking the process down (tools/fuzz_training.py tries many more)."
import pytest

import fuzz_training


@pytest.mark.slow
def test_odd_networks_survive():
    fine, words = fuzz_training.survives("AVX2", 0, 8)
    assert fine, words
