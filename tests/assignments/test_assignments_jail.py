"The jail, tried from inside: what can be read, written, reached and undone."
import platform
import subprocess
import sys

import pytest

from fer_nb.assignments.jail import limit, own_world, shut_in  # noqa: F401 the room's names
from fer_nb.assignments.sandbox import Gone, Limits, Sandbox, run_cell

CALLS = {"x86_64": dict(unshare=272, mount=165, mount_setattr=442), "aarch64": dict(unshare=97, mount=40, mount_setattr=442)}


@pytest.fixture(scope="module")
def secret(tmp_path_factory):
    folder = tmp_path_factory.mktemp("secret")
    (folder/"key.txt").write_text("the answer is 42")
    return folder

@pytest.fixture(scope="module")
def box(secret):
    with Sandbox(Limits(600, 60, 200), [secret]) as box:
        if not box.apart: pytest.skip("this machine gives no process a world of its own")
        yield box

def said(box, source):
    ran = run_cell(box, source)
    return ran.error or "".join(o.get("text", "") for o in ran.outputs).strip()

def test_hidden_folders_are_empty(box, secret):
    assert said(box, f"import os; print(os.listdir({str(secret)!r}))") == "[]"
    assert "assignments" not in said(box, "import sys; print([m for m in sys.modules if m.endswith(('wild_mnist', 'real_digits', 'adaptation')) and 'assign' in m])")
    assert said(box, "import fer_nb.assignments.real_digits").startswith("ModuleNotFoundError")
    assert said(box, "import os, fer_nb; print(os.listdir(os.path.dirname(fer_nb.__file__) + '/assignments'))") == "[]"

def test_mounts_stay(box, secret):
    program = f"""import ctypes
c = ctypes.CDLL(None, use_errno=True)
print(c.umount2({str(secret).encode()!r}, 2), c.unshare(0x10020000), c.umount2({str(secret).encode()!r}, 2), c.mount(b'none', b'/', b'', 32 | 4096, None))
import os; print(os.listdir({str(secret)!r}))"""
    assert said(box, program).splitlines()[-1] == "[]" and said(box, program).startswith("-1")

def test_only_its_own_folder_can_be_written_to(box, secret):
    assert said(box, "open('mine.txt', 'w').write('x'); print(open('mine.txt').read())").endswith("x")
    for place in (str(secret/"new"), "/tmp/new", "/etc/new"): assert said(box, f"open({place!r}, 'w')").startswith(("OSError", "PermissionError"))
    assert said(box, "open('big', 'wb').write(bytes(10**9))").startswith(("OSError", "MemoryError"))

def test_no_network_and_no_neighbors(box):
    assert said(box, "import socket; socket.create_connection(('127.0.0.1', 80), 1)").startswith(("OSError", "ConnectionRefusedError"))
    assert said(box, "import os; print(os.getpid(), os.getppid())") == "1 0"
    assert said(box, "import os; os.kill(2**15, 9)").startswith("ProcessLookupError")
    assert said(box, "print(1 + 1)") == "2"

def test_memory_has_an_end(box): assert said(box, "x = bytearray(10**9)").startswith("MemoryError")

def test_all_of_its_processes_end_with_it():
    "Even those that have left its group."
    import psutil
    with Sandbox(Limits(30, 3, 200)): before = set(psutil.Process().children(recursive=True)) # the starter is there
    with Sandbox(Limits(30, 3, 200)) as box:
        run_cell(box, "import os, time\nif not os.fork():\n    os.setsid()\n    while True: time.sleep(.01)")
        own = set(psutil.Process().children(recursive=True)) - before
        assert len(own) >= 2 or not box.apart
        apart = box.apart
    def runs(process):
        try: return process.is_running() and process.status() != "zombie"
        except psutil.NoSuchProcess: return False
    if apart: assert psutil.wait_procs(filter(runs, own), 60)[1] == []
    with pytest.raises(Gone): run_cell(box, "1")

FORBID = """
import ctypes, struct, sys
def program(number): # of the system call that is refused: EACCES
    lines = [(0x20, 0, 0, 0), (0x15, 0, 1, number), (0x06, 0, 0, 0x50000 | 13), (0x06, 0, 0, 0x7fff0000)]
    return b"".join(struct.pack("HBBI", *line) for line in lines)
lines = ctypes.create_string_buffer(program(int(sys.argv[1])))
class Filter(ctypes.Structure): _fields_ = [("length", ctypes.c_ushort), ("lines", ctypes.c_void_p)]
linux = ctypes.CDLL(None)
assert not linux.prctl(38, 1, 0, 0, 0) and not linux.prctl(22, 2, ctypes.byref(Filter(4, ctypes.addressof(lines))), 0, 0)
from fer_nb.assignments.sandbox import Limits, Sandbox, run_cell
with Sandbox(Limits(600, 60, 300)) as box:
    ran = run_cell(box, "print(open('mine', 'w').write('abc'))")
    print(box.apart, ran.outputs[0]["text"], run_cell(box, "import fer_nb.assignments.real_digits").error)
"""

@pytest.mark.skipif(sys.platform != "linux" or platform.machine() not in CALLS, reason="numbers of Linux's system calls")
@pytest.mark.parametrize("call", ["unshare", "mount", "mount_setattr"])
@pytest.mark.slow
def test_where_a_container_forbids_it_the_sandbox_goes_on_without(call):
    "Docker's filter forbids unshare, its AppArmor profile mounts, and an old kernel has no mount_setattr."
    ran = subprocess.run([sys.executable, "-c", FORBID, str(CALLS[platform.machine()][call])], capture_output=True, text=True)
    assert ran.stdout.startswith("False 3\n") and "ModuleNotFoundError" in ran.stdout, ran.stdout + ran.stderr
