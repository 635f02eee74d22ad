"The course on a real JupyterHub: five students run lab 1 at once; and the files that a teacher copies."
import asyncio, json, os, re, subprocess, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HUB = ROOT/"hub"
MEMORY = """
import json, os, re, time
from pathlib import Path
def _memory(pid):
    found = {k: int(v) for k, v in re.findall(r'^(\\w+): +(\\d+) kB', Path(f'/proc/{pid}/smaps_rollup').read_text(), re.M)}
    return dict(rss=found['Rss'], pss=found['Pss'], uss=found['Private_Clean'] + found['Private_Dirty'])
print(json.dumps(_memory('self') | {f'server {k}': v for k, v in _memory(os.getppid()).items()} | dict(seconds=time.process_time())))
"""
EPOCHS = 6 # of 30
STATE = """
import os, json
print(json.dumps(dict(done=show.done, epochs=[run.recipe["epochs"] for run in show.runs], frames=[len(run) for run in show.runs], accuracy=[run.accuracy() for run in show.runs], threads=torch.get_num_threads(),
                      device=str(next(show.runs[0]._last[0].model.parameters()).device), env={name: os.environ.get(name) for name in ('FER_NB_DEVICE', 'OMP_NUM_THREADS', 'MALLOC_ARENA_MAX')})))
"""


@pytest.fixture(scope="module")
def class_of_five(tmp_path_factory):
    "Five students who have run the first lab with a shorter race, for which they changed its first line; the hub is still there."
    pytest.importorskip("jupyterhub")
    import proxy
    if proxy.find() is None: (pytest.fail if os.environ.get("CI") else pytest.skip)("no configurable-http-proxy: tools/proxy.py installs one, with npm")
    from hub_class import Student, hub
    with hub(tmp_path_factory.mktemp("hub")) as home:
        students = [Student(home, name) for name in ("ada", "emmy", "grace", "katherine", "sofia")]
        with ThreadPoolExecutor() as pool: list(pool.map(Student.start, students))
        first, *others = students[0].cells("fer_nb_course/labs/wild_mnist.ipynb")
        lab = [first.replace("'dda'])", f"'dda'], epochs={EPOCHS})"), *others]
        async def work(student): return [await student.run(*lab, "show.wait()", source) for source in (STATE,)][0], await student.run(MEMORY)
        async def everybody(): return await asyncio.gather(*map(work, students))
        told = asyncio.run(everybody())
        for student, (state, memory) in zip(students, told): student.state, student.memory = json.loads(state), json.loads(memory)
        yield students


@pytest.mark.timeout(3000)
@pytest.mark.slow
def test_five_students_finish_the_first_lab_at_once(class_of_five):
    for student in class_of_five:
        assert student.errors == [] and student.state["done"], (student.name, student.errors)
        assert student.state["epochs"] == [EPOCHS] * 3 and min(student.state["frames"]) > 4 and min(student.state["accuracy"]) > .3 # trained, not only opened
        assert (student.state["device"], student.state["threads"]) == ("cpu", 1) and student.state["env"] == dict(FER_NB_DEVICE="cpu", OMP_NUM_THREADS="1", MALLOC_ARENA_MAX="2")
        seconds = student.memory.pop("seconds")
        print(f"{student.name}: " + ", ".join(f"{kind} {kb / 1024:.0f} MB" for kind, kb in student.memory.items()) + f", {seconds:.0f} s of a processor")

@pytest.mark.slow
def test_a_broken_line_is_mended(class_of_five):
    "As JupyterLab does: students whose connection drops get another, and what the kernel said meanwhile."
    student = class_of_five[0]
    async def work():
        student.line = await student._connect()
        student.line.protocol.stream.close()
        return await student._run("print('heard')")
    assert asyncio.run(work()) == "heard\n"


# ---- the files that a teacher copies

def loaded(path, **env):
    "A configuration file as Jupyter reads it"
    from traitlets.config.loader import PyFileConfigLoader
    return PyFileConfigLoader(path.name, str(path.parent)).load_config()

def test_the_hub_knows_every_setting():
    hub = pytest.importorskip("jupyterhub.app")
    from jupyterhub.spawner import Spawner
    config = loaded(HUB/"jupyterhub_config.py")
    for name, kind in dict(Spawner=Spawner, JupyterHub=hub.JupyterHub).items():
        kind(config=config) if kind is Spawner else None # refuses a value of another type
        assert set(config[name]) <= set(kind.class_trait_names(config=True)), name
    assert set(config) == {"Spawner", "JupyterHub"} and (ROOT/"nbs"/config.Spawner.default_url.removeprefix("/lab/tree/fer_nb_course/")).exists()

def test_a_students_server_brings_the_course_and_the_limits(tmp_path, monkeypatch):
    from jupyter_server.serverapp import ServerApp
    from jupyter_server.services.kernels.kernelmanager import MappingKernelManager
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    for name in ("FER_NB_DEVICE", "MALLOC_ARENA_MAX"): monkeypatch.setenv(name, ""); monkeypatch.delenv(name)
    config = loaded(HUB/"jupyter_server_config.py")
    assert set(config.MappingKernelManager) <= set(MappingKernelManager.class_trait_names(config=True)) and set(config.ServerApp) <= set(ServerApp.class_trait_names(config=True))
    assert {name: os.environ[name] for name in ("FER_NB_DEVICE", "OMP_NUM_THREADS", "MALLOC_ARENA_MAX")} == dict(FER_NB_DEVICE="cpu", OMP_NUM_THREADS="3", MALLOC_ARENA_MAX="2")
    lab = tmp_path/"fer_nb_course/labs/wild_mnist.ipynb"
    assert "# solution" not in lab.read_text(encoding="utf-8")
    lab.write_text("mine", encoding="utf-8")
    loaded(HUB/"jupyter_server_config.py")
    assert lab.read_text(encoding="utf-8") == "mine"

@pytest.mark.parametrize("index, works, asked", [
    (None, True, ["--index-url https://download.pytorch.org/whl/cpu torch torchvision"]), (None, False, ["--index-url https://download.pytorch.org/whl/cpu torch torchvision", "torch torchvision"]),
    ("", True, ["torch torchvision"]), ("https://mirror/cpu", True, ["--index-url https://mirror/cpu torch torchvision"])])
def test_installing_asks_for_the_cpu_build_and_takes_another_where_there_is_none(tmp_path, index, works, asked):
    "Into an environment whose Python only writes down what it is asked for"
    (tmp_path/"bin").mkdir()
    fake = tmp_path/"bin/python"
    fake.write_text(f'#!/bin/sh\necho "$*" >> {tmp_path}/asked\ncase "$*" in *--index-url*) exit {0 if works else 1};; esac\n')
    fake.chmod(0o755)
    env = {k: v for k, v in os.environ.items() if k != "TORCH_INDEX"} | ({} if index is None else dict(TORCH_INDEX=index))
    done = subprocess.run(["sh", HUB/"install.sh", tmp_path], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = [line.removeprefix("-m pip install --no-cache-dir ") for line in (tmp_path/"asked").read_text().splitlines()]
    assert lines[:-1] == asked and lines[-1].endswith("/..[lab]") and (tmp_path/"etc/jupyter/jupyter_server_config.py").read_text() == (HUB/"jupyter_server_config.py").read_text()

def test_the_container_finds_its_files():
    steps = (HUB/"Dockerfile").read_text(encoding="utf-8")
    assert all((ROOT/path).exists() for path in re.findall(r"/tmp/fer_nb/(\S+)", steps)) and "install.sh /usr/local" in steps
    told = json.loads((ROOT/".devcontainer/devcontainer.json").read_text(encoding="utf-8"))
    assert (ROOT/".devcontainer"/told["build"]["dockerfile"]).resolve() == HUB/"Dockerfile" and (ROOT/".devcontainer"/told["build"]["context"]).resolve() == ROOT
    left_out = (ROOT/".dockerignore").read_text(encoding="utf-8").split()
    assert not {"nbs", "fer_nb", "data_samples", "hub", "settings.ini", "README.md"} & set(left_out)

def test_the_littlest_jupyterhub_knows_every_key():
    "Its defaults, of April 2026"
    yaml = pytest.importorskip("yaml")
    known = dict(limits={"memory", "cpu"}, user_environment={"default_app"}, services={"cull"})
    told = yaml.safe_load((HUB/"tljh.yaml").read_text(encoding="utf-8"))
    assert all(set(told[name]) <= known[name] for name in told) and set(told["services"]["cull"]) <= {"enabled", "timeout", "every", "concurrency", "users", "max_age", "remove_named_servers"}

# ---- what a kernel need not load

LAZY = "matplotlib scipy sklearn plotly torchvision pandas umap IPython.core.pylabtools".split()

@pytest.mark.slow
def test_race_and_faces_do_not_load_what_they_do_not_draw():
    "Every one of these is tens of megabytes in every student's kernel, or most of a second"
    code = f"import sys\nfrom fer_nb.papers import Recipe, recording, wild_race\nimport fer_nb.widgets\nnext(recording(Recipe('dda')))\nprint([name for name in {LAZY} if name in sys.modules])\n"
    code += "from fer_nb.faces import load_faces\nload_faces('lab_color', 'test')\nprint([name for name in ('scipy.interpolate', 'scipy.ndimage') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.stdout.split() == ["[]", "[]"], done.stdout + done.stderr

def test_a_table_with_intervals_does_not_load_all_of_scipy():
    done = subprocess.run([sys.executable, "-c", "import sys\nfrom fer_nb.tables import interval, seeds_needed\ninterval([1., 2., 4.]); seeds_needed([1., 2., 4.])\nprint('scipy.stats' in sys.modules)"],
                          capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stdout + done.stderr
