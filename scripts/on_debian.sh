#!/usr/bin/env bash
# Makes a bare root of a Debian release and runs a command there in a clean checkout of this commit.
#
#   scripts/on_debian.sh [--keep] [--ccache DIR] [--bring DIR] [--log FILE] RELEASE [COMMAND...]
#
# RELEASE is a code name (bookworm, trixie). COMMAND is run by bash in the checkout; without one, the README's first two
# commands are run. --keep reuses the root of the last call with what was installed and built there, and leaves it; else
# the root is fresh and is removed at the end. --ccache makes a folder of compiles from outside visible inside; times then
# say little about a first build. --bring copies a folder to /src/brought inside. --log keeps a copy of the output.
#
# The mirror is the one that this machine's apt uses for Debian, with RELEASE in place of its own release. The packed
# roots are kept in build/debian (ENCORE_DEBIAN_CACHE names another folder); remove RELEASE.tar there to renew one.
# Needs root, mmdebstrap, and a network. ../shared, where it is there, is visible inside, read-only.
#
# Exit codes: that of COMMAND; 2 wrong use or something is missing; 69 the root could not be made.
set -euo pipefail
usage="usage: on_debian.sh [--keep] [--ccache DIR] [--bring DIR] [--log FILE] RELEASE [COMMAND...]"

die() {
  local code=$1
  shift
  printf 'on_debian.sh: %s\n' "$*" >&2
  exit "$code"
}

keep=no ccache='' bring='' log=/dev/null
while [ $# -gt 0 ]; do
  case $1 in
    --keep) keep=yes; shift ;;
    --ccache) [ -d "${2-}" ] || die 2 "--ccache needs a folder"; ccache=$(realpath -- "$2"); shift 2 ;;
    --bring) [ -d "${2-}" ] || die 2 "--bring needs a folder"; bring=$(realpath -- "$2"); shift 2 ;;
    --log) [ -n "${2-}" ] || die 2 "--log needs a file"; log=$(realpath -m -- "$2"); shift 2 ;;
    -*) die 2 "unknown flag '$1': $usage" ;;
    *) break ;;
  esac
done
[ $# -gt 0 ] || die 2 "no release: $usage"
release=$1
shift
case $release in *[!a-z]*) die 2 "not the code name of a release: '$release'" ;; esac
command=${*:-scripts/demo.sh && scripts/test.sh}
cd "$(dirname "$0")/.."

[ "$(id -u)" = 0 ] || die 2 "only root may make and enter another root"
for tool in mmdebstrap apt-get unshare git; do
  command -v "$tool" >/dev/null || die 2 "$tool is not installed: apt-get install $tool"
done

# sources: this machine's lines for Debian, with the other release.
sources() {
  # shellcheck disable=SC2016  # apt's own variables
  apt-get indextargets --format '$(ORIGIN)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)' "Created-By: Packages" |
    awk -F '|' -v to="$release" '$1 == "Debian" && $2 !~ /^(file|copy|cdrom):/ {
      suite = $3
      sub(/^[^-\/]*/, to, suite)
      print "deb", $2, suite, $4 }' | sort -u
}

cache=$(realpath -m -- "${ENCORE_DEBIAN_CACHE:-build/debian}")
packed=$cache/$release.tar
root=$cache/$release
[ "$keep" = yes ] || root=$cache/fresh-$release
mkdir -p "$cache"

make_packed() {
  local lines
  lines=$(sources)
  [ -n "$lines" ] || die 2 "apt knows no mirror of Debian here: run apt-get update, or see apt-get indextargets"
  # Only what decides whether the mirror is reached and believed.
  apt-config dump --format '%F "%v";%n' |
    grep -E '^Acquire::(https?::Proxy|Check-Valid-Until|Check-Date) ' >"$cache/apt.conf" || true
  printf '%s\n' "$lines" |
    mmdebstrap --quiet --variant=minbase --aptopt="$cache/apt.conf" "$release" "$cache/new-$release.tar" - ||
    die 69 "mmdebstrap could not make a root of '$release'"
  mv "$cache/new-$release.tar" "$packed"
}

[ -s "$packed" ] || make_packed
[ "$keep" = yes ] || rm -rf --one-file-system "$root"
if [ ! -d "$root/usr" ]; then
  mkdir -p "$root"
  tar -C "$root" --exclude='./dev/*' -xf "$packed"
fi
# The name of the folder, and so of the root, says nothing about the machine outside.
checkout=$root/src/encore
mkdir -p "$checkout"
if [ "$keep" = yes ] && [ -d "$checkout/.git" ]; then
  git -C "$checkout" fetch --quiet "$PWD" HEAD && git -C "$checkout" checkout --quiet --force --detach FETCH_HEAD
else
  git clone --quiet --no-local "$PWD" "$checkout"
fi
[ -z "$bring" ] || cp -r "$bring" "$root/src/brought"
cp --dereference /etc/resolv.conf "$root/etc/resolv.conf"

shared=
[ ! -d ../shared ] || shared=$(realpath ../shared)
status=0
mkdir -p "$(dirname "$log")"
# Mounts live in a namespace of their own, so nothing is left mounted whatever happens; so do the processes.
# shellcheck disable=SC2016  # of the inner shell
unshare --mount --pid --fork --kill-child -- bash -euc '
  root=$1 shared=$2 ccache=$3 command=$4
  mkdir -p "$root/proc" "$root/dev" "$root/sys" "$root/src/shared" "$root/ccache"
  mount -t proc proc "$root/proc"
  mount --rbind /dev "$root/dev"
  mount --rbind /sys "$root/sys"
  [ -z "$shared" ] || mount --bind -o ro "$shared" "$root/src/shared"
  [ -n "$shared" ] || rmdir "$root/src/shared"
  set -- PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8
  for name in http_proxy https_proxy no_proxy; do
    [ -z "${!name-}" ] || set -- "$@" "$name=${!name}"
  done
  if [ -n "$ccache" ]; then
    mount --bind "$ccache" "$root/ccache"
    set -- "$@" CCACHE_DIR=/ccache
  fi
  exec chroot "$root" /usr/bin/env -i "$@" /bin/bash -c "cd /src/encore && $command"
' on_debian "$root" "$shared" "$ccache" "$command" </dev/null 2>&1 | tee "$log" || status=${PIPESTATUS[0]}
[ "$keep" = yes ] || rm -rf --one-file-system "$root"
exit "$status"
