#!/bin/sh
# Installs the Debian packages that Encore needs to build, test and run its demo.
#
#   scripts/setup.sh            installs what is missing; silent and without network if nothing is
#   scripts/setup.sh --list     prints the packages
#   scripts/setup.sh --check    installs nothing; exit code 1 and a list when something is missing
#
# For Debian 12, Debian 13 and their relatives. Uses root rights only to install (through sudo if present).
# Exit codes: 0 all there, 1 missing (--check), 2 wrong use or no right to install, 69 apt failed.
set -eu

build="g++ cmake ninja-build ccache pkg-config libdnnl-dev libcxxopts-dev libfmt-dev
nlohmann-json3-dev libsimdjson-dev libxxhash-dev libzstd-dev zlib1g-dev libboost-context-dev
libopenmpi-dev openmpi-bin libfaiss-dev libopenblas-dev libeigen3-dev"
package="dpkg-dev file"
test="libgtest-dev libgmock-dev libbenchmark-dev libpcre2-dev python3 zstd gzip git"
demo="sqlite3 ca-certificates"
# The pinned formatter and linter: optional, since no build needs them.
lint="clang-format-14 clang-tidy-14"

say() {
  printf 'setup.sh: %s\n' "$*" >&2
}

die() {
  code=$1
  shift
  say "$*"
  exit "$code"
}

# Prints those of the given packages that are not installed.
missing_of() {
  dpkg-query -W -f='${db:Status-Status} ${Package}\n' "$@" 2>/dev/null |
    awk '$1 == "installed" { print $2 }' >"$installed"
  for package in "$@"; do
    grep -qxF -- "$package" "$installed" || printf '%s ' "$package"
  done
}

mode=install
case ${1-} in
  '') ;;
  --list) mode=list ;;
  --check) mode=check ;;
  *) die 2 "unknown argument '$1': usage: setup.sh [--list | --check]" ;;
esac
[ $# -le 1 ] || die 2 "usage: setup.sh [--list | --check]"

# shellcheck disable=SC2086  # package names are words on purpose
set -- $build $package $test $demo
if [ "$mode" = list ]; then
  # shellcheck disable=SC2086
  printf '%s\n' "$@" $lint
  exit 0
fi

command -v dpkg-query >/dev/null 2>&1 && command -v apt-get >/dev/null 2>&1 ||
  die 2 "no dpkg or apt-get here: install by hand what 'scripts/setup.sh --list' names (Debian's names)"

installed=$(mktemp "${TMPDIR:-/tmp}/encore_setup.XXXXXX") || die 2 "cannot write a temporary file"
trap 'rm -f "$installed" "$installed.log"' EXIT
trap 'exit 130' INT TERM HUP

needed=$(missing_of "$@")
# shellcheck disable=SC2086
wanted=$(missing_of $lint)
if [ "$mode" = check ]; then
  [ -n "$needed$wanted" ] || exit 0
  say "missing: $needed$wanted"
  exit 1
fi
# Does not ask for root rights if only the linters are missing.
if [ -z "$needed" ] && { [ -z "$wanted" ] || [ "$(id -u)" -ne 0 ]; }; then
  exit 0
fi

as_root=
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null 2>&1 ||
    die 2 "not root and no sudo; as root run: apt-get install --no-install-recommends $needed$wanted"
  as_root=sudo
fi

run_apt() {
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Acquire::Retries=3 "$@" >"$installed.log" 2>&1
}

say "installing: $needed$wanted"
refreshed=no
run_apt update && refreshed=yes

# Another release may lack the pinned linters; the build does not need them.
optional=
for package in $wanted; do
  if apt-cache show "$package" >/dev/null 2>&1; then
    optional="$optional $package"
  else
    say "this release has no $package: formatting and lint checks will be skipped"
  fi
done
[ -n "$needed$optional" ] || exit 0

# shellcheck disable=SC2086
if ! run_apt install --no-install-recommends $needed $optional; then
  grep '^E:' "$installed.log" >&2 || tail -n 5 "$installed.log" >&2
  [ "$refreshed" = yes ] || say "the package lists could not be renewed either: is there a network?"
  die 69 "apt-get could not install: $needed$optional"
fi
say "done"
