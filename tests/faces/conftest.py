"A head and a renderer for all tests of the faces."
import pytest
import torch

from fer_nb.faces import FaceRenderer, Head

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def head(): return Head()


@pytest.fixture(scope="session")
def renderer(): return FaceRenderer()
