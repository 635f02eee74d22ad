"What cannot be written is said in one line; nothing is damaged, no temporary file stays; two writers at once leave what one leaves."
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="limits and users of Linux")]
WRITERS = ["save", "gif", "html", "figure", "csv", "jsonl", "fit", "preprocess", "lab"]


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    "Everything once, in a process of its own: it limits itself and becomes another user."
    import os
    home = tmp_path_factory.mktemp("writers")
    done = subprocess.run([sys.executable, Path(__file__).with_name("_writers.py")], capture_output=True, text=True, timeout=900,
                          env={**os.environ, "TMPDIR": "/dev/shm" if Path("/dev/shm").is_dir() else str(home)})
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1]), done.stderr

@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.slow
def test_a_full_disk(seen, name):
    found = seen[0][f"full {name}"]
    assert found["said"].startswith("OSError: [Errno 27] File too large: '") and "\n" not in found["said"]
    assert f"full {name}" in found["said"].split("large: ")[1]  # which file
    assert (found["changed"] == [] or name == "jsonl") and found["parts"] == [] and found["cut"] == []

@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.slow
def test_a_folder_that_may_not_be_written(seen, name):
    found = seen[0][f"closed {name}"]
    assert found["said"].startswith("PermissionError: [Errno 13] Permission denied: '") and "\n" not in found["said"]
    assert f"closed {name}" in found["said"] and ".part" not in found["said"] and found["files"] == ["rows.jsonl"] * (name == "jsonl")

def test_a_command_says_it_in_one_line(seen):
    assert seen[0]["full command"]["said"] == "exit 2" and seen[0]["closed command"]["said"] == "exit 2"
    said = [line for line in seen[1].splitlines() if line.startswith("fer_nb: ")]
    assert len(said) == 2 and "File too large" in said[0] and "Permission denied" in said[1]

@pytest.mark.parametrize("name", ["fit", "preprocess", "lab", "save"])
def test_two_writers_at_once(seen, name): assert seen[0][f"two {name}"] == {"ended": [0, 0], "alike": True, "parts": []}
