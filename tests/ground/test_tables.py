"Statistics beside scipy's, tables that hold, trainings that go on."
import math
import os
import re
import signal
import subprocess
import sys
from multiprocessing import active_children

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.stats import t as student, ttest_1samp, ttest_rel

from fer_nb.files import append_line, read_lines
from fer_nb.tables import fill, finished, interval, markdown, paired, parallel, seeds_needed, spread, with_interval
from waiting import wait_for

numbers = st.lists(st.floats(-100, 100).map(lambda v: round(v, 3)), min_size=2, max_size=8)


@settings(max_examples=40)
@given(numbers, st.sampled_from([.5, .9, .95, .99]))
def test_interval_is_students(d, level):
    low, high = ttest_1samp(d, 0).confidence_interval(level) if len(set(d)) > 1 else (d[0], d[0])
    assert np.allclose(interval(d, level), (np.mean(d), low, high), atol=1e-6)

def test_interval_by_hand():
    assert [round(v, 3) for v in interval([1, 2, 3])] == [2, -0.484, 4.484]

def test_interval_of_too_few():
    mean, low, high = interval([3.])
    assert mean == 3 and math.isnan(low) and math.isnan(high) and all(map(math.isnan, interval([])))

@pytest.mark.parametrize("level", [0, 1, 95, -1, math.nan, "0.9", True])
def test_level_is_a_share(level):
    with pytest.raises(ValueError, match="level: expected a finite number above 0 and below 1, got "): interval([1, 2], level)

@pytest.mark.parametrize("bad", [math.nan, math.inf, "2", 1j, None])
def test_differences_are_finite_numbers(bad):
    with pytest.raises(ValueError, match="^differences: expected a finite number, got "): interval([1., bad])

def test_paired_takes_the_seeds_that_both_have():
    a, b = {0: 3., 1: 5., 2: 9., 7: 1.}, {0: 2., 1: 3., 2: 5., 3: 0.}
    low, high = ttest_rel([3, 5, 9], [2, 3, 5]).confidence_interval(.9)
    assert np.allclose(paired(a, b, .9), (7 / 3, low, high)) and math.isnan(paired({0: 1}, {1: 1})[0])

@pytest.mark.parametrize("effect, seeds", [(.2, 199), (-.5, 34), (.8, 15), (5, 3)])
def test_seeds_needed_by_the_books(effect, seeds):
    "Sample sizes of a paired t-test for Cohen's effect sizes, power 80 %."
    assert seeds_needed([effect - 2**-.5, effect + 2**-.5]) == seeds

@pytest.mark.parametrize("power, level", [(.5, .95), (.9, .9), (.95, .99)])
def test_seeds_needed_is_the_first_number_that_is_enough(power, level):
    "By drawing: so many seeds find the difference often enough, one seed fewer does not."
    d, rng = [.1, 1.3, -.4, .9], np.random.default_rng(0)
    n, effect = seeds_needed(d, power, level), np.mean(d) / np.std(d, ddof=1)
    def found(n):
        draws = rng.normal(effect, 1, (50_000, n))
        return np.mean(draws.mean(1) / draws.std(1, ddof=1) * n**.5 > student.ppf(.5 + level / 2, n - 1))
    assert found(n) > power - .006 and found(n - 1) < power + .006

def test_seeds_needed_at_the_edges():
    assert seeds_needed([1, 1]) == 2 and seeds_needed([0, 0, 0]) == seeds_needed([-1, 1]) == math.inf
    assert math.isnan(seeds_needed([1])) and seeds_needed([9, 10]) == 2

@pytest.mark.parametrize("bad", [dict(power=1), dict(power=0), dict(level=95)])
def test_power_and_level_are_shares(bad):
    with pytest.raises(ValueError, match=f"{list(bad)[0]}: expected a finite number above 0 and below 1, got "): seeds_needed([1, 2], **bad)

def test_spread():
    assert spread([1, 2, 3]) == "2.0 ± 1.0" and spread([1.234, math.nan], 2) == "1.23" and spread([]) == "–" and spread(iter([1, 2])) == "1.5 ± 0.7"

def test_markdown_is_aligned_and_cells_do_not_end_early():
    text = markdown([["a", "b"], ["x|y", 1], ["line\nbreak", "é"]])
    assert text.splitlines() == ["| a          | b |", "| ---------- | - |", "| x\\|y       | 1 |", "| line break | é |"]
    assert markdown([["only", "head"]]).splitlines() == ["| only | head |", "| ---- | ---- |"]


@pytest.mark.slow
def test_parallel_here_and_elsewhere():
    jobs = {n: (n,) for n in (4, 9, 16)}
    assert dict(parallel(jobs, math.sqrt, 1)) == dict(parallel(jobs, math.sqrt, 2)) == {4: 2, 9: 3, 16: 4}

def test_one_job_or_one_worker_needs_no_other_process():
    here = {"pid": os.getpid()}
    assert dict(parallel({0: ()}, os.getpid, 1)) == {0: os.getpid()} and fill({"a": ()}, lambda: here, progress=False) == {"a": here}
    assert fill({"a": (), "b": ()}, lambda: here, workers=1, progress=False) == {"a": here, "b": here}

@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_comes_through_and_leaves_no_process(workers):
    others = set(active_children())
    with pytest.raises(ValueError, match="math domain|nonnegative"): dict(parallel({1: (1,), -1: (-1,)}, math.sqrt, workers))
    assert not set(active_children()) - others

def counted(folder, n):
    append_line(folder/"made.jsonl", {"n": n})
    if n == 3 and not (folder/"go").exists(): raise RuntimeError("3 is not ready")
    return {"square": n * n}

@pytest.mark.parametrize("workers", [1, 2])
def test_fill_goes_on_where_it_was(tmp_path, workers):
    jobs = {f"n={n}": (tmp_path, n) for n in (0, 1, 2, 3)}
    with pytest.raises(RuntimeError, match="3 is not ready"): fill(jobs, counted, tmp_path/"rows.jsonl", workers, progress=False)
    done = {row["key"] for row in read_lines(tmp_path/"rows.jsonl")}
    (tmp_path/"go").touch()
    assert fill(jobs, counted, tmp_path/"rows.jsonl", workers, progress=False) == {f"n={n}": {"square": n * n} for n in (0, 1, 2, 3)}
    made = [row["n"] for row in read_lines(tmp_path/"made.jsonl")]
    assert done >= {"n=0", "n=1"} if workers == 1 else True
    assert all(made.count(int(key[2:])) == 1 for key in done)
    assert fill(jobs, len, tmp_path/"rows.jsonl", progress=False)["n=2"] == {"square": 4} # nothing is left to do

def test_fill_keeps_the_order_of_jobs_and_foreign_rows(tmp_path):
    append_line(tmp_path/"rows.jsonl", {"key": "other", "square": -1})
    append_line(tmp_path/"rows.jsonl", {"no": "key"})
    rows = fill({"n=2": (tmp_path, 2), "n=1": (tmp_path, 1)}, counted, tmp_path/"rows.jsonl", 1, progress=False)
    assert list(rows) == ["n=2", "n=1"] and {"key": "other", "square": -1} in read_lines(tmp_path/"rows.jsonl")

def test_fill_takes_rows_made_elsewhere(tmp_path):
    jobs = {f"n={n}": (tmp_path, n) for n in (1, 2)}
    rows = fill(jobs, counted, tmp_path/"rows.jsonl", 1, progress=False, done={"n=1": {"square": "elsewhere"}, "other": {}})
    assert rows == {"n=1": {"square": "elsewhere"}, "n=2": {"square": 4}} and finished(tmp_path/"rows.jsonl") == {"n=2": {"square": 4}}
    assert fill(jobs, counted, tmp_path/"rows.jsonl", 1, progress=False, done={})["n=1"] == {"square": 1} # what is in the file does not count then

def test_finished_rows_are_the_newest(tmp_path):
    for row in ({"key": "a", "n": 1}, {"key": "b"}, {"n": 2}, {"key": "a", "n": 3}): append_line(tmp_path/"rows.jsonl", row)
    assert finished(tmp_path/"rows.jsonl") == {"a": {"n": 3}, "b": {}} and finished(tmp_path/"none") == finished(None) == {}

def test_fill_says_what_it_does(tmp_path, capsys):
    fill({"n=1": (tmp_path, 1)}, counted, workers=1, unit="training", title="table 1", say=lambda row: f"square {row['square']}")
    err = capsys.readouterr().err
    assert "table 1" in err and "1/1" in err and "training" in err and "square 1" in err

@pytest.mark.parametrize("workers", [0, -1, 1.5, True, "2"])
def test_workers_are_counted(workers):
    with pytest.raises(ValueError, match="workers: expected a whole number of at least 1, got "): fill({"a": (1,)}, math.sqrt, workers=workers)

SLEEPER = """
import sys, time
from pathlib import Path
from fer_nb.tables import fill
sys.path.insert(0, sys.argv[1])
import sleeper
if __name__ == "__main__":
    fill({n: (sys.argv[1], n) for n in "abcd"}, sleeper.sleep, Path(sys.argv[1])/"rows.jsonl", 2, progress=False)
"""

@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_no_worker_outlives_the_program(tmp_path, end):
    (tmp_path/"sleeper.py").write_text("import os, time\nfrom pathlib import Path\ndef sleep(folder, n):\n    (Path(folder)/f'pid-{os.getpid()}').touch()\n    if n != 'a': time.sleep(3600)\n    return {}\n")
    (tmp_path/"main.py").write_text(SLEEPER)
    main = subprocess.Popen([sys.executable, tmp_path/"main.py", tmp_path], stderr=subprocess.PIPE, text=True, start_new_session=True)
    pids = lambda: [int(p.name[4:]) for p in tmp_path.glob("pid-*")]
    wait_for(lambda: len(pids()) == 2 and (tmp_path/"rows.jsonl").exists())
    main.send_signal(end)
    main.wait()
    def running(pid):
        try: return not re.search(r"State:\s+Z", open(f"/proc/{pid}/status").read())
        except OSError: return False
    wait_for(lambda: not any(map(running, pids())))
    assert [row["key"] for row in read_lines(tmp_path/"rows.jsonl")] == ["a"]

@pytest.mark.parametrize("given, text", [((1.24, .3, 2.18), "+1.2 [+0.3, +2.2]"), ((-2., float("nan"), float("nan")), "-2.0"), ((0., -1., 1., 2), "+0.00 [-1.00, +1.00]")])
def test_a_difference_with_its_interval(given, text): assert with_interval(*given) == text
