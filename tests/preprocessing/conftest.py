"Photographs for the tests of preprocessing."
from pathlib import Path

import pytest

from fer_nb.pictures import read_image
from photos import HOPPER


@pytest.fixture(scope="session")
def hopper(): return read_image(HOPPER)

@pytest.fixture(scope="session")
def photos(hopper):
    skimage = pytest.importorskip("skimage")
    return {"hopper": hopper, "astronaut": read_image(Path(skimage.__file__).parent/"data"/"astronaut.png")}
