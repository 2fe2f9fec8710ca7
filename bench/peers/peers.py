"""Functions shared by the rows of the peer table; README.md says what a row is."""
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("ENCORE_BUILD", ROOT / "build")).resolve()
DATA = pathlib.Path(os.environ.get("ENCORE_PEERS_DATA", ROOT.parent / "shared" / "data")).resolve()
WORK = pathlib.Path(os.environ.get("ENCORE_PEERS_WORK", BUILD / "peers-work")).resolve()
THREADS = len(os.sched_getaffinity(0))


def fast_dtype():
    """The dtype that Encore's programs choose here, as kernels/cpu/processor.cpp."""
    with open("/proc/cpuinfo") as info:
        cpu = info.read()
    if os.environ.get("ENCORE_ISA") in ("avx2", "avx512"):  # without bf16
        return "fp32"
    return "bf16" if "avx512_bf16" in cpu and ("amx_bf16" in cpu or "GenuineIntel" not in cpu) else "fp32"


def say(text):
    print(text, file=sys.stderr, flush=True)


def emit(row, title, unit, peer, encore, better="higher", must=None, aim=None, limit=None, **more):
    """Prints a line of the table. peer and encore hold "value" in `unit`; better: "higher" or "lower"."""
    ratio = ratio_of(peer["value"], encore["value"], better)
    line = {"row": row, "title": title, "unit": unit, "better": better, "peer": peer, "encore": encore, "ratio": ratio,
            "must": must, "aim": aim, **more}
    if limit is not None:
        line["limit"] = limit
    print(json.dumps(line), flush=True)


def ratio_of(peer, encore, better="higher"):
    return encore / peer if better == "higher" else peer / encore


def skip(row, why):
    print(json.dumps({"row": row, "skipped": why}))
    sys.exit(0)


def need(row, *modules):
    """Imports the peers' modules; skips the row if one is missing."""
    import importlib
    try:
        return [importlib.import_module(m) for m in modules]
    except ImportError as missing:
        skip(row, f"{missing.name} is not installed")


def data(row, path):
    """A file or folder of the data; skips the row if it is missing."""
    file = DATA / path
    if not file.exists():
        skip(row, f"no {path} in {DATA} (ENCORE_PEERS_DATA)")
    return file


def program(name):
    """build/bin/NAME or build/bench/NAME."""
    for folder in ("bin", "bench"):
        file = BUILD / folder / name
        if file.exists():
            return str(file)
    sys.exit(f"{name}: not in {BUILD}/bin nor {BUILD}/bench: build the release preset first")


def run(*command, **options):
    """Runs a program to its end; returns (seconds, standard output). Ends this script if the program fails."""
    start = time.perf_counter()
    done = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
    seconds = time.perf_counter() - start
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: exit code {done.returncode}\n{done.stderr.strip()}")
    return seconds, done.stdout


def median_seconds(work, runs=3, warm=1):
    """The median time of work() and all measured times."""
    times = []
    for i in range(warm + runs):
        start = time.perf_counter()
        work()
        if i >= warm:
            times.append(time.perf_counter() - start)
    return statistics.median(times), times


def peak_gb():
    """Largest resident memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def versions(*modules):
    return ", ".join(f"{m.__name__} {m.__version__}" for m in modules)


def read_rows(path):
    """The objects of a .jsonl.zst file, by Debian's zstd."""
    text = subprocess.run(["zstd", "-dc", str(path)], check=True, stdout=subprocess.PIPE).stdout
    return [json.loads(line) for line in text.decode().split("\n") if line.strip()]
