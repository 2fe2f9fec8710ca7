#!/usr/bin/env bash
# installs.sh BUILD: `cmake --install` gives a folder that works anywhere: a program of it finds the bundled model, and
# another project finds the library and uses it.
set -euo pipefail
build=$(realpath -- "$1")
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "installs.sh: $1"; cat "$work/log"; exit 1; }

cmake --install "$build" --prefix "$work/first" >"$work/log" 2>&1 || fail "cmake --install failed"
mv "$work/first" "$work/moved"  # nothing may name the prefix
cd "$work"
moved/bin/fill_mask "He opened the <mask> and went in." >"$work/log" 2>&1 || fail "fill_mask does not find its model"
! grep -rlI "$work\|$build" moved/lib/cmake moved/include >"$work/log" || fail "files name a folder of the build:"
cmake -S "$here" -B uses -D CMAKE_PREFIX_PATH="$work/moved" >"$work/log" 2>&1 || fail "find_package(encore) failed"
cmake --build uses >"$work/log" 2>&1 || fail "the installed library cannot be used"
uses/uses_encore moved/share/encore/models/encore-mini >"$work/log" 2>&1 || fail "uses_encore failed"
echo "installed, moved, used"
