#!/usr/bin/env bash
# Makes Debian packages and a tarball of the release build, in build/packages.
#   scripts/package.sh             builds the programs first
#   scripts/package.sh --no-build  packs the present build
# The packages are for the release of Debian that they are made on; scripts/packages_on_debian.sh makes and starts them on
# a bare root of any.
set -euo pipefail
cd "$(dirname "$0")/.."
case ${1-} in
  '')
    cmake --preset release >/dev/null
    cmake --build --preset release -j "$(nproc)"
    ;;
  --no-build) ;;
  *) echo "package.sh: unknown argument '$1': usage: package.sh [--no-build]" >&2; exit 2 ;;
esac
rm -rf build/packages
mkdir -p build/packages
cpack --config build/CPackConfig.cmake -B build/packages
rm -rf build/packages/_CPack_Packages
ls -l build/packages
