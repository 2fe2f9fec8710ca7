#!/usr/bin/env bash
# Builds and packs everything for a GPU box: programs, tests and benches for sm_80 and sm_90a with every shared library
# that is neither CUDA's nor glibc's, a small corpus, a task, tokenizers, the bundled model and the golden cases.
#
#   scripts/gpu_bundle.sh             writes build/gpu-bundle.tar.xz, at most 30 MB
#   scripts/gpu_bundle.sh --no-build  packs the present build-gpu
#
# On the box: tar xf gpu-bundle.tar.xz && gpu-bundle/scripts/gpu_check.sh. The box needs a driver for CUDA 13, cuBLASLt
# and a glibc as new as this machine's. This machine needs nvcc: a bundle without GPU code is refused.
set -euo pipefail
cd "$(dirname "$0")/.."
most=30000000
say() { printf '== %s\n' "$*"; }
die() { local code=$1; shift; echo "gpu_bundle.sh: $*" >&2; exit "$code"; }

case ${1-} in
  '') build=yes ;;
  --no-build) build=no ;;
  *) die 2 "unknown argument '$1': usage: gpu_bundle.sh [--no-build]" ;;
esac
if [ $build = yes ]; then
  command -v nvcc >/dev/null || [ -x /usr/local/cuda/bin/nvcc ] ||
    die 2 "nvcc is not installed: the bundle would have no GPU code"
  say "building for sm_80 and sm_90a (build-gpu)"
  cmake --preset gpu >/dev/null
  cmake --build --preset gpu -j "$(nproc)" | tail -1
fi
from="build-gpu"
[ -f $from/lib/libencore_cuda.so ] || die 2 "$from/lib/libencore_cuda.so is not there: see the notes of cmake --preset gpu"

mkdir -p build
stage=$(mktemp -d build/bundle.XXXXXX)
trap 'rm -rf "$stage"' EXIT
to=$stage/gpu-bundle
mkdir -p "$to"/{scripts,models,examples} "$to"/build/{bin,lib,bench,tests} "$to"/bench/{gpu,kernels,peers}

for program in $from/bin/*; do [ -f "$program" ] && cp "$program" "$to/build/bin/"; done
cp $from/bench/{kernel_bench,mlm_step_bench} "$to/build/bench/"
cp $from/tests/{kernels_on_device_test,cuda_conformance} "$to/build/tests/"
cp $from/lib/libencore_cuda.so "$to/build/lib/"
find "$to/build" -type f -exec strip --strip-unneeded {} +

# Programs load these libraries from ../lib: all but glibc's and those of the driver or CUDA. The C++ library is among
# them, since a box may have an older one.
glibc='ld-linux|libc|libm|libdl|librt|libpthread|libresolv|libutil|libanl|libnsl'
cuda='libcuda|libcudart|libcublas|libcublasLt|libcudnn|libnccl|libnvrtc|libnvToolsExt'
libraries=$(find "$to/build" -type f -exec env LD_LIBRARY_PATH=/usr/local/cuda/lib64 ldd {} \; 2>/dev/null |
  awk '$2 == "=>" && $3 ~ /^\// {print $1, $3}' | sort -u | grep -vE "^($glibc|$cuda)[.-]" | grep -v '^libencore_')
while read -r name path; do
  cp -L "$path" "$to/build/lib/$name"
  chmod u+w "$to/build/lib/$name"
  strip --strip-unneeded "$to/build/lib/$name" 2>/dev/null || true
done <<<"$libraries"
say "libraries: $(awk '{print $1}' <<<"$libraries" | tr '\n' ' ')"

cp scripts/{gpu_check,with_cuda}.sh "$to/scripts/"
cp bench/gpu/*.py bench/gpu/*.json "$to/bench/gpu/"
cp bench/kernels/{peers.py,README.md} "$to/bench/kernels/"
cp bench/peers/{gpu_baseline,gpu_timing}.py "$to/bench/peers/"
cp -r models/encore-mini "$to/models/"
cp -r examples/gene_ontology "$to/examples/"
cp LICENSE "$to/"
{ git describe --always --dirty 2>/dev/null || echo unknown; } >"$to/VERSION"
if [ -d ../shared/golden ]; then
  mkdir -p "$to/shared/golden"
  cp ../shared/golden/{check.py,README.md} "$to/shared/golden/"
  cp -r ../shared/golden/mlm-d{32,64} "$to/shared/golden/"
else
  say "no ../shared/golden: the bundle has no golden cases"
fi
for part in tasks/citation_intent tokenizer/roberta-base; do
  [ -d "../shared/data/$part" ] || { say "no ../shared/data/$part: left out"; continue; }
  mkdir -p "$to/shared/data/$(dirname $part)"
  cp -r "../shared/data/$part" "$to/shared/data/$part"
done
cat >"$to/README" <<'END'
Encore for a GPU box. scripts/gpu_check.sh measures everything (at most nine minutes); scripts/gpu_check.sh --list names the
parts. One program: scripts/with_cuda.sh build/bin/dapt_train --device cuda ... (finds cuBLASLt of this machine).
END

say "packing $(du -sm "$to" | cut -f1) MiB"
# The window spans several programs, which share most of their code.
tar --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 -C "$stage" -cf - gpu-bundle |
  xz --x86 --lzma2=preset=6e,dict=128MiB >"$stage/packed"
size=$(stat -c %s "$stage/packed")
if [ "$size" -gt $most ]; then
  (cd "$to" && find . -type f -printf '%s %p\n' | sort -rn | head -12) >&2
  die 1 "the bundle has $size bytes, at most $most are allowed (its largest files are above)"
fi
mv "$stage/packed" build/gpu-bundle.tar.xz
say "build/gpu-bundle.tar.xz: $size bytes"
