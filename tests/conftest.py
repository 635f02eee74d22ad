"Fixtures that several test files share."
import pytest


@pytest.fixture(scope="session")
def jupyter(tmp_path_factory):
    "One JupyterLab for all browser tests of this process; each test file opens its notebooks in a `room` of it."
    pytest.importorskip("jupyterlab")
    from lab_server import find_chromium, lab
    find_chromium()
    with lab(tmp_path_factory.mktemp("jupyter")) as server: yield server
