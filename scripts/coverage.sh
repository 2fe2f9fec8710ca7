#!/usr/bin/env bash
# Line coverage of kernels/, model/, optim/ and data/ by their own tests and the fuzz corpora (not by whole programs):
# prints a table per folder and the least covered files; exit code 1 when a folder or the whole is below 90 %.
#
#   scripts/coverage.sh              builds into build-coverage (g++ --coverage), runs the tests, prints the table
#   scripts/coverage.sh --report     prints the table from the present counters
#   scripts/coverage.sh --lines FILE...   the lines of these files that no test reached, after either of the above
#
# Counts all compiled lines: the AVX2 and the AVX-512 copy of kernels/cpu/vec, a line of which counts as reached when
# either copy ran it, the CUDA kernels on the host executor, and the executor itself. Left out:
#   kernels/simt/tests   are tests themselves
# Only counters of the libraries' objects count, not those of the tests' objects: that spares gcov the tests, and calls
# of header functions from tests alone can only lower the figures.
# Needs gcovr (Debian's), and says so if it is missing.
# The latest table: bench/results/2026-11-25_coverage.md.
set -euo pipefail
cd "$(dirname "$0")/.."
build=build-coverage
least=90

command -v gcovr >/dev/null || { echo "skipped: no gcovr here (package gcovr)"; exit 0; }
mode=${1-}
case $mode in
  '' | --report | --lines) ;;
  *) echo "coverage.sh: unknown argument '$mode': usage: coverage.sh [--report | --lines FILE...]" >&2; exit 2 ;;
esac
if [ "$mode" = --lines ]; then
  shift
  [ -f $build/coverage.json ] || { echo "coverage.sh: run it without arguments first" >&2; exit 2; }
  python3 - $build/coverage.json "$@" <<'PYTHON'
import json, sys
wanted = sys.argv[2:]
for file in json.load(open(sys.argv[1]))["files"]:
    if file["file"] in wanted:
        source = open(file["file"], errors="replace").read().split("\n")
        for line in file["lines"]:
            if line["count"] == 0 and not line.get("gcovr/noncode"):
                print(f"{file['file']}:{line['line_number']}: {source[line['line_number'] - 1]}")
PYTHON
  exit 0
fi
if [ -z "$mode" ]; then
  cmake --preset coverage >/dev/null
  own='kernels\|model\|optim\|data\|simt'
  targets=$(ninja -C $build -t targets all |
    sed -n "s/^\(\($own\)_[a-z0-9_]*\(test\|conformance\)[a-z_]*\|[a-z_]*_replay\): phony$/\1/p" |
    grep -v 'cmake_object\|^state_replay\|^trace_batch_replay')
  # shellcheck disable=SC2086
  cmake --build --preset coverage -j "$(nproc)" --target $targets >$build/build.log || { tail -n 30 $build/build.log >&2; exit 1; }
  find $build -name '*.gcda' -delete
  # Failing tests are left to scripts/test.sh; here they only lower the figures. One random schedule of the host
  # executor and a few random shapes are enough.
  ENCORE_RANDOM_SHAPES=5 ctest --preset coverage -j 1 -R "^(${own//\\|/|}|fuzz)/" -E '_pct[23]|fuzz/(state|trace_batch)$' \
    >$build/ctest.log || tail -n 20 $build/ctest.log
fi
# gcc's counts for a loop's exit can be negative; gcovr must not stop for these.
gcovr --root . --object-directory $build --exclude-unreachable-branches --gcov-ignore-parse-errors \
  --filter kernels/ --filter model/ --filter optim/ --filter data/ --exclude kernels/simt/tests/ \
  -j "$(nproc)" --json $build/coverage.json $build/kernels $build/model $build/optim $build/data >$build/gcovr.log 2>&1 || { tail -n 20 $build/gcovr.log >&2; exit 1; }

python3 - $build/coverage.json $least <<'PYTHON'
import json, sys
folders, files = {}, []
for file in json.load(open(sys.argv[1]))["files"]:
    lines = [line for line in file["lines"] if not line.get("gcovr/noncode")]
    reached = sum(line["count"] > 0 for line in lines)
    if not lines:
        continue
    files.append((reached / len(lines), reached, len(lines), file["file"]))
    path = file["file"].split("/")
    for folder in {path[0], "/".join(path[:2]) if path[0] == "kernels" and len(path) > 2 else path[0], "total"}:
        a, b = folders.get(folder, (0, 0))
        folders[folder] = (a + reached, b + len(lines))
print("| folder            |  lines | reached | coverage |")
print("|-------------------|-------:|--------:|---------:|")
for name in sorted(folders, key=lambda n: (n == "total", n)):
    reached, lines = folders[name]
    shown = name if name == "total" else ("&nbsp; " if "/" in name else "") + name + "/"
    print(f"| {shown:17} | {lines:6} | {reached:7} | {100 * reached / lines:6.1f} % |")
print("\nCovered least:\n")
print("| file                                         |  lines | missed | coverage |")
print("|----------------------------------------------|-------:|-------:|---------:|")
for share, reached, lines, name in sorted(files)[:20]:
    print(f"| {name:44} | {lines:6} | {lines - reached:6} | {100 * share:6.1f} % |")
least = float(sys.argv[2])
low = [n for n, (a, b) in folders.items() if "/" not in n and 100 * a / b < least]
for name in low:
    print(f"below {least:.0f} %: {name}")
sys.exit(1 if low else 0)
PYTHON
