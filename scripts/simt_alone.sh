#!/usr/bin/env bash
# Checks that the host executor is self-contained: its folder, copied elsewhere, builds and passes its own tests.
#   scripts/simt_alone.sh
set -euo pipefail
cd "$(dirname "$0")/.."
alone=$(mktemp -d "${TMPDIR:-/tmp}/simt_alone.XXXXXX")
trap 'rm -rf "$alone"' EXIT
cp -r kernels/simt "$alone"
launcher=
command -v ccache >/dev/null && launcher=-DCMAKE_CXX_COMPILER_LAUNCHER=ccache
cd "$alone/simt"
cmake -G Ninja -S . -B build $launcher
cmake --build build -j "$(nproc)"
ctest --test-dir build -j "$(nproc)" --output-on-failure
