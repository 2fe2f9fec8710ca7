#!/bin/sh
# Unpacks a Debian package into a folder without installing it.
#
#   scripts/fetch_deb.sh PACKAGE DEST
#
# Downloads PACKAGE (the version that apt would install) and unpacks its files under DEST
# (DEST/usr/...). Installs nothing and needs no root rights. A second call for the same DEST does
# nothing and needs no network: DEST/.fetched-PACKAGE holds the version unpacked there.
# Exit codes: 0 done, 2 wrong use or unknown package, 69 download failed, 74 unpacking failed.
set -eu

die() {
  code=$1
  shift
  printf 'fetch_deb.sh: %s\n' "$*" >&2
  exit "$code"
}

[ $# -eq 2 ] || die 2 "usage: fetch_deb.sh PACKAGE DEST"
package=$1
dest=$2
case $package in
  '' | *[!a-z0-9+.-]*) die 2 "not a package name: '$package'" ;;
esac

stamp=$dest/.fetched-$package
[ ! -s "$stamp" ] || exit 0

for tool in apt-get apt-cache dpkg-deb; do
  command -v "$tool" >/dev/null 2>&1 ||
    die 69 "$tool is not here: this needs Debian or Ubuntu (package '$package')"
done

mkdir -p "$dest" || die 74 "cannot make the folder $dest"
work=$(mktemp -d "${TMPDIR:-/tmp}/fetch_deb.XXXXXX") || die 74 "cannot make a temporary folder"
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP

# A bare image has no package lists; only root may fetch them.
if ! apt-cache show "$package" >/dev/null 2>&1; then
  if [ "$(id -u)" -eq 0 ]; then
    apt-get -qq update >"$work/log" 2>&1 || true
  elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
    sudo -n apt-get -qq update >"$work/log" 2>&1 || true
  fi
  apt-cache show "$package" >/dev/null 2>&1 ||
    die 2 "apt knows no package '$package': run 'apt-get update' as root, or add the suite that has it"
fi

# The sandbox user cannot write into a private temporary folder, hence User=root.
download() {
  (cd "$work" && apt-get -qq -o APT::Sandbox::User=root -o Acquire::Retries=3 \
    download "$package" >log 2>&1)
}
if ! download; then
  # Old lists name versions that the mirror has dropped: renews them once, if that is permitted.
  [ "$(id -u)" -ne 0 ] || apt-get -qq update >/dev/null 2>&1 || true
  download || die 69 "cannot download '$package': $(grep '^E:' "$work/log" | head -n 1)"
fi

set -- "$work"/*.deb
[ $# -eq 1 ] && [ -s "$1" ] || die 69 "apt-get download left no file for '$package'"
version=$(dpkg-deb -f "$1" Version) || die 74 "cannot read the package file of '$package'"
dpkg-deb -x "$1" "$dest" || die 74 "cannot unpack '$package' into $dest"
printf '%s\n' "$version" >"$stamp.tmp$$" && mv "$stamp.tmp$$" "$stamp" ||
  die 74 "cannot write $stamp"
