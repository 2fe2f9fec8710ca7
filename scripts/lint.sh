#!/usr/bin/env bash
# Runs the linter (clang-tidy 14, .clang-tidy) over the given sources, or over those with uncommitted changes. Needs a
# configured release build (build/compile_commands.json).
set -eu
cd "$(dirname "$0")/.."
command -v clang-tidy-14 >/dev/null || { echo "skipped: clang-tidy-14 is not installed (scripts/setup.sh)"; exit 0; }
[ -f build/compile_commands.json ] || cmake --preset release >/dev/null
if [ $# -gt 0 ]; then files=("$@"); else mapfile -t files < <(git diff --name-only HEAD -- '*.cpp'); fi
[ ${#files[@]} -gt 0 ] || { echo "nothing to lint: no changed .cpp file"; exit 0; }
exec clang-tidy-14 --quiet -p build "${files[@]}"
