#!/usr/bin/env python3
"""Runs dapt_train on real text for 60 steps and compares each loss with the recorded runs of the CPU backend.

    dapt_steps.py [--bin DIR] [--device D] [--dtype bf16|fp32] [--steps N] [--seeds N] [--small] [--work DIR] [--json FILE]
    dapt_steps.py --record        writes dapt_steps.json anew: both dtypes and all seeds on the CPU

encore-mini on Gene Ontology text with dropout; order, masks and dropout are functions of the seed and the same on every
device. The error of a loss is its relative difference from the recorded fp32 run of the same seed. fp32: at most 1e-3 at
every step (sums in another order, fed back 60 times). bf16: over all seeds, the root mean square and the maximum of the
errors are at most twice those of the CPU's bf16 in the same runs (2e-3 and 4e-3 are always allowed). One seed is not
enough: the CPU's own worst step lies between 1.7e-3 and 7.1e-3, depending on the seed. --seeds: only the first N [bf16:
all, fp32: 1].
--steps: only the first N (the learning rate is constant, so they are the same steps). --small: batches of 24 tokens and
one seed, for the host executor, against the CPU's fp32 in the same call; with three targets a batch instead of 300 the
rounding of bf16 does not average out (the CPU's own bf16 is off by 6e-3 there), and five times the error is allowed. Exit status 1 if a step is off, 2 if the run failed.
"""
import argparse
import itertools
import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..")
RECORD = os.path.join(HERE, "dapt_steps.json")
STEPS = 60
SEEDS = [7, 1, 2, 3, 4, 5, 6, 8]
SHAPE = ["--batch-sequences", "16", "--seq-length", "128"]
SMALL = ["--batch-sequences", "1", "--seq-length", "24"]
FLAGS = ["--lr", "1e-3", "--schedule", "constant", "--warmup-ratio", "0", "--save-minutes", "0"]
HELD_OUT_LINES = 5  # the losses of training are compared; on the host executor an evaluation is slow


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", default=os.path.join(ROOT, "build", "bin"))
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--dtype", choices=["bf16", "fp32"], default="bf16")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--seeds", type=int, default=0)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--work", default="", help="a folder for the run and the token cache")
    parser.add_argument("--json", default="")
    parser.add_argument("--record", action="store_true")
    return parser.parse_args()


def run(a, device, dtype, seed, work):
    """The run's losses, the seconds of the whole program, its tokens a second (median of the later half of the steps)."""
    output = os.path.join(work, f"dapt-{device}-{dtype}")
    shutil.rmtree(output, ignore_errors=True)
    texts = os.path.join(ROOT, "examples", "gene_ontology")
    held_out = os.path.join(work, "held_out.txt")
    with open(os.path.join(texts, "eval.txt"), encoding="utf-8") as lines, open(held_out, "w", encoding="utf-8") as few:
        few.writelines(itertools.islice(lines, HELD_OUT_LINES))
    start = time.time()
    done = subprocess.run(
        [os.path.join(a.bin, "dapt_train"), "--model", os.path.join(ROOT, "models", "encore-mini"), "--train",
         os.path.join(texts, "train.txt"), "--eval", held_out, "--output", output, "--cache-dir",
         os.path.join(work, "tokens"), "--device", device, "--dtype", dtype, "--seed", str(seed), "--max-steps",
         str(a.steps), "--eval-every", str(2 * a.steps)] + (SMALL if a.small else SHAPE) + FLAGS,
        capture_output=True, text=True)
    seconds = time.time() - start
    if done.returncode:
        print(f"dapt_train --device {device} --dtype {dtype} --seed {seed} ended with {done.returncode}: "
              f"{(done.stderr or done.stdout).strip()[-300:]}")
        sys.exit(2)
    with open(os.path.join(output, "log.jsonl")) as log:
        lines = [line for line in map(json.loads, log) if "step" in line and "loss" in line]
    rates = [line["tokens_per_second"] for line in lines[len(lines) // 2:] if "tokens_per_second" in line]
    return [line["loss"] for line in lines], seconds, statistics.median(rates) if rates else 0


def differences(losses, reference):
    return [loss / r - 1 for loss, r in zip(losses, reference)]


def root_mean_square(runs):
    return math.sqrt(statistics.fmean(x * x for off in runs for x in off))


def worst(runs):
    return max(abs(x) for off in runs for x in off)


def record(a, work):
    report = {"flags": SHAPE + FLAGS, "model": "models/encore-mini", "train": "examples/gene_ontology/train.txt",
              "seeds": SEEDS}
    for dtype in ("fp32", "bf16"):
        report[dtype] = [run(a, "cpu", dtype, seed, work)[0] for seed in SEEDS]
    with open(RECORD, "w") as out:
        out.write(json.dumps(report, indent=1) + "\n")
    off = [differences(b, f) for b, f in zip(report["bf16"], report["fp32"])]
    print(f"{len(SEEDS)} runs of {len(report['fp32'][0])} steps recorded; bf16 is off by {root_mean_square(off):.2e}, "
          f"at worst {worst(off):.2e}")
    return 0


def recorded_runs(a, seeds, work):
    """The CPU's runs: {dtype: [losses of each seed]}"""
    if a.small:
        exact = [run(a, "cpu", "fp32", seed, work)[0] for seed in seeds]
        return {"fp32": exact, "bf16": exact}
    with open(RECORD) as file:
        report = json.load(file)
    return {dtype: [losses[:a.steps] for losses in report[dtype][:len(seeds)]] for dtype in ("fp32", "bf16")}


def compare(a, work):
    seeds = SEEDS[:a.seeds or (1 if a.small or a.dtype == "fp32" else len(SEEDS))]
    recorded = recorded_runs(a, seeds, work)
    runs = [run(a, a.device, a.dtype, seed, work) for seed in seeds]
    for (losses, _, _), reference in zip(runs, recorded["fp32"]):
        if len(losses) != len(reference) or not all(map(math.isfinite, losses)):
            print(f"FAIL {a.device} {a.dtype}: {len(losses)} losses were logged, {len(reference)} finite ones expected")
            return 1
    off = [differences(losses, r) for (losses, _, _), r in zip(runs, recorded["fp32"])]
    own = [differences(b, r) for b, r in zip(recorded["bf16"], recorded["fp32"])]
    fp32 = a.dtype == "fp32"
    always = {"rms": 1e-2, "worst": 2e-2} if a.small else {"rms": 2e-3, "worst": 4e-3}
    limits = {"rms": 1e-3 if fp32 else max(2 * root_mean_square(own), always["rms"]),
              "worst": 1e-3 if fp32 else max(2 * worst(own), always["worst"])}
    found = {"rms": root_mean_square(off), "worst": worst(off)}
    good = all(found[key] <= limits[key] for key in limits)
    rate = statistics.median(rate for _, _, rate in runs)
    seconds = sum(seconds for _, seconds, _ in runs)
    print(f"{'ok  ' if good else 'FAIL'} {a.device} {a.dtype}: {len(runs)} x {len(off[0])} steps, loss "
          f"{runs[0][0][0]:.4f} to {runs[0][0][-1]:.4f} (recorded {recorded['fp32'][0][-1]:.4f}), off by {found['rms']:.2e} "
          f"of at most {limits['rms']:.2e}, at worst {found['worst']:.2e} of {limits['worst']:.2e}; {seconds:.1f} s, "
          f"{rate:,.0f} tokens/s")
    if a.json:
        with open(a.json, "w") as out:
            json.dump({"device": a.device, "dtype": a.dtype, "seeds": seeds, "steps": len(off[0]), "limits": limits, **found,
                       "losses": [losses for losses, _, _ in runs], "seconds": seconds, "tokens_per_second": rate}, out,
                      indent=1)
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
