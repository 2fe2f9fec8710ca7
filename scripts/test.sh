#!/usr/bin/env bash
# All checks that must pass before a change lands: format, layers, unit tests, sanitizers, a short end-to-end job.
#
#   scripts/test.sh            all of it; ends with a table of where the time went
#   scripts/test.sh --quick    the release build and its tests
#   scripts/test.sh --nightly  all of it, the host executor alone, and the CUDA kernels on random shapes of up to 700 rows
#                              in every mode and with faults planted in them; the README's first two commands on a
#                              bare root of each Debian release that is served (five hours)
#
# Installs what is missing (scripts/setup.sh). Exit code 0 only if every part passed; the last line counts them.
set -u
cd "$(dirname "$0")/.." || exit 1
quick=no
nightly=no
case ${1-} in
  '') ;;
  --quick) quick=yes ;;
  --nightly) nightly=yes ;;
  *) echo "test.sh: unknown argument '$1': usage: test.sh [--quick | --nightly]" >&2; exit 2 ;;
esac

scripts/setup.sh || exit 1
export CCACHE_SLOPPINESS=${CCACHE_SLOPPINESS:-time_macros}
# Compiles of another checkout are found again: paths are taken from here.
export CCACHE_BASEDIR=${CCACHE_BASEDIR:-$PWD}
jobs=$(nproc)
passed=0
failed=0
failures=
work=$(mktemp -d)
lane=
trap '[ -z "$lane" ] || kill -- "-$lane" 2>/dev/null; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# report NAME EXIT_CODE SECONDS LOG: the line of a part that has ended, and its output if it failed.
report() {
  local name=$1 rc=$2 seconds=$3 log=$4
  printf '%s\t%s\n' "$seconds" "$name" >>"$work/parts"
  if [ "$rc" -eq 0 ]; then
    passed=$((passed + 1))
    printf 'ok    %-44s %4d s\n' "$name" "$seconds"
    grep -E '^(skipped|SKIPPED)|tests passed|Skipped|^ptxas gate|^kernel coverage|^built beside' "$log" | sort -u | head -20 | sed 's/^/      /'
  else
    failed=$((failed + 1))
    failures="$failures $name"
    printf 'FAIL  %-44s %4d s\n' "$name" "$seconds"
    # What failed comes first and once more at the end: whoever reads the output of a long run sees its two ends.
    {
      echo "$name:"
      grep -aE -A 3 '^WRONG|\*\*\*(Failed|Timeout|Exception)|^\[  FAILED  \]|(error|Error|ERROR): ' "$log" | cut -c -400 | head -n 40
    } | sed 's/^/      /' | tee -a "$work/wrong"
    tail -n 80 "$log" | sed 's/^/      /'
  fi
}

# part NAME COMMAND...: runs one part.
part() {
  local name=$1 start=$SECONDS
  shift
  "$@" >"$work/log" 2>&1
  report "$name" $? $((SECONDS - start)) "$work/log"
}

# builds_beside PRESET...: begins these builds, one after the other, on what the parts meanwhile leave of the processor:
# programs on small models and tests of one thread leave much.
builds_beside() {
  set -m  # a process group of its own, for the trap
  {
    renice -n 10 -p "$BASHPID" >/dev/null
    for preset in "$@"; do
      start=$SECONDS targets=
      [ "$preset" != tsan ] || targets=$tsan_targets
      # shellcheck disable=SC2086
      build "$preset" $targets >"$work/$preset.log" 2>&1
      echo $? $((SECONDS - start)) >"$work/$preset.new"
      mv "$work/$preset.new" "$work/$preset.built"
    done
  } &
  lane=$!
  set +m
}

# built PRESET: waits for it and passes on its output and exit code. What is left of it has both cores.
built() {
  local rc seconds
  [ -z "$lane" ] || renice -n 0 -g "$lane" >/dev/null 2>&1
  until [ -f "$work/$1.built" ]; do
    kill -0 "$lane" 2>/dev/null || [ -f "$work/$1.built" ] || { echo "the build ended early"; return 1; }
    sleep 0.2
  done
  read -r rc seconds <"$work/$1.built"
  cat "$work/$1.log"
  echo "built beside other parts, in $seconds s"
  return "$rc"
}

# table: where the time went, the longest first.
table() {
  local whole=$SECONDS
  printf '\n%-50s %7s %6s\n' part seconds share
  sort -k1,1nr -s "$work/parts" | awk -F '\t' -v whole=$whole '{ printf "%-50s %7d %5.1f%%\n", $2, $1, 100 * $1 / (whole ? whole : 1) }'
  printf '%-50s %7d\n' "whole run" "$whole"
}

check_format() {
  command -v clang-format-14 >/dev/null || { echo "skipped: clang-format-14 is not installed"; return 0; }
  git ls-files '*.h' '*.cpp' '*.cu' '*.cuh' | xargs -r clang-format-14 --dry-run --Werror
}

# build PRESET [TARGET...]
build() {
  local preset=$1
  shift
  cmake --preset "$preset" && cmake --build --preset "$preset" -j "$jobs" ${1:+--target "$@"}
}

# The core tests under AddressSanitizer (with leaks) and UndefinedBehaviorSanitizer.
asan_tests() { ctest --preset asan -j "$jobs" -LE slow; }

# Data path, tokenizer, token cache, trainer and ranks (as threads of one process, and over MPI) under ThreadSanitizer.
tsan_targets="data_cache_lock_test data_cache_build_test data_token_cache_test data_dataset_test data_tokenizer_test
  data_labelled_test data_batching_test train_trainer_test train_ranks_test
  optim_communicator_mpi_test"
# The clang of Debian 12 or of Debian 13 (cmake/clang.cmake), with the library that tells it about OpenMP.
have_tsan() {
  local version
  for version in 14 19; do
    command -v "clang++-$version" >/dev/null && { [ -f "/usr/lib/llvm-$version/lib/libarcher.so" ]; return; }
  done
  return 1
}
tsan_tests() {
  have_tsan || { echo "skipped: ThreadSanitizer (needs clang-N, libomp-N-dev, libclang-rt-N-dev; N is 14 or 19)"; return 0; }
  built tsan &&
    ctest --preset tsan -j "$jobs" -R '^(data/(cache_.*|token_cache|dataset|tokenizer|labelled|batching)|train/(trainer|ranks)|optim/communicator_mpi)_test$'
}

# on_debian COMMAND...: where another root can be made.
on_debian() {
  [ "$(id -u)" = 0 ] && command -v mmdebstrap >/dev/null || { echo "skipped: needs root and mmdebstrap"; return 0; }
  "$@"
}

part "format (clang-format 14)" check_format
part "include directions" python3 tests/layering/check_layers.py
part "build release" build release
if [ "$quick" = no ]; then
  if have_tsan; then builds_beside asan tsan; else builds_beside asan; fi
fi
part "unit tests, release" ctest --preset release -j "$jobs" -LE simt
# Every kernel: late copies, three pct schedules, race checks, sanitizers, other sequences set to NaN.
part "CUDA kernels on the host executor" ctest --preset release -j "$jobs" -L simt
if [ "$quick" = no ]; then
  part "end to end" tests/end_to_end.sh build/bin
  part "cmake --install, find_package(encore)" tests/package/installs.sh build
  part "survival: disks, memory, NaN, damage" tests/survival.sh build/bin
  part "kill -9 at 10 random moments" scripts/crash_test.sh --kills 10
  if [ -d ../shared/golden ]; then
    cpu_dtypes=
    if [[ ${ENCORE_ISA-} = avx2 || ${ENCORE_ISA-} = avx512 ]] || ! grep -q avx512_bf16 /proc/cpuinfo; then
      cpu_dtypes="--dtype fp32"
      echo "skipped: this processor does not multiply bf16: trace --device cpu --dtype bf16 (the executor's part has bf16)"
    fi
    # shellcheck disable=SC2086
    part "golden: trace against Hugging Face" python3 ../shared/golden/check.py build/bin/trace $cpu_dtypes
    if [ "$nightly" = yes ]; then simt_cases=; else simt_cases="--case mlm-d32 --case mlm-d96"; fi
    # shellcheck disable=SC2086
    part "golden: trace on the host executor" python3 ../shared/golden/check.py build/bin/trace --device simt $simt_cases
  else
    echo "skipped: no shared data: trace against all recorded Hugging Face cases"
  fi
  # shellcheck disable=SC2046
  part "CUDA kernels by nvcc: no spills, registers" scripts/ptxas_gate.sh $([ "$nightly" = no ] || echo --all)
  part "CUDA kernels: every line is reached" scripts/kernel_coverage.sh
  part "GPU check, dry on the host executor" scripts/gpu_check.sh --dry
  part "build asan (what was left of it)" built asan
  part "unit tests, AddressSanitizer + UBSan" asan_tests
  part "data path, trainer, ranks, ThreadSanitizer" tsan_tests
fi
if [ "$nightly" = yes ]; then
  part "the host executor, alone in a folder" scripts/simt_alone.sh
  part "CUDA kernels, up to 700 rows" env ENCORE_RANDOM_ROWS=700 ctest --preset release -j "$jobs" -L simt
  part "CUDA kernels: planted faults are caught" scripts/fault_matrix.sh
  for release in bookworm trixie; do
    part "demo and tests on a bare $release" on_debian scripts/on_debian.sh --log "build/on_$release.log" "$release"
    part "packages start on a bare $release" on_debian scripts/packages_on_debian.sh "$release"
  done
fi
table
[ -z "$failures" ] || { echo "failed:$failures"; cat "$work/wrong"; }
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
