#!/usr/bin/env python3
"""Plants faults into copies of the CUDA kernels and tells which gates catch them (scripts/fault_matrix.sh).

    fault_matrix.py [--all-gates] [--only REGEX] [--minutes N] [--jobs N] [--markdown FILE]

A fault is an edit of kernels/cuda (tests/faults/*.toml). The kernels that it touches (of a header that all share, those
of its `units` alone) are compiled again, in each gate's mode, and linked before the library that holds the sound ones;
nothing of the build itself changes. A gate catches a fault if one of its tests fails, and a program ends with its first
failed test. Without --all-gates a fault's run ends with the first gate that catches it. Exit code 1 if a fault is
caught by none, or a gate fails without any fault. Faults are taken from all files in turn, so that what --minutes leaves
time for is spread over all kernels.
"""
import argparse
import concurrent.futures
import itertools
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import threading
import time
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
GATES = ["plain", "isolation", "pct", "race", "asan", "ptxas"]
LIMIT = 600  # seconds for one test program; one that takes longer hangs


def run(command, cwd, env=None, limit=LIMIT):
    """Output and exit code; 124 where the command was stopped."""
    full = dict(os.environ, **(env or {}))
    with subprocess.Popen(command, cwd=cwd, env=full, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          shell=isinstance(command, str), executable="/bin/bash" if isinstance(command, str) else None,
                          start_new_session=True) as process:
        try:
            text = process.communicate(timeout=limit)[0]
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            return process.communicate()[0].decode(errors="replace"), 124
        return text.decode(errors="replace"), process.returncode


class Fault:
    def __init__(self, table, tests):
        self.name, self.file, self.first = table["name"], table["file"], table["first"]
        self.edits, self.tests, self.units = table["edits"], table.get("tests", tests), table.get("units")
        self.slug = re.sub(r"\W+", "_", f"{self.file} {self.name}").lower()[:100]

    def plant(self, folder):
        """A copy of the kernels with the fault, beside links to what they include."""
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "kernels").mkdir(parents=True)
        shutil.copytree(ROOT / "kernels/cuda", folder / "kernels/cuda")
        headers = [p.relative_to(ROOT).as_posix() for p in (ROOT / "kernels").glob("*.h")]
        for name in ("kernels/base", "kernels/ops", *headers, "scripts", "bench"):
            (folder / name).symlink_to(ROOT / name)
        # The gate finds its tree from its own place.
        (folder / "scripts").unlink()
        (folder / "scripts").mkdir()
        shutil.copy(ROOT / "scripts/ptxas_gate.sh", folder / "scripts")
        path = folder / "kernels/cuda" / self.file
        text = path.read_text()
        for old, new in self.edits:
            if text.count(old) != 1:
                raise ValueError(f"{self.file} holds the text of '{self.name}' {text.count(old)} times: {old!r}")
            text = text.replace(old, new)
        path.write_text(text)


class Tree:
    """Facts from the build: how kernels are compiled, and how test programs are linked and run."""

    def __init__(self):
        self.compile = {}
        for entry in json.load(open(BUILD / "compile_commands.json")):
            found = re.search(r"encore_cuda_(\w+)\.dir/([\w./]+)\.o\b", entry["command"])
            if found:
                self.compile[found[1], found[2]] = entry["command"]
        listing = json.loads(subprocess.check_output(["ctest", "--test-dir", BUILD, "--show-only=json-v1"]))
        self.entries = {}
        for test in listing["tests"]:
            properties = {p["name"]: p["value"] for p in test.get("properties", [])}
            env = dict(e.split("=", 1) for e in properties.get("ENVIRONMENT", []))
            if "command" in test:
                self.entries[test["name"]] = (pathlib.Path(test["command"][0]).name, env)
        self.links, self.lock = {}, threading.Lock()

    def programs(self, gate, stem):
        """(mode, program, environment) of the gate's runs of one test."""
        name = lambda mode: f"kernels/{stem}_test_{mode}" if stem == "attention_kernels" else \
            f"kernels/{stem}_test_simt_{mode}"
        plain = self.entries.get(name("plain"))
        runs = []
        if gate == "plain" and plain and stem != "isolation":
            runs = [("plain", plain[0], {"GTEST_FILTER": "-*solation*", **plain[1]})]
        elif gate == "isolation" and plain:
            runs = [("plain", plain[0], {**plain[1], "GTEST_FILTER": "*solation*"})]
        elif gate == "pct" and plain:
            for seed in "123":
                program, env = self.entries.get(f"{name('plain')}_pct{seed}", plain)
                runs.append(("plain", program, {**env, "SIMT_ORDER": "pct", "SIMT_SEED": seed}))
        elif gate in ("race", "asan") and name(gate) in self.entries:
            program, env = self.entries[name(gate)]
            runs = [(gate, program, env)]
        return runs

    def link(self, program):
        with self.lock:
            if program not in self.links:
                out = subprocess.check_output(["ninja", "-C", BUILD, "-t", "commands", f"tests/{program}"], text=True)
                self.links[program] = out.strip().splitlines()[-1]
            return self.links[program]

    def touched(self, folder, file):
        """The .cu files that include `file`, or are it."""
        kernels = folder / "kernels/cuda"
        includes = {p.relative_to(kernels).as_posix(): set(re.findall(r'#include [<"](?:kernels/cuda/)?([\w/.]+)[>"]', p.read_text()))
                    for p in kernels.rglob("*") if p.suffix in (".cu", ".cuh", ".h")}
        reached = {file}
        while True:
            more = {name for name, inc in includes.items() if inc & reached} - reached
            if not more:
                return sorted(n for n in reached if n.endswith(".cu"))
            reached |= more


class Run:
    """One fault, gate by gate."""

    def __init__(self, tree, fault):
        self.tree, self.fault = tree, fault
        self.folder = BUILD / "faults" / fault.slug
        self.objects, self.linked, self.caught, self.how = {}, {}, {}, {}

    def compile(self, mode):
        if mode in self.objects:
            return self.objects[mode]
        out = []
        for name in self.fault.units or self.tree.touched(self.folder, self.fault.file):
            command = self.tree.compile.get((mode, name))
            if not command:
                continue
            target = self.folder / f"{mode}_{name.replace('/', '_')}.o"
            command = re.sub(r" -o \S+", f" -o {target}", command)
            command = re.sub(r" -c \S+", f" -c {self.folder}/kernels/cuda/{name}", command)
            command = re.sub(r"(\S*/c\+\+|\S*/g\+\+) ", rf"\1 -I{self.folder} ", command, count=1)
            text, code = run(command, BUILD)
            if code:
                raise ValueError(f"'{self.fault.name}' does not compile:\n{text[-2000:]}")
            out.append(str(target))
        self.objects[mode] = out
        return out

    def program(self, mode, program):
        if (mode, program) not in self.linked:
            target = self.folder / program
            objects = " ".join(self.compile(mode))
            command = self.tree.link(program).replace(f" -o tests/{program} ", f" -o {target} ", 1)
            command = re.sub(rf"(\S*libencore_(test_backend|cuda)_{mode}\.a)", rf"{objects} \1", command, count=1)
            text, code = run(command, BUILD)
            if code:
                raise ValueError(f"'{self.fault.name}' does not link into {program}:\n{text[-2000:]}")
            self.linked[mode, program] = target
        return self.linked[mode, program]

    def ptxas(self):
        files = [f"kernels/cuda/{f}" for f in self.fault.units or self.tree.touched(self.folder, self.fault.file)]
        text, code = run(["scripts/ptxas_gate.sh", *files], self.folder)
        if "no nvcc" in text:
            return None, ""
        return code != 0, (re.findall(r"ptxas gate: .*", text) or [""])[0]

    def gate(self, gate):
        """True: caught; False: missed; None: the gate has no test for it here. And the first sign of it."""
        if gate == "ptxas":
            return self.ptxas()
        ran = False
        for stem in self.fault.tests:
            for mode, program, env in self.tree.programs(gate, stem):
                text, code = run([str(self.program(mode, program))], BUILD / "tests", {"SIMT_WORKERS": "1", "GTEST_FAIL_FAST": "1", **env})
                if code:
                    signs = re.findall(r"(?:launch of .*|ERROR: AddressSanitizer.*|runtime error.*|\[  FAILED  \] \S+)", text)
                    return True, "hangs" if code == 124 else (signs or [f"exit code {code}"])[0]
                ran = ran or not re.search(r"Running 0 tests", text)
        return (False if ran else None), ""

    def all(self, every, deadline):
        if time.time() > deadline:
            return None
        self.fault.plant(self.folder)
        for gate in sorted(GATES, key=lambda g: g != self.fault.first):
            self.caught[gate], self.how[gate] = self.gate(gate)
            if self.caught[gate] and not every:
                break
        shutil.rmtree(self.folder)
        return self


def baseline(tree, faults):
    """The gates without any fault: every run that the faults will make must pass."""
    wanted = {(mode, program, tuple(sorted(env.items())))
              for f in faults for g in GATES if g != "ptxas" for s in f.tests for mode, program, env in tree.programs(g, s)}

    def one(job):
        _, program, env = job
        return job, run([f"{BUILD}/tests/{program}"], BUILD / "tests", {"SIMT_WORKERS": "1", **dict(env)})

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        bad = [(job, text) for job, (text, code) in pool.map(one, sorted(wanted)) if code]
    for (_, program, env), text in bad:
        print(f"fault matrix: {program} {dict(env)} fails without a fault:\n{text[-1500:]}")
    return not bad


def table(runs):
    sign = {True: "X", False: ".", None: "", "": ""}
    lines = [f"| fault | file | {' | '.join(GATES)} | first sign |", "|---|---|" + ":-:|" * len(GATES) + "---|"]
    for r in runs:
        how = next((r.how[g] for g in r.how if r.caught[g]), "**caught by none**")
        how = how.replace("|", "\\|").replace("encore::cuda::", "")[:160]
        lines.append(f"| {r.fault.name} | {r.fault.file} | " + " | ".join(sign[r.caught.get(g, "")] for g in GATES) +
                     f" | {how} |")
    return "\n".join(lines)


def main():
    options = argparse.ArgumentParser(description="Which gates catch which planted faults.")
    options.add_argument("--all-gates", action="store_true", help="run every gate on every fault")
    options.add_argument("--only", default="", help="faults whose file or name matches")
    options.add_argument("--minutes", type=float, default=float("inf"), help="begin no further fault after this long")
    options.add_argument("--jobs", type=int, default=os.cpu_count())
    options.add_argument("--markdown", help="write the table there too")
    options.add_argument("--no-baseline", action="store_true", help="do not run the gates without a fault first")
    o = options.parse_args()
    faults = []
    for path in sorted((ROOT / "tests/faults").glob("*.toml")):
        content = tomllib.load(open(path, "rb"))
        faults += [Fault(t, content.get("tests", [])) for t in content["fault"]]
    by_file = {}
    for f in faults:
        if re.search(o.only, f"{f.file} {f.name}"):
            by_file.setdefault(f.file, []).append(f)
    faults = [f for row in itertools.zip_longest(*by_file.values()) for f in row if f]
    tree, start = Tree(), time.time()
    if not o.no_baseline and not baseline(tree, faults):
        return 1
    runs = []
    with concurrent.futures.ThreadPoolExecutor(o.jobs) as pool:
        waiting = [pool.submit(Run(tree, f).all, o.all_gates, start + 60 * o.minutes) for f in faults]
        for done, future in enumerate(waiting, 1):
            r = future.result()
            if r is None:
                continue
            runs.append(r)
            seen = [g for g in r.caught if r.caught[g]]
            print(f"[{done}/{len(faults)}] {r.fault.file}: {r.fault.name}: {', '.join(seen) or 'CAUGHT BY NONE'}", flush=True)
    text = table(sorted(runs, key=lambda r: r.fault.file))
    caught = sum(any(r.caught.values()) for r in runs)
    summary = f"{caught} of {len(runs)} faults caught ({len(faults)} in the list), {time.time() - start:.0f} s"
    print(f"\n{text}\n\n{summary}")
    if o.markdown:
        pathlib.Path(o.markdown).write_text(f"{text}\n\n{summary}\n")
    return 0 if caught == len(runs) else 1


if __name__ == "__main__":
    sys.exit(main())
