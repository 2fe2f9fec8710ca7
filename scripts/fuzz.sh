#!/usr/bin/env bash
# Fuzzes the parsers: builds the targets of tests/fuzz with clang's libFuzzer, AddressSanitizer (leaks too) and
# UndefinedBehaviorSanitizer into build-fuzz, runs each for a while and prints a table.
#
#   scripts/fuzz.sh [--seconds N] [--jobs N] [NAME...]     defaults: 120 seconds, 2 at a time, all targets
#
# A finding is a crash, a leak, a sanitizer's report, an exception other than Error, an input that takes more than ten
# seconds of processor time or 2 GiB. Its input lies in build-fuzz/findings/NAME: fix the parser, and copy the file to
# tests/fuzz/corpus/NAME/found-WHAT, where the ordinary tests run it from then on.
# Needs clang-N, libclang-rt-N-dev and libomp-N-dev (N: 14 in Debian 12, 19 in Debian 13); without them it says so and does nothing.
# Exit codes: 0 no finding, 1 findings, 2 wrong use, else the build's.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=120
jobs=2
names=()
while [ $# -gt 0 ]; do
  case $1 in
    --seconds | --jobs)
      [[ ${2-} =~ ^[1-9][0-9]*$ ]] || { echo "fuzz.sh: $1 needs a number" >&2; exit 2; }
      if [ "$1" = --jobs ]; then jobs=$2; else seconds=$2; fi
      shift 2
      ;;
    -*) echo "fuzz.sh: unknown argument '$1': usage: fuzz.sh [--seconds N] [--jobs N] [NAME...]" >&2; exit 2 ;;
    *)
      [ -f "tests/fuzz/$1_fuzz.cpp" ] || { echo "fuzz.sh: there is no tests/fuzz/$1_fuzz.cpp" >&2; exit 2; }
      names+=("$1")
      shift
      ;;
  esac
done
if [ ${#names[@]} -eq 0 ]; then
  for source in tests/fuzz/*_fuzz.cpp; do names+=("$(basename "$source" _fuzz.cpp)"); done
fi
clang=$(command -v clang++-14 || command -v clang++-19 || true)
runtime=$("$clang" -print-file-name=libclang_rt.fuzzer-x86_64.a 2>/dev/null) || runtime=
if [ ! -e "$("$clang" -print-resource-dir 2>/dev/null)/lib/linux/libclang_rt.fuzzer-x86_64.a" ] && [ ! -e "$runtime" ]; then
  echo "skipped: no libFuzzer here (packages clang-N libclang-rt-N-dev libomp-N-dev, N 14 or 19)"
  exit 0
fi
log=build-fuzz/build.log
mkdir -p build-fuzz
{ cmake --preset fuzz && cmake --build --preset fuzz -j "$(nproc)" --target "${names[@]/%/_fuzz}"; } >"$log" 2>&1 ||
  { code=$?; tail -n 30 "$log" >&2; exit "$code"; }

# fuzz_one NAME: runs one target and returns libFuzzer's exit code.
fuzz_one() {
  local name=$1 work=build-fuzz/corpus/$1 found=build-fuzz/findings/$1 flags=() code=0 input
  rm -rf "$work" "$found"
  mkdir -p "$work" "$found"
  [ ! -f "tests/fuzz/$name.dict" ] || flags+=("-dict=tests/fuzz/$name.dict")
  # One thread: a target must do the same with the same input, and threads would only spin at barriers.
  OMP_NUM_THREADS=1 UBSAN_OPTIONS=print_stacktrace=1 ASAN_OPTIONS=detect_leaks=1 \
    "build-fuzz/tests/${name}_fuzz" "$work" "tests/fuzz/corpus/$name" "${flags[@]}" -max_total_time="$seconds" \
    -timeout=120 -report_slow_units=10 -rss_limit_mb=2048 -malloc_limit_mb=2048 -max_len=8192 -print_final_stats=1 -artifact_prefix="$found/" \
    >"build-fuzz/$name.log" 2>&1 || code=$?
  # libFuzzer measures wall-clock time, and the machine may have been busy: an input that seemed slow runs again alone,
  # with ten seconds of processor time, and is no finding if that is enough.
  for input in "$found"/slow-unit-* "$found"/timeout-*; do
    [ -f "$input" ] || continue
    if (ulimit -t 10 && exec "build-fuzz/tests/${name}_fuzz" "$input") >>"build-fuzz/$name.log" 2>&1; then
      case $input in */timeout-*) code=0 ;; esac
      rm "$input"
    fi
  done
  return "$code"
}

failed=0
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
for name in "${names[@]}"; do
  while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do wait -n || true; done
  { fuzz_one "$name" && echo 0 >"$results/$name" || echo $? >"$results/$name"; } &
done
wait

# stat NAME WHAT: prints a number of libFuzzer's summary.
stat() { sed -n "s/^stat::$2: *//p" "build-fuzz/$1.log" | tail -n 1; }
printf '| %-14s | %10s | %7s | %8s | %9s | %6s | %8s |\n' target executions 'exec/s' coverage features 'inputs' findings
printf '|%s|%s|%s|%s|%s|%s|%s|\n' ---------------- -----------: --------: ---------: ----------: -------: ---------:
for name in "${names[@]}"; do
  read -r code <"$results/$name"
  last=$(grep -E '^#[0-9]+.*cov: ' "build-fuzz/$name.log" | tail -n 1 || true)
  findings=$(find "build-fuzz/findings/$name" -type f | wc -l)
  [ "$code" -eq 0 ] || [ "$findings" -gt 0 ] || findings=1
  [ "$findings" -eq 0 ] || failed=1
  printf '| %-14s | %10s | %7s | %8s | %9s | %6s | %8s |\n' "$name" "$(stat "$name" number_of_executed_units)" \
    "$(stat "$name" average_exec_per_sec)" "$(sed -E 's/.*cov: ([0-9]+).*/\1/' <<<"$last")" \
    "$(sed -E 's/.*ft: ([0-9]+).*/\1/' <<<"$last")" "$(sed -E 's/.*corp: ([0-9]+).*/\1/' <<<"$last")" "$findings"
done
for name in "${names[@]}"; do
  find "build-fuzz/findings/$name" -type f | sed 's/^/found: /'
done
if [ "$failed" -eq 0 ]; then
  echo "no findings: ${#names[@]} targets, $seconds s each"
fi
exit "$failed"
