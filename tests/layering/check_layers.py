#!/usr/bin/env python3
"""Walks every include line and fails on an arrow that the layout does not allow (CONTRIBUTING.md, "Levels").

    check_layers.py [ROOT]
"""
import pathlib
import re
import sys

# A folder may include from these (and from itself); the longest matching prefix decides.
ALLOWED = {
    "kernels/base": [],
    "kernels/ops": ["kernels/base", "kernels/backend.h"],
    "kernels/collectives.h": ["kernels/base"],
    "kernels/device.h": ["kernels/base", "kernels/collectives.h"],
    "kernels/backend.h": ["kernels/base", "kernels/ops", "kernels/device.h"],
    "kernels/forwarding_backend.h": ["kernels/base", "kernels/ops", "kernels/backend.h"],
    "kernels/graphed_calls.h": ["kernels/base", "kernels/backend.h"],
    "kernels/backend_factory.h": ["kernels/backend.h"],
    "kernels/backend_factory.cpp": ["kernels/base", "kernels/backend.h", "kernels/backend_factory.h", "kernels/cpu"],
    "kernels/cpu": ["kernels/base", "kernels/ops", "kernels/device.h", "kernels/backend.h"],
    "kernels/cuda": ["kernels/base", "kernels/ops", "kernels/device.h", "kernels/backend.h",
                     "kernels/collectives.h"],
    "kernels/cuda/plugin.cpp": ["kernels/cuda", "kernels/forwarding_backend.h"],
    "kernels/simt": [],
    "data/tokenizer": ["kernels/base"],
    "data/readers": ["kernels/base"],
    "data/cache": ["kernels/base", "data/readers", "data/tokenizer"],
    "data/select": ["kernels/base", "data/readers"],
    "data/sequences": ["kernels/base", "data/cache", "data/readers", "data/tokenizer"],
    "model": ["kernels/base", "kernels/ops", "kernels/device.h", "kernels/backend.h", "kernels/graphed_calls.h"],
    "optim": ["kernels/base", "kernels/ops", "kernels/device.h", "kernels/backend.h", "kernels/graphed_calls.h",
              "kernels/collectives.h", "model/param_store.h"],
    "train": ["kernels/base", "kernels/ops", "kernels/device.h", "kernels/backend.h", "kernels/backend_factory.h",
              "kernels/forwarding_backend.h", "model", "optim", "data"],
    "report": ["kernels/base", "data"],
    "study": ["kernels/base", "train"],
    "apps": ["kernels/base", "kernels/ops", "kernels/backend.h", "kernels/backend_factory.h",
             "kernels/forwarding_backend.h", "model", "optim", "data", "train", "report", "study"],
    "tests": [""],
    "bench": [""],
}
SOURCES = {".h", ".cpp", ".cu", ".cuh", ".c"}
CONDITIONAL = re.compile(r"^\s*#\s*(if|ifdef|ifndef|elif)\b")
# The places where the preprocessor may choose, with the reason.
MAY_CHOOSE = {
    "kernels/base/host_device.h": "host and device compilers",
    "kernels/cpu/vec": "the two instruction sets",
    "kernels/cpu/onednn_versions.h": "the two versions of oneDNN",
    "kernels/cpu/cpu_backend.cpp": "memory that AddressSanitizer watches",
    "kernels/cuda/device": "which instructions an architecture has",
    "kernels/simt": "the host executor's own switches",
    "tests": "what a test may need",
}


def rule(path):
    """The longest prefix of ALLOWED that holds this path."""
    best = None
    for prefix in ALLOWED:
        if path == prefix or path.startswith(prefix + "/"):
            if best is None or len(prefix) > len(best):
                best = prefix
    return best


def inside(path, prefix):
    return prefix == "" or path == prefix or path.startswith(prefix + "/")


def check(root):
    faults, files, arrows = [], 0, 0
    for file in sorted(root.rglob("*")):
        path = file.relative_to(root).as_posix()
        if file.suffix not in SOURCES or path.startswith("build") or "/build" in path or path.startswith("."):
            continue
        home = rule(path)
        if home is None:
            faults.append(f"{path}: in no folder of the layout")
            continue
        files += 1
        for number, line in enumerate(file.read_text().splitlines(), 1):
            if CONDITIONAL.match(line) and not any(inside(path, place) for place in MAY_CHOOSE):
                faults.append(f"{path}:{number}: preprocessor conditional: {line.strip()}")
            found = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
            if not found:
                continue
            target = found.group(1)
            if not (root / target).exists():
                faults.append(f'{path}:{number}: "{target}" is not a path from the root of the tree')
                continue
            arrows += 1
            if inside(target, home) or any(inside(target, allowed) for allowed in ALLOWED[home]):
                continue
            faults.append(f"{path}:{number}: {home} may not include {target}")
    return faults, files, arrows


if __name__ == "__main__":
    base = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[2]).resolve()
    wrong, count, seen = check(base)
    for fault in wrong:
        print(fault)
    print(f"{count} files, {seen} includes, {len(wrong)} wrong")
    sys.exit(1 if wrong or not seen else 0)
