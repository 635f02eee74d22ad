"A course with all assignments, made once."
import os
import shutil

import nbformat
import pytest

from fer_nb.assignments import make
from fer_nb.assignments.labs import labs


@pytest.fixture(scope="session")
def course(tmp_path_factory):
    pytest.importorskip("nbgrader")
    folder = tmp_path_factory.mktemp("course")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", "/nowhere") # nbgrader looks for alembic in there
        for lab in labs(): make(lab, folder)
        assert os.environ["PATH"] == "/nowhere"
    return folder

@pytest.fixture
def own_course(course, tmp_path):
    "A copy, to hand in to and to change."
    return shutil.copytree(course, tmp_path/"course")

@pytest.fixture(scope="session")
def releases(course): return {lab: nbformat.read(course/"release"/lab/f"{lab}.ipynb", 4) for lab in labs()}
