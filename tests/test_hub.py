"The course on a real JupyterHub: five students run lab 1 at once; and the files that a teacher copies."
import asyncio, json, os
from concurrent.futures import ThreadPoolExecutor

import pytest

MEMORY = """
import json, re
from pathlib import Path
_found = dict(re.findall(r'^(\\w+): +(\\d+) kB', Path('/proc/self/smaps_rollup').read_text(), re.M))
print(json.dumps(dict(rss=int(_found['Rss']), pss=int(_found['Pss']), uss=int(_found['Private_Clean']) + int(_found['Private_Dirty']))))
"""
STATE = """
import os, json
print(json.dumps(dict(done=show.done, frames=[len(run) for run in show.runs], accuracy=[run.accuracy() for run in show.runs], threads=torch.get_num_threads(),
                      device=str(next(show.runs[0]._last[0].model.parameters()).device), env={name: os.environ.get(name) for name in ('FER_NB_DEVICE', 'OMP_NUM_THREADS', 'MALLOC_ARENA_MAX')})))
"""


@pytest.fixture(scope="module")
def class_of_five(tmp_path_factory):
    "Five students who have run the first lab; the hub is still there."
    pytest.importorskip("jupyterhub")
    import proxy
    if proxy.find() is None: (pytest.fail if os.environ.get("CI") else pytest.skip)("no configurable-http-proxy: tools/proxy.py installs one, with npm")
    from hub_class import Student, hub
    with hub(tmp_path_factory.mktemp("hub")) as home:
        students = [Student(home, name) for name in ("ada", "emmy", "grace", "katherine", "sofia")]
        with ThreadPoolExecutor() as pool: list(pool.map(Student.start, students))
        lab = students[0].cells("fer_nb_course/labs/wild_mnist.ipynb")
        async def work(student): return [await student.run(*lab, "show.wait()", source) for source in (STATE,)][0], await student.run(MEMORY)
        async def everybody(): return await asyncio.gather(*map(work, students))
        told = asyncio.run(everybody())
        for student, (state, memory) in zip(students, told): student.state, student.memory = json.loads(state), json.loads(memory)
        yield students


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_five_students_finish_the_first_lab_at_once(class_of_five):
    for student in class_of_five:
        assert student.errors == [] and student.state["done"], (student.name, student.errors)
        assert min(student.state["frames"]) > 10 and min(student.state["accuracy"]) > .5 # trained, not only opened
        assert (student.state["device"], student.state["threads"]) == ("cpu", 1) and student.state["env"] == dict(FER_NB_DEVICE="cpu", OMP_NUM_THREADS="1", MALLOC_ARENA_MAX="2")
        print(f"{student.name}: " + ", ".join(f"{kind} {kb / 1024:.0f} MB" for kind, kb in student.memory.items()))
