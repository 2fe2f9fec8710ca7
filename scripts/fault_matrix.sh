#!/usr/bin/env bash
# Plants some hundred faults into the CUDA kernels, one at a time, and prints which gates catch each (a nightly check:
# under an hour on two cores). Exit code 0 only if every fault is caught.
#   scripts/fault_matrix.sh [--all-gates] [--only REGEX] [--minutes N] [--jobs N] [--markdown FILE]
#     --all-gates   run every gate on every fault, not only up to the first that catches it
#     --minutes     plant no further fault after this time; the planted ones are spread over all kernels
set -euo pipefail
cd "$(dirname "$0")/.."
log=$(mktemp)
trap 'rm -f "$log"' EXIT
cmake --preset release > "$log" 2>&1 || { tail -n 30 "$log"; exit 1; }
targets=$(ninja -C build -t targets all | sed -n 's/^\(kernels_[a-z0-9_]*_test_simt_[a-z]*\|kernels_attention_kernels_test_[a-z]*\): phony$/\1/p')
cmake --build --preset release -j "$(nproc)" --target $targets > "$log" 2>&1 || { tail -n 30 "$log"; exit 1; }
exec python3 tests/faults/fault_matrix.py "$@"
