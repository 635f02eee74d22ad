"Run by test_writers.py: every writer on a full disk, in a folder that may not be written, and two at once. Prints what happened as a line of JSON."
import json, os, resource, signal, sys, tempfile, warnings
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent/"tools"))
import kill9
from fer_nb import cli, files, preprocessing
from fer_nb.embeddings import Run

torch.set_num_threads(1)
warnings.simplefilter("ignore")
home = Path(tempfile.mkdtemp())
home.chmod(0o755)
out = {}
run = Run(np.arange(90) % 3, images=np.random.default_rng(0).integers(0, 255, (90, 14, 14)).astype(np.uint8))
for s in (1, 2): run.add(s, np.random.default_rng(s).normal(size=(90, 2)), np.arange(90) % 3)
rows = [{"a": "x" * 300, "b": n} for n in range(60)]
kill9.photos(home/"photos")


def lines(path):
    for row in rows: files.append_line(path, row)

def figure(path): files.write_whole(path, run.to_png())

WORKS = {"save": lambda at: run.save(at/"run.npz"), "gif": lambda at: run.to_gif(at/"run.gif"), "html": lambda at: run.to_html(at/"run.html"),
         "figure": lambda at: figure(at/"run.png"), "csv": lambda at: files.write_csv(at/"rows.csv", rows), "jsonl": lambda at: lines(at/"rows.jsonl"),
         "fit": lambda at: kill9.fit(at), "preprocess": lambda at: preprocessing.preprocess(home/"photos", at, size=48, workers=1, progress=False),
         "lab": cli.copy_course, "command": lambda at: sys.exit(cli.main(["lab", str(at), "--no-browser"]))}

def tree(at): return {str(p.relative_to(at)): kill9.digest(p.read_bytes()) for p in sorted(at.rglob("*")) if p.is_file()}

def said(work, at):
    try: work(at)
    except SystemExit as e: return f"exit {e.code}"
    except BaseException as e: return f"{type(e).__name__}: {e}"
    return "done"

def full_disk():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    for name, work in WORKS.items():
        at = home/f"full {name}"
        at.mkdir()
        if name in ("save", "gif", "html", "figure", "csv"): work(at)  # an older file is there
        if name == "jsonl": files.append_line(at/"rows.jsonl", rows[0])
        before = tree(at)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, resource.RLIM_INFINITY))
        words = said(work, at)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        after = tree(at)
        out[f"full {name}"] = {"said": words, "changed": [k for k in before if after.get(k) != before[k]], "parts": [k for k in after if k.endswith(".part")],
                               "cut": [] if name != "jsonl" else [line for line in (at/"rows.jsonl").read_text().splitlines() if not line.endswith("}")]}

def read_only():
    for name in WORKS:
        at = home/f"closed {name}"
        at.mkdir()
        if name == "jsonl":
            (at/"rows.jsonl").touch()
            (at/"rows.jsonl").chmod(0o444)
        at.chmod(0o555)
    answers = home/"answers"
    answers.touch(); answers.chmod(0o666)
    pid = os.fork()
    if not pid:
        try:
            if os.geteuid() == 0: os.setuid(65534)
            answers.write_text(json.dumps({f"closed {name}": {"said": said(work, home/f"closed {name}")} for name, work in WORKS.items()}))
        finally: os._exit(0)
    os.waitpid(pid, 0)
    out.update(json.loads(answers.read_text()))
    for name in WORKS: out[f"closed {name}"]["files"] = sorted(tree(home/f"closed {name}"))

def two_writers():
    for kind in ("fit", "preprocess", "lab", "save"):
        work, done = kill9.KINDS[kind]
        for name in ("whole", "both"): (home/f"{kind} {name}").mkdir()
        kill9.to_the_end(work, home/f"{kind} whole")
        pids = [kill9.start(work, home/f"{kind} both") for _ in range(2)]
        ended = [os.waitpid(pid, 0)[1] for pid in pids]
        out[f"two {kind}"] = {"ended": ended, "alike": done(home/f"{kind} both") == done(home/f"{kind} whole"),
                              "parts": [p.name for p in (home/f"{kind} both").rglob("*.part")]}


if __name__ == "__main__":
    two_writers()
    full_disk()
    read_only()  # another user: what it imports late must be there
    print(json.dumps(out))
