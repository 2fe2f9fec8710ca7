#!/usr/bin/env bash
# Runs the default build's programs on a processor with AVX2 and without AVX-512, emulated by qemu-user: an AVX-512
# instruction anywhere, oneDNN's generated code included, ends a program there. Runs tests/apps/isa_test.cpp on it: all
# recorded Hugging Face cases through `trace`, steps of dapt_train, mlm_eval. Some minutes; not part of scripts/test.sh.
#
# Needs qemu-user (Debian's) and the release build's tests. Exit code 0 only if all of it passed.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v qemu-x86_64 >/dev/null || { echo "skipped: no qemu-x86_64 here (package qemu-user)"; exit 0; }
cmake --preset release >/dev/null
cmake --build --preset release -j "$(nproc)" --target apps_isa_test >/dev/null
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Haswell without the features that qemu-user lacks, about which it would only warn.
export ENCORE_TEST_EMULATOR='qemu-x86_64 -cpu Haswell,-pcid,-x2apic,-tsc-deadline,-hle,-invpcid,-rtm'
# Set here because a program restarts itself to set it (train/thread_waiting.h), and the restart is not emulated.
export GOMP_SPINCOUNT=1000
unset ENCORE_ISA

# Checks that the emulator refuses AVX-512.
printf '%s\n' 'int main() { __asm__ volatile("vpxord %zmm0, %zmm0, %zmm0"); }' >"$work/wide.c"
cc -mavx512f "$work/wide.c" -o "$work/wide"
code=0
( $ENCORE_TEST_EMULATOR "$work/wide"; exit $? ) >/dev/null 2>&1 || code=$?
[ "$code" -eq 132 ] || { echo "avx2_emulated.sh: this emulator runs AVX-512 (exit code $code): it proves nothing" >&2; exit 1; }
echo "AVX-512 ends a program here (SIGILL), as it should"
build/tests/apps_isa_test
