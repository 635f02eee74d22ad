"Fixtures that several test files share."
import gc
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest
from filelock import FileLock

os.environ['OMP_NUM_THREADS'] = '1'                         # of torch's and of every process's that a test starts: before torch comes

from pair import PROCESSES, Pair
from warm_kernel import SLOW, Warm

sys.modules[SLOW] = None

KERNELS = 'FER_NB_TEST_KERNELS'                             # where kernels are asked for, by all processes of this run
WARM = """import sys
sys.path.append({folder!r})
from jupyter_client.provisioning import local_provisioner
from warm_kernel import Warm
local_provisioner.launch_kernel = Warm({path!r})
"""


def pytest_configure(config):
    "The first process names the place."
    if not hasattr(config, "workerinput"): os.environ[KERNELS] = f"{tempfile.mkdtemp(prefix='kernels_')}/{os.getpid()}"


def pytest_unconfigure(config):
    if not hasattr(config, "workerinput"): shutil.rmtree(Path(os.environ[KERNELS]).parent, ignore_errors=True)


def pytest_collection_modifyitems(items):
    "Notebooks first, so that no process waits for a long one at the end."
    items.sort(key=lambda item: item.get_closest_marker("notebooks") is None)


def pytest_collectstart(): gc.disable()                      # what is imported now stays: nobody need look through it for garbage


def pytest_collection_finish():
    gc.freeze()                                             # nor later
    gc.set_threshold(100_000, 20, 50)                       # what is written down of a graph is a million small things: a third of its time was looking for garbage
    gc.enable()


@pytest.fixture(scope="session")
def once(tmp_path_factory, worker_id):
    "Folders that are filled once, by the process that comes first, however many ask: `once(name, fill)` gives the folder after `fill(folder)`."
    base = tmp_path_factory.getbasetemp()
    if worker_id != "master": base = base.parent
    def folder(name, fill):
        with FileLock(base/f"{name}.lock"):
            if not (base/name).exists():
                fill(base/f"{name}.soon")
                os.rename(base/f"{name}.soon", base/name)
        return base/name
    return folder


@pytest.fixture(scope="session")
def jupyter(tmp_path_factory):
    "One JupyterLab for all browser tests of this process; each test file opens its notebooks in a `room` of it."
    pytest.importorskip("jupyterlab")
    from lab_server import find_chromium, lab
    find_chromium()
    config = WARM.format(folder=str(Path(__file__).parent), path=os.environ[KERNELS])
    with lab(tmp_path_factory.mktemp("jupyter"), config) as server: yield server


@pytest.fixture(scope="module")
def browser():
    "One Chromium for all tests of a file."
    from lab_server import chromium
    with chromium() as browser: yield browser


@pytest.fixture(scope="session")
def warm():
    "Starts kernels that need not import torch first."
    return Warm(os.environ[KERNELS])


@pytest.fixture(scope="session")
def ddp():
    """Two processes joined by gloo that stay for the whole run: `first, second = ddp(check, *args)`.

    `check(rank, *args)` is a function at the top level of any module or test file; both processes run it, and what they return comes back (tensors too).
    It seeds itself and leaves the group as it was: no `init_process_group`, no `destroy_process_group`. RANK, LOCAL_RANK and WORLD_SIZE are set, so an
    `Accelerator(cpu=True)` made in there finds the group; reset accelerate's state first (`AcceleratorState._reset_state(True)`).
    An exception in a check fails the test that asked, with the traceback of that process, and the next check gets a new pair.
    The same function called without the fixture, `check(0, *args)`, is what one process does."""
    pair = Pair()
    yield pair
    pair.close()


@pytest.fixture(scope="session", autouse=True)
def forked_workers():
    "The workers of a table are forked from the process that becomes each of `ddp`'s; those of a program that a test starts are spawned, as they are for users."
    from fer_nb import tables
    tables.get_context = lambda method: PROCESSES


@pytest.fixture(autouse=True)
def one_thread():
    "As many threads of torch's after a test as before it: with two, all that come later wait for each other on a busy machine, twenty times as long."
    yield
    torch = sys.modules.get('torch')
    if torch and torch.get_num_threads() != 1:
        torch.set_num_threads(1)
        pytest.fail("this test leaves torch with more than one thread")
