#!/usr/bin/env bash
# All checks that must pass before a change lands: format, layers, unit tests, sanitizers, a short end-to-end job.
#
#   scripts/test.sh            all of it (under 15 minutes on two cores with a warm compiler cache)
#   scripts/test.sh --quick    the release build and its tests
#   scripts/test.sh --nightly  all of it, the host executor alone, and the CUDA kernels on random shapes of up to 700 rows
#                              in every mode and with faults planted in them (two hours)
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
jobs=$(nproc)
passed=0
failed=0
failures=

# part NAME COMMAND...: runs one part and shows its output only if it fails.
part() {
  local name=$1 start=$SECONDS log
  shift
  log=$(mktemp)
  if "$@" >"$log" 2>&1; then
    passed=$((passed + 1))
    printf 'ok    %-44s %4d s\n' "$name" $((SECONDS - start))
    grep -E '^(skipped|SKIPPED)|tests passed|Skipped|^ptxas gate|^kernel coverage' "$log" | sort -u | head -20 | sed 's/^/      /'
  else
    failed=$((failed + 1))
    failures="$failures $name"
    printf 'FAIL  %-44s %4d s\n' "$name" $((SECONDS - start))
    tail -n 80 "$log" | sed 's/^/      /'
  fi
  rm -f "$log"
}

check_format() {
  command -v clang-format-14 >/dev/null || { echo "skipped: clang-format-14 is not installed"; return 0; }
  git ls-files '*.h' '*.cpp' '*.cu' '*.cuh' | xargs -r clang-format-14 --dry-run --Werror
}

build() { cmake --preset "$1" && cmake --build --preset "$1" -j "$jobs"; }

# The core tests under AddressSanitizer (with leaks) and UndefinedBehaviorSanitizer.
asan_tests() { ctest --preset asan -j "$jobs" -LE slow; }

# Data path, tokenizer, token cache, trainer and ranks (as threads of one process, and over MPI) under ThreadSanitizer.
tsan_targets="data_cache_lock_test data_cache_build_test data_token_cache_test data_dataset_test data_tokenizer_test
  data_labelled_test data_batching_test train_trainer_test train_ranks_test
  optim_communicator_mpi_test"
tsan_tests() {
  command -v clang++-14 >/dev/null && [ -f /usr/lib/llvm-14/lib/libarcher.so ] ||
    { echo "skipped: ThreadSanitizer (needs clang-14, libomp-14-dev, libclang-rt-14-dev)"; return 0; }
  # shellcheck disable=SC2086
  cmake --preset tsan && cmake --build --preset tsan -j "$jobs" --target $tsan_targets &&
    ctest --preset tsan -R '^(data/(cache_.*|token_cache|dataset|tokenizer|labelled|batching)|train/(trainer|ranks)|optim/communicator_mpi)_test$'
}

part "format (clang-format 14)" check_format
part "include directions" python3 tests/layering/check_layers.py
part "build release" build release
part "unit tests, release" ctest --preset release -j 1 -LE simt
# Every kernel: late copies, three pct schedules, race checks, sanitizers, other sequences set to NaN.
part "CUDA kernels on the host executor" ctest --preset release -j "$jobs" -L simt
if [ "$quick" = no ]; then
  part "end to end" tests/end_to_end.sh build/bin
  part "survival: disks, memory, NaN, damage" tests/survival.sh build/bin
  part "kill -9 at 10 random moments" scripts/crash_test.sh --kills 10
  if [ -d ../shared/golden ]; then
    cpu_dtypes=
    if [ "${ENCORE_ISA-}" = avx2 ] || ! grep -q avx512_bf16 /proc/cpuinfo; then
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
  part "CUDA kernels by nvcc: no spills, registers" scripts/ptxas_gate.sh
  part "CUDA kernels: every line is reached" scripts/kernel_coverage.sh
  part "GPU check, dry on the host executor" scripts/gpu_check.sh --dry
  part "build asan" build asan
  part "unit tests, AddressSanitizer + UBSan" asan_tests
  part "data path, trainer, ranks, ThreadSanitizer" tsan_tests
fi
if [ "$nightly" = yes ]; then
  part "the host executor, alone in a folder" scripts/simt_alone.sh
  part "CUDA kernels, up to 700 rows" env ENCORE_RANDOM_ROWS=700 ctest --preset release -j "$jobs" -L simt
  part "CUDA kernels: planted faults are caught" scripts/fault_matrix.sh
fi
[ -z "$failures" ] || echo "failed:$failures"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
