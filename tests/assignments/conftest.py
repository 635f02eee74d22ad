"A course with all assignments, made once."
import nbformat
import pytest

from fer_nb.assignments import make
from fer_nb.assignments.labs import labs


@pytest.fixture(scope="session")
def course(tmp_path_factory):
    pytest.importorskip("nbgrader")
    folder = tmp_path_factory.mktemp("course")
    for lab in labs(): make(lab, folder)
    return folder

@pytest.fixture(scope="session")
def releases(course): return {lab: nbformat.read(course/"release"/lab/f"{lab}.ipynb", 4) for lab in labs()}
