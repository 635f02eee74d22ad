"tools/kill9.py, a few moments: nothing is lost, and what goes on ends like what was never killed."
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.skipif(sys.platform == "win32", reason="kills by signal")
@pytest.mark.slow
def test_killed_at_random_moments():
    program = Path(__file__).resolve().parent.parent/"tools"/"kill9.py"
    run = subprocess.run([sys.executable, program, "--count", "4", "--seed", "1", "--kinds", "lab", "save"], capture_output=True, text=True)
    assert run.returncode == 0 and run.stdout.splitlines()[-1].endswith(": 0 of them lost something or ended differently"), run.stdout + run.stderr
