#!/usr/bin/env bash
# starts.sh FOLDER: the packages in FOLDER start on this machine, which has none of their libraries: the tarball first,
# then the Debian packages, then a program of another project that uses the installed library. Installs them: for a bare
# root (scripts/packages_on_debian.sh).
set -euo pipefail
packages=$(realpath -- "$1")
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# starts BIN NAME: the programs of that folder, without any file of the checkout.
starts() {
  local bin=$1 out=$work/$2
  mkdir -p "$out"
  for program in "$bin"/*; do
    "$program" --help >"$out/help" || { echo "FAIL  $2: $program --help"; exit 1; }
  done
  local share=$bin/../share/encore
  (cd "$out" && "$bin/dapt_train" --model "$share/models/encore-mini" --train "$share/examples/gene_ontology/train.txt" \
    --eval "$share/examples/gene_ontology/eval.txt" --max-steps 2 --seq-length 64 --output "$out/run" >"$out/log" 2>&1) ||
    { cat "$out/log"; exit 1; }
  grep oneDNN "$out/log" | head -1
  (cd "$out" && "$bin/fill_mask" "He opened the <mask> and went in." >"$out/filled")  # finds the bundled model
  [ -s "$out/filled" ] || { echo "FAIL  $2: fill_mask printed nothing"; exit 1; }
  echo "ok    $2: $(ls "$bin" | wc -l) programs start, training and fill_mask run"
}

ldconfig -p | grep -q libdnnl && { echo "starts.sh: this machine has oneDNN already, so it would show nothing" >&2; exit 2; }
tar -C "$work" -xzf "$packages"/encore-*.tar.gz
starts "$(echo "$work"/encore-*/bin)" tarball

export DEBIAN_FRONTEND=noninteractive
apt-get -qq update
apt-get -qq install -y --no-install-recommends "$packages"/encore_*.deb >/dev/null
starts /opt/encore/bin deb

apt-get -qq install -y --no-install-recommends "$packages"/libencore-dev_*.deb g++ cmake make >/dev/null
cmake -S "$here" -B "$work/uses" -D CMAKE_PREFIX_PATH=/opt/encore >"$work/log" &&
  cmake --build "$work/uses" >>"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
"$work/uses/uses_encore" /opt/encore/share/encore/models/encore-mini
echo "ok    find_package(encore)"
