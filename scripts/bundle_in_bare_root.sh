#!/usr/bin/env bash
# Starts build/gpu-bundle.tar.xz in a bare Debian root: no CUDA, no MPI, no library but Debian's essential ones. The
# CPU's parts must run, and each of the others must name in one line what it lacks.
#
#   scripts/bundle_in_bare_root.sh [ROOT]    ROOT: a folder with such a root; else makes one (mmdebstrap, as root)
set -euo pipefail
cd "$(dirname "$0")/.."
bundle=build/gpu-bundle.tar.xz
[ -f $bundle ] || { echo "$bundle is not there: scripts/gpu_bundle.sh makes it" >&2; exit 2; }
[ "$(id -u)" = 0 ] || { echo "skipped: only root may enter another root"; exit 0; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=${1:-$work/root}
if [ $# -eq 0 ]; then
  command -v mmdebstrap >/dev/null || { echo "skipped: mmdebstrap is not installed"; exit 0; }
  # shellcheck source=/dev/null
  mmdebstrap --quiet --variant=essential "$(. /etc/os-release && echo "$VERSION_CODENAME")" "$root"
fi
rm -rf "$root/gpu-bundle"
tar -C "$root" -xf $bundle
status=0
# shellcheck disable=SC2016
unshare -m bash -c 'mkdir -p "$0/proc" "$0/dev" && mount -t proc proc "$0/proc" && mount --bind /dev "$0/dev" &&
  exec chroot "$0" /usr/bin/env -i PATH=/usr/bin:/bin HOME=/root /gpu-bundle/scripts/gpu_check.sh' "$root" |
  tee "$work/out" || status=$?

# Checks what such a root must lack, and what must have run.
bad=0
for what in 'a usable GPU' libcublasLt python3 compute-sanitizer mpirun; do
  grep -q "^missing: $what" "$work/out" || { echo "bundle_in_bare_root.sh: it does not say that $what is missing" >&2; bad=1; }
done
for part in facts kernels step_base ops task; do
  grep -qE "^$part +ok" "$work/out" || { echo "bundle_in_bare_root.sh: the part $part did not pass" >&2; bad=1; }
done
[ $status -eq 0 ] || { echo "bundle_in_bare_root.sh: gpu_check.sh ended with $status" >&2; bad=1; }
exit $bad
