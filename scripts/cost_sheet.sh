#!/usr/bin/env bash
# The static cost sheet of the CUDA kernels, bench/kernels/cost.md: bytes, wavefronts and flops counted on the host
# executor, registers from bench/ptxas.json, attention's main loops from a disassembly if there is a disassembler.
#   scripts/cost_sheet.sh            counts everything and writes the sheet (a few minutes on two cores)
#   scripts/cost_sheet.sh --check    counts a subset and compares; exit code 1 if the sheet is out of date
# NVDISASM names the disassembler if it is neither on PATH nor beside nvcc (PyPI has it as nvidia-cuda-nvdisasm).
set -euo pipefail
cd "$(dirname "$0")/.."
mode=write
case ${1-} in
  '') ;;
  --check) mode=check ;;
  *) echo "cost_sheet.sh: unknown argument '$1': usage: cost_sheet.sh [--check]" >&2; exit 2 ;;
esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cmake --preset release > "$work/log" && cmake --build --preset release --target kernel_cost -j "$(nproc)" >> "$work/log" ||
  { tail -n 30 "$work/log"; exit 1; }
if [ "$mode" = check ]; then
  build/bench/kernel_cost --fast > "$work/counts.json"
else
  build/bench/kernel_cost > "$work/counts.json"
fi

nvcc=$(command -v nvcc || ls /usr/local/cuda/bin/nvcc 2>/dev/null || true)
nvdisasm=${NVDISASM:-$(command -v nvdisasm || ls /usr/local/cuda/bin/nvdisasm 2>/dev/null || true)}
if [ -z "$nvcc" ]; then
  echo "cost sheet: no nvcc here, so attention's main loops were not read"
  python3 bench/kernels/cost/sheet.py "$mode" "$work/counts.json"
  exit
fi
flags=(-std=c++20 -O3 -w -DFMT_CONSTEVAL= -I. -Ikernels/cuda)
for arch in sm_80 sm_90a; do
  for file in forward backward; do
    if [ -n "$nvdisasm" ]; then
      "$nvcc" "${flags[@]}" -arch=$arch -cubin kernels/cuda/attention/$file.cu -o "$work/x.cubin"
      "$nvdisasm" -c "$work/x.cubin" > "$work/$file.listing"
      python3 bench/kernels/cost/loops.py "$work/$file.listing" sass > "$work/$arch.$file.json"
    else
      "$nvcc" "${flags[@]}" -arch=$arch -ptx kernels/cuda/attention/$file.cu -o "$work/$file.listing"
      python3 bench/kernels/cost/loops.py "$work/$file.listing" ptx > "$work/$arch.$file.json"
    fi
  done
done
python3 - "$work" "${nvdisasm:+SASS}" <<'PYTHON'
import glob, json, os, sys
work, sass = sys.argv[1:]
kernels = {}
for path in sorted(glob.glob(work + "/sm_*.json")):
    kernels.setdefault(os.path.basename(path).split(".")[0], {}).update(json.load(open(path)))
json.dump({"from": "the machine code, SASS" if sass else "PTX", "kernels": kernels}, open(work + "/loops.json", "w"))
PYTHON
python3 bench/kernels/cost/sheet.py "$mode" "$work/counts.json" "$work/loops.json"
