"""What a student's kernel needs: five kernels at once run lab 1, each with its own memory (USS), its share of what they have in common (PSS) and all that it maps (RSS).

Linux counts a page of PyTorch's libraries in the RSS of every kernel, though it is there once; what a further student costs is the USS, and what a class costs is the sum of the PSS.
Writes the section "Memory of a class" of RESULTS.md; two minutes on a quiet machine.
"""
import json, os, re, statistics
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from jupyter_client.manager import start_new_kernel

from fer_nb.course import course_folder, student_version
from results import machine, write_section

KERNELS = 5
KINDS = dict(cuda=("/nvidia/", "libtorch_cuda", "libc10_cuda", "/triton/"), torch=("/torch/",))  # of a mapping, by its path
HUB = dict(OMP_NUM_THREADS="1", MALLOC_ARENA_MAX="2", FER_NB_DEVICE="cpu")  # as hub/jupyter_server_config.py


def lab():
    "The code cells of the students' lab 1."
    notebook = json.loads((course_folder()/"labs/wild_mnist.ipynb").read_text(encoding="utf-8"))
    return ["".join(c["source"]) for c in student_version(notebook)["cells"] if c["cell_type"] == "code"]


def memory(pid):
    "RSS, PSS and USS in megabytes, and the private part and the RSS of every kind of mapping."
    found, kind, before = {}, "", ""
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        if area := re.match(r"[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ \S+ *(.*)", line):
            path = area[1] or before  # a library's variables stand right behind its file
            before = area[1] if area[1].startswith("/") else ""
            kind = next((k for k, words in KINDS.items() if any(w in path for w in words)), "file" if path.startswith("/") else "heap")
        else:
            name, _, value = line.partition(":")
            if name in ("Rss", "Pss", "Private_Clean", "Private_Dirty"):
                name = dict(Rss="rss", Pss="pss").get(name, "uss")
                for key in (name, f"{kind} {name}"): found[key] = found.get(key, 0) + int(value.split()[0]) / 1024
    return found


class Student:
    "A kernel of its own."
    def __init__(self, env):
        self.manager, self.client = start_new_kernel(env={**os.environ, **env})
        self.pid = self.manager.provisioner.pid

    def run(self, *cells):
        for cell in cells:
            reply = self.client.execute_interactive(cell, timeout=3000, output_hook=lambda message: None)["content"]
            assert reply["status"] == "ok", reply

    def close(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


def measured(n, env, *stages):
    "The memory of n kernels after each stage (a list of cells), measured when all have come so far."
    students = [Student(env) for _ in range(n)]
    try:
        with ThreadPoolExecutor(n) as pool:
            for stage in stages:
                list(pool.map(lambda s: s.run(*stage), students))
                yield [memory(s.pid) for s in students]
    finally:
        for s in students: s.close()


def row(said, found):
    "A line of the table: median, smallest and largest."
    def cell(kind):
        values = [f[kind] for f in found]
        return f"{statistics.median(values):.0f}" + (f" ({min(values):.0f} … {max(values):.0f})" if len(values) > 1 else "")
    return f"| {said} | {' | '.join(map(cell, ('rss', 'pss', 'uss')))} |"


if __name__ == "__main__":
    cells = lab()
    stages = [["pass"], ["import torch"], [cells[0], "show.wait()"], cells[1:]]
    empty, torch, race, whole = measured(KERNELS, HUB, *stages)
    alone, = measured(1, HUB, [cells[0], "show.wait()"])
    free, = measured(KERNELS, HUB | dict(MALLOC_ARENA_MAX=""), [cells[0], "show.wait()"])
    dynamo, = measured(1, HUB, ["import torch", "import torch._dynamo"])
    imported, = measured(1, HUB, ["import torch"])
    kinds = {k: statistics.median(f[f"{k} rss"] for f in race) for k in ("cuda", "torch", "file", "heap")}
    own = {k: statistics.median(f.get(f"{k} uss", 0) for f in race) for k in kinds}
    write_section("Memory of a class", "\n".join([
        f"{machine()}. `python benchmarks/memory.py`: megabytes of each of {KERNELS} kernels that run lab 1 at once on the CPU (median, smallest … largest), with the hub's environment. Whoever else uses PyTorch on the machine lowers the PSS.", "",
        "| a kernel that has | RSS | PSS | USS |", "|---|---|---|---|",
        row("done nothing yet", empty), row("imported torch", torch), row("run lab 1's race to its end", race), row("run all of lab 1", whole),
        row("run the race, alone on the machine", alone), row("run the race, without MALLOC_ARENA_MAX=2", free), "",
        f"The class of {KERNELS} after the race: {sum(f['pss'] for f in race):,.0f} MB in all (the sum of the PSS), a further student {statistics.median(f['uss'] for f in race):.0f} MB. "
        f"Of the {statistics.median(f['rss'] for f in race):.0f} MB RSS after the race {kinds['cuda']:.0f} belong to CUDA's libraries ({own['cuda']:.0f} of them private to each kernel), which the "
        f"CPU build of PyTorch does not have, {kinds['torch']:.0f} to PyTorch's, {kinds['file']:.0f} to other files, {kinds['heap']:.0f} to Python and to the lab's data. "
        f"`import torch._dynamo`, which the first `torch.optim` optimizer of a process does, is {dynamo[0]['rss'] - imported[0]['rss']:.0f} MB RSS, {dynamo[0]['uss'] - imported[0]['uss']:.0f} USS."]))
