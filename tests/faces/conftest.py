"A head and a renderer for all tests of the faces."
import pytest

from fer_nb.faces import FaceRenderer, Head


@pytest.fixture(scope="session")
def head(): return Head()


@pytest.fixture(scope="session")
def renderer(): return FaceRenderer()
