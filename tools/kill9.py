"""Kills every writer of the library at random moments (kill -9), lets it go on, and looks whether anything was lost or came out different.

    python tools/kill9.py                                  # 100 moments over all kinds, some minutes
    python tools/kill9.py --count 6 --seed 3 --kinds fit lab save

A work runs once undisturbed. Then, for each moment, it is started in a folder, killed after a share of that time drawn by the seed, started again, …,
and run to its end at last. What was finished when it was killed must still be there, unchanged, and the end must be that of the undisturbed run.
Works run in forked processes, so that a kill costs no import of torch. The exit status is 1 if anything was lost or different.
Last whole run (seed 0, 2-core x86-64): 100 works, killed 138 times, none lost anything or ended differently.
"""
import argparse, contextlib, hashlib, os, random, shutil, signal, sys, tempfile, time, warnings
from pathlib import Path

import numpy as np
import torch

PHOTOS = 10  # pictures that preprocess gets


def digest(data): return hashlib.sha256(data).hexdigest()[:12]

def files(folder): return {str(p.relative_to(folder)): digest(p.read_bytes()) for p in sorted(folder.rglob("*")) if p.is_file() and not p.name.startswith(".")}

def rows(folder):
    "The finished rows, by what they are."
    from fer_nb.files import read_lines
    return {f"row {row['key']}": digest(repr(sorted(row.items())).encode()) for row in read_lines(folder/"rows.jsonl")}


def fit(folder):
    from fer_nb.backbones import LeNetsPP
    from fer_nb.dda import DDALoss
    from fer_nb.training import Batches, Objective, fit as train
    torch.manual_seed(4)
    x, y = torch.randn(40, 1, 12, 12), torch.arange(40) % 10
    model, objective = LeNetsPP(10, 2, .1, 12), Objective(dda=(DDALoss(10, 2), .1))
    for _ in train(model, objective, Batches(x, y, batch_size=8), 6, checkpoint=folder, checkpoint_every=2): pass

def fit_done(folder):
    "Every step up to the newest checkpoint; its weights, if it is the last."
    found = sorted(folder.glob("step_*.pt"))
    if not found: return {}
    saved = torch.load(found[-1], weights_only=True)
    end = {name: digest(t.numpy().tobytes()) for name, t in sorted(saved["weights"].items())} if saved["n"] == 30 else {}
    return {f"step {n}": "" for n in range(saved["n"] + 1)} | end


def command(*words):
    from fer_nb.cli import main
    if main([str(word) for word in words]): raise SystemExit(f"fer_nb {' '.join(map(str, words))} ended with an error")

def wmnist(folder):
    command("wmnist", "--losses", "softmax,dda", "--seeds", 1, "--workers", 1, "--epochs", 1, "--majority", 20, "--width", .05, "--size", 12, "--out", folder)

def wmnist_done(folder): return rows(folder) | {k: v for k, v in files(folder).items() if k.endswith(("npz", "csv", "html", "gif"))}

def reproduce(folder): command("reproduce", "run", "004-table-1", "--scale", "smoke", "--jobs", 1, "--out", folder)

def reproduce_done(folder): return rows(folder) | {k: v for k, v in files(folder).items() if k.endswith((".md", ".csv"))}

def photos(folder):
    "Drawn faces on gray, two empty pictures and a text; made once."
    from PIL import Image
    from fer_nb.faces import load_faces
    folder.mkdir(exist_ok=True)
    for n, face in enumerate(load_faces("lab_color", "test").images[:PHOTOS]):
        picture = Image.new("RGB", (128, 128), "gray")
        if n > 1: picture.paste(Image.fromarray(face.permute(1, 2, 0).numpy()).resize((96, 96)), (16, 16))
        picture.save(folder/f"{n}.png")
    (folder/"labels.txt").write_text("0 1\n")

def preprocess(folder):
    from fer_nb.preprocessing import preprocess as work
    source = folder.parent/"photos"
    work(source, folder, size=48, workers=1, progress=False)

def preprocess_done(folder): return {k: v for k, v in files(folder).items() if k.endswith((".png", ".txt"))} | (
    {"manifest": files(folder)["manifest.csv"]} if (folder/"manifest.csv").is_file() and len((folder/"manifest.csv").read_bytes().splitlines()) > PHOTOS + 1 else {})

def lab(folder):
    from fer_nb.course import copy_course
    copy_course(folder)


RUNS = 12  # how often a growing run is saved

def save(folder):
    "A run that grows and is saved at every frame, after the one that is there."
    from fer_nb.embeddings import Run
    path = folder/"run.npz"
    run = Run.load(path) if path.is_file() else Run(np.arange(400) % 4, images=np.zeros((400, 28, 28), np.uint8))
    for step in range(len(run), RUNS):
        run.add(step, np.random.default_rng(step).normal(size=(400, 2)), np.arange(400) % 4)
        run.save(path)

def save_done(folder):
    from fer_nb.embeddings import Run
    if not (folder/"run.npz").is_file(): return {}
    run = Run.load(folder/"run.npz")
    return {f"frame {i}": digest(run.frames[i].tobytes()) for i in range(len(run))}


KINDS = {"fit": (fit, fit_done), "wmnist": (wmnist, wmnist_done), "reproduce": (reproduce, reproduce_done), "preprocess": (preprocess, preprocess_done),
         "lab": (lab, files), "save": (save, save_done)}


def start(work, folder):
    "The work in a process of its own."
    pid = os.fork()
    if pid: return pid
    try:
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
            os.dup2(nowhere.fileno(), 2)
            warnings.simplefilter("ignore")
            work(folder)
    except BaseException as error:
        (folder.parent/f"{folder.name}.error").write_text(repr(error))
        os._exit(1)
    os._exit(0)

def to_the_end(work, folder):
    "Seconds that it took."
    began = time.monotonic()
    folder.mkdir(exist_ok=True)
    _, status = os.waitpid(start(work, folder), 0)
    if status: raise RuntimeError((folder.parent/f"{folder.name}.error").read_text())
    return time.monotonic() - began

def killed(work, folder, after):
    "Whether it was killed before its end."
    folder.mkdir(exist_ok=True)
    pid = start(work, folder)
    time.sleep(after)
    os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    return os.WIFSIGNALED(status)


def moment(kind, folder, whole, seconds, r):
    "What went wrong with a work that is killed up to three times and then left to end; and how often it was killed."
    work, done = KINDS[kind]
    wrong, before, times = [], {}, r.choice([1, 1, 2, 3])
    kills = 0
    for _ in range(times):
        kills += killed(work, folder, r.random() * seconds)
        found = done(folder)
        wrong += [f"lost or changed by a kill: {name}" for name, value in before.items() if found.get(name) != value]
        before = found
    try: to_the_end(work, folder)
    except RuntimeError as error: return [*wrong, f"did not go on: {error}"], kills
    end = done(folder)
    wrong += [f"lost or changed on going on: {name}" for name, value in before.items() if end.get(name) != value]
    wrong += [f"not as undisturbed: {name}" for name in {**whole, **end} if whole.get(name) != end.get(name)]
    wrong += [f"left behind: {p.name}" for p in folder.rglob("*.part")]
    return wrong, kills


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=100, help="moments")
    parser.add_argument("--seed", type=int, default=0, help="of kinds and moments")
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=KINDS)
    args = parser.parse_args()
    torch.set_num_threads(1)
    import fer_nb.cli, fer_nb.papers, fer_nb.preprocessing, fer_nb.reproduce  # noqa: E401, F401  here, not in every process
    memory = Path("/dev/shm") # a kill loses nothing that a process has written, wherever it lies: no need to wait for a disk
    home, r, faults, count = Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else None)), random.Random(args.seed), 0, 0
    try:
        if "preprocess" in args.kinds: photos(home/"photos")
        wholes = {}
        for kind in args.kinds:
            seconds = to_the_end(KINDS[kind][0], home/kind)
            wholes[kind] = KINDS[kind][1](home/kind), seconds
            print(f"{kind}: {len(wholes[kind][0])} results in {seconds:.1f} s undisturbed", flush=True)
        for n in range(args.count):
            kind = args.kinds[n % len(args.kinds)]
            folder = home/f"{kind} {n}"
            wrong, kills = moment(kind, folder, *wholes[kind], r)
            count += kills
            faults += bool(wrong)
            if wrong: print(f"{n} {kind}: {'; '.join(wrong[:3])}", flush=True)
            shutil.rmtree(folder, ignore_errors=True)
    finally: shutil.rmtree(home, ignore_errors=True)
    print(f"{args.count} works, killed {count} times: {faults} of them lost something or ended differently")
    sys.exit(faults > 0)


if __name__ == "__main__": main()
