#!/usr/bin/env python3
"""Runs the rows of the peer table and prints it; run.sh calls this with the peers' Python.

    table.py [--rows NAME,NAME...] [--json FILE] [--list]
"""
import argparse
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import time

import peers

ROWS = sorted(p.stem[len("row_"):] for p in (peers.ROOT / "bench" / "peers").glob("row_*.py"))
PACKAGES = ("torch", "transformers", "tokenizers", "datasets", "onnxruntime", "numpy", "scikit-learn")


def machine():
    fields = {}
    with open("/proc/cpuinfo") as info:
        for line in info:
            name, _, value = line.partition(":")
            fields.setdefault(name.strip(), value.strip())
    wide = [f for f in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if f in fields.get("flags", "").split()]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{fields.get('model name', platform.machine())}, {peers.THREADS} cores, {memory:.0f} GiB, {' '.join(wide)}"


def installed():
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            pass
    return found


def commit():
    text = subprocess.run(["git", "describe", "--always", "--dirty", "--exclude", "*"], cwd=peers.ROOT,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout.strip()
    return text or "unknown"


def measure(name):
    """The lines of the table that row_NAME.py prints; if it fails, one line with the reason."""
    peers.say(f"== {name}")
    start = time.time()
    done = subprocess.run([sys.executable, f"bench/peers/row_{name}.py"], cwd=peers.ROOT, stdout=subprocess.PIPE, text=True)
    lines = [json.loads(t) for t in done.stdout.splitlines() if t.startswith('{"row"')]
    if done.returncode != 0 or not lines:
        lines.append({"row": name, "failed": f"row_{name}.py ended with code {done.returncode}"})
    for line in lines:
        line["measured"] = {"at": time.strftime("%Y-%m-%dT%H:%MZ", time.gmtime(start)), "commit": commit(),
                            "seconds": round(time.time() - start)}
    return lines


def verdict(line):
    if "limit" in line:
        return "reached" if line["encore"]["value"] <= line["limit"] else "MISSED"
    if line.get("must") is None:
        return ""
    if line["ratio"] < line["must"]:
        return "MISSED"
    return "aim" if line.get("aim") and line["ratio"] >= line["aim"] else "reached"


def number(x):
    return f"{x:,.0f}" if x >= 100 else f"{x:.3g}"


def print_table(lines):
    print("| work | unit | peer | Encore | ratio | must | aim | |")
    print("|---|---|--:|--:|--:|--:|--:|---|")
    for line in lines:
        if "ratio" not in line:
            print(f"| {line['row']} | | | | | | | {line.get('skipped') or line.get('failed')} |")
            continue
        must = f"<= {line['limit']:g}" if "limit" in line else f"{line['must']:g}" if line.get("must") else ""
        aim = f"{line['aim']:g}" if line.get("aim") else ""
        print(f"| {line['title']} | {line['unit']} | {number(line['peer']['value'])} | {number(line['encore']['value'])} "
              f"| {line['ratio']:.2f} | {must} | {aim} | {verdict(line)} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", default=",".join(ROWS), help="comma-separated names; without it all")
    parser.add_argument("--json", help="result file; without it bench/results/DATE_cpu_peers.json")
    parser.add_argument("--list", action="store_true", help="the names of the rows")
    a = parser.parse_args()
    if a.list:
        print("\n".join(ROWS))
        return 0
    names = [n for n in a.rows.split(",") if n]
    unknown = [n for n in names if n not in ROWS]
    if unknown:
        print(f"table.py: no row {', '.join(unknown)}; --list names them", file=sys.stderr)
        return 2
    path = a.json or peers.ROOT / "bench" / "results" / f"{time.strftime('%Y-%m-%d')}_cpu_peers.json"
    lines = []
    for name in names:
        lines += measure(name)
        write(path, lines)
    print_table(lines)
    return 1 if any(verdict(n) == "MISSED" if "ratio" in n else "failed" in n for n in lines) else 0


def write(path, lines):
    """New rows replace the file's older ones of the same name."""
    report = {"what": "bench/peers/run.sh", "machine": machine(), "versions": installed(), "rows": []}
    if os.path.exists(path):
        with open(path) as old:
            report["rows"] = json.load(old)["rows"]
    fresh = {line["row"] for line in lines}
    report["rows"] = sorted([r for r in report["rows"] if r["row"] not in fresh] + lines, key=lambda r: r["row"])
    with open(f"{path}.tmp", "w") as out:
        json.dump(report, out, indent=1)
        out.write("\n")
    os.replace(f"{path}.tmp", path)


if __name__ == "__main__":
    sys.exit(main())
