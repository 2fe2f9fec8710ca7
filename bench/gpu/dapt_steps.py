#!/usr/bin/env python3
"""dapt_train on real text for 60 steps, held step by step against the recorded run of the CPU backend.

    dapt_steps.py [--bin DIR] [--device D] [--dtype bf16|fp32] [--steps N] [--small] [--work DIR] [--json FILE]
    dapt_steps.py --record        writes dapt_steps.json anew: both dtypes on the CPU

encore-mini on Gene Ontology text with dropout; order, masks and dropout are the same on every device. The rule: a loss is
off by its relative difference from the recorded fp32 run. fp32: at most 1e-3 at every step (sums in another order, fed back
60 times). bf16: at most twice what the CPU's bf16 was off at its worst step, or 4e-3 where that is more. --steps: the first
N alone (the rate of learning is constant, so they are the same steps). --small: batches of 24 tokens, for the host
executor, against the CPU in the same call. Exit status 1 if a step is off, 2 if the run failed.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..")
RECORD = os.path.join(HERE, "dapt_steps.json")
STEPS = 60
SHAPE = ["--batch-sequences", "16", "--seq-length", "128"]
SMALL = ["--batch-sequences", "1", "--seq-length", "24"]
FLAGS = ["--lr", "1e-3", "--schedule", "constant", "--warmup-ratio", "0", "--seed", "7", "--held-out", "0.001",
         "--save-minutes", "0"]


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", default=os.path.join(ROOT, "build", "bin"))
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--dtype", choices=["bf16", "fp32"], default="bf16")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--work", default="", help="a folder for the run and the token cache")
    parser.add_argument("--json", default="")
    parser.add_argument("--record", action="store_true")
    return parser.parse_args()


def run(a, device, dtype, work):
    """Losses of the steps, seconds of the whole program, the log's lines."""
    output = os.path.join(work, f"dapt-{device}-{dtype}")
    shutil.rmtree(output, ignore_errors=True)
    start = time.time()
    done = subprocess.run(
        [os.path.join(a.bin, "dapt_train"), "--model", os.path.join(ROOT, "models", "encore-mini"), "--train",
         os.path.join(ROOT, "examples", "gene_ontology", "train.txt"), "--output", output, "--cache-dir",
         os.path.join(work, "tokens"), "--device", device, "--dtype", dtype, "--max-steps", str(a.steps),
         "--eval-every", str(2 * a.steps)] + (SMALL if a.small else SHAPE) + FLAGS, capture_output=True, text=True)
    if done.returncode:
        print(f"dapt_train --device {device} --dtype {dtype} ended with {done.returncode}: "
              f"{(done.stderr or done.stdout).strip()[-300:]}")
        sys.exit(2)
    with open(os.path.join(output, "log.jsonl")) as log:
        lines = [line for line in map(json.loads, log) if "step" in line and "loss" in line]
    return [line["loss"] for line in lines], time.time() - start, lines


def record(a, work):
    report = {"flags": SHAPE + FLAGS, "model": "models/encore-mini", "train": "examples/gene_ontology/train.txt"}
    for dtype in ("fp32", "bf16"):
        report[dtype] = run(a, "cpu", dtype, work)[0]
    with open(RECORD, "w") as out:
        out.write(json.dumps(report, indent=1) + "\n")
    off = max(abs(b / f - 1) for f, b in zip(report["fp32"], report["bf16"]))
    print(f"{len(report['fp32'])} steps recorded; bf16 is off by up to {off:.2e}")
    return 0


def compare(a, work):
    if a.small:
        recorded = {dtype: run(a, "cpu", dtype, work)[0] for dtype in ("fp32", "bf16")}
    else:
        with open(RECORD) as file:
            recorded = json.load(file)
    losses, seconds, lines = run(a, a.device, a.dtype, work)
    reference = recorded["fp32"][:a.steps]
    if len(losses) != len(reference):
        print(f"{len(losses)} steps were logged, not {len(reference)}")
        return 1
    off = [abs(loss / r - 1) for loss, r in zip(losses, reference)]
    own = max(abs(b / r - 1) for b, r in zip(recorded["bf16"][:a.steps], reference))
    limit = 1e-3 if a.dtype == "fp32" else max(2 * own, 4e-3)
    worst = max(range(len(off)), key=lambda i: off[i])
    good = off[worst] <= limit  # false for a NaN, wherever it stands
    good = good and all(x == x for x in off)
    rate = lines[-1].get("tokens_per_second", 0)
    print(f"{'ok  ' if good else 'FAIL'} {a.device} {a.dtype}: {len(off)} steps, loss {losses[0]:.4f} to {losses[-1]:.4f} "
          f"(recorded {reference[-1]:.4f}), worst at step {worst + 1}: {off[worst]:.2e} of at most {limit:.2e}; "
          f"{seconds:.1f} s, {rate:,.0f} tokens/s at the end")
    if a.json:
        with open(a.json, "w") as out:
            json.dump({"device": a.device, "dtype": a.dtype, "steps": len(off), "worst": off[worst], "limit": limit,
                       "losses": losses, "seconds": seconds, "tokens_per_second": rate}, out, indent=1)
    return 0 if good else 1


def main():
    a = parse()
    work = a.work or tempfile.mkdtemp(prefix="dapt_steps.")
    try:
        return record(a, work) if a.record else compare(a, work)
    finally:
        if not a.work:
            shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
