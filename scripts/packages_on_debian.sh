#!/usr/bin/env bash
# Makes the packages on a root of a Debian release, and starts them on a bare root of it: tests/package/starts.sh.
#   scripts/packages_on_debian.sh [--ccache DIR] RELEASE
# The packages lie in build/packages/RELEASE afterwards. Needs what scripts/on_debian.sh needs, whose root of the release
# with the build in it is kept.
set -euo pipefail
cd "$(dirname "$0")/.."
flags=()
[ "${1-}" != --ccache ] || { flags=(--ccache "$2"); shift 2; }
[ $# -eq 1 ] || { echo "usage: packages_on_debian.sh [--ccache DIR] RELEASE" >&2; exit 2; }
release=$1
scripts/on_debian.sh --keep "${flags[@]}" "$release" 'scripts/setup.sh && scripts/package.sh'
to=build/packages/$release
rm -rf "$to"
mkdir -p "$to"
cp "${ENCORE_DEBIAN_CACHE:-build/debian}/$release/src/encore/build/packages/"*.* "$to/"
scripts/on_debian.sh --bring "$to" "$release" tests/package/starts.sh /src/brought
