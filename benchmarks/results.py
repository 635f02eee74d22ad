"What the benchmarks share: contestants measured in processes of their own, the machine's name, and RESULTS.md, written section by section."
import argparse, atexit, io, json, os, platform, re, subprocess, sys, tarfile, tempfile, time
from pathlib import Path


def machine(device="cpu"):
    "Processor, cores, GPU and versions, for a heading."
    import torch
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if Path("/proc/cpuinfo").exists() else []
    cpu = next((line.split(": ")[1] for line in lines if line.startswith("model name")), platform.processor())
    gpu = f", {torch.cuda.get_device_name()}" if device == "cuda" else ""
    return f"{cpu}, {os.cpu_count()} cores{gpu}, Python {platform.python_version()}, torch {torch.__version__}"


def measure(step, warm_up, device="cpu", repeats=10):
    """Call `step` some times: the best time in milliseconds (CPU time of this process; on a GPU wall time) and the growth of the peak memory in megabytes.

    `warm_up` does the same on little data, so that loading libraries counts for neither."""
    import resource, torch
    torch.set_num_threads(1)
    warm_up()
    gpu = device == "cuda"
    peak = (lambda: torch.cuda.max_memory_allocated() / 2 ** 20) if gpu else (lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    clock, wait = (time.perf_counter, torch.cuda.synchronize) if gpu else (time.process_time, lambda: None)
    before, times = peak(), []
    for _ in range(repeats):
        wait(); start = clock()
        step()
        wait(); times.append(clock() - start)
    return {"ms": 1000 * min(times), "mb": peak() - before}


def ratio(base, result, key):
    "How many times less than `base` a contestant needs; nothing where the base is missing."
    return f"{base[key] / max(result[key], 1e-9):.1f}" if base else ""


def contest(title, description, names, one, report, rounds=2):
    """The program of a benchmark: `one(name, device)` for every name in a process of its own, in turns; the best time and memory of all rounds.

    `report(best, device)` makes the lines of the section `title` from name -> figures; a contestant that fails is named in it with the last line of its error."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--one", help="measure one contestant (used by the program itself)")
    args = parser.parse_args()
    if args.one: return print(json.dumps(one(args.one, args.device)))
    best, missing = {}, {}
    for _ in range(rounds):
        for name in names:
            run = subprocess.run([sys.executable, sys.argv[0], "--one", name, "--device", args.device], capture_output=True, text=True)
            if run.returncode:
                missing[name] = (run.stderr.splitlines() or [f"ended with {run.returncode}"])[-1]
                continue
            new = json.loads(run.stdout.splitlines()[-1])
            old = best.get(name, new)
            best[name] = new | {key: min(new[key], old[key]) for key in ("ms", "mb")}
    lines = report(best, args.device) + ["", *(f"Missing: {name} ({why})." for name, why in missing.items())]
    write_section(title, "\n".join(lines))
    print("\n".join(lines))


def package_before(revision, name="fer_before"):
    """The package as it was at a revision, importable as `name` beside the one of today; a folder that goes when the program ends.

    Files of data_samples are today's."""
    home = tempfile.TemporaryDirectory()
    archive = subprocess.run(["git", "archive", revision, "fer_nb"], cwd=Path(__file__).parent.parent, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as files: files.extractall(home.name, filter="data")
    (Path(home.name)/"fer_nb").rename(Path(home.name)/name)
    for path in Path(home.name, name).rglob("*.py"): path.write_text(re.sub(r"from fer_nb([. ])", rf"from {name}\1", path.read_text(encoding="utf-8")), encoding="utf-8")
    atexit.register(home.cleanup)
    sys.path.insert(0, home.name)


def write_section(title, body, path=Path(__file__).with_name("RESULTS.md")):
    "Replace the section `title` of RESULTS.md, or append it."
    text = path.read_text(encoding="utf-8") if path.exists() else "# Benchmarks\n"
    section = f"## {title}\n\n{body.strip()}\n\n"
    found = re.search(rf"^## {re.escape(title)}\n.*?(?=^## |\Z)", text, re.M | re.S)
    path.write_text(text[:found.start()] + section + text[found.end():] if found else f"{text.rstrip()}\n\n{section}", encoding="utf-8")
