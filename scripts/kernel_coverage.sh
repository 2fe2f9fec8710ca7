#!/usr/bin/env bash
# Prints the lines of kernels/cuda's .cu and .cuh that no test on the host executor reaches (gcov); fails if there are any.
#   scripts/kernel_coverage.sh [gtest filter]
set -euo pipefail
cd "$(dirname "$0")/.."
export CCACHE_SLOPPINESS=${CCACHE_SLOPPINESS:-time_macros}
cmake --preset release >/dev/null
cmake --build --preset release -j "$(nproc)" --target kernels_simt_coverage >/dev/null
objects=build/kernels/cuda/CMakeFiles/encore_cuda_coverage.dir
find "$objects" -name '*.gcda' -delete
log=$(mktemp)
trap 'rm -f "$log"' EXIT
build/tests/kernels_simt_coverage --gtest_brief=1 ${1:+--gtest_filter="$1"} >"$log" 2>&1 || { tail -n 40 "$log"; exit 1; }
python3 - "$objects" <<'PYTHON'
import collections, json, pathlib, subprocess, sys
root = pathlib.Path.cwd()
data = sorted(pathlib.Path(sys.argv[1]).rglob("*.gcda"))
text = subprocess.run(["gcov", "--json-format", "--stdout", *map(str, data)], capture_output=True, text=True,
                      check=True).stdout
counts = collections.defaultdict(collections.Counter)
for record in filter(None, text.splitlines()):
    report = json.loads(record)
    for file in report["files"]:
        path = pathlib.Path(report["current_working_directory"], file["file"]).resolve()
        if path.is_relative_to(root / "kernels/cuda") and path.suffix in (".cu", ".cuh"):
            for line in file["lines"]:
                counts[path.relative_to(root)][line["line_number"]] += line["count"]
missed = 0
for path in sorted(counts):
    source = (root / path).read_text().splitlines()
    for number in sorted(n for n, count in counts[path].items() if count == 0):
        print(f"{path}:{number}: not reached: {source[number - 1].strip()}")
        missed += 1
total = sum(len(lines) for lines in counts.values())
print(f"kernel coverage: {total - missed} of {total} lines in {len(counts)} files")
sys.exit(1 if missed or not total else 0)
PYTHON
