#!/usr/bin/env bash
# Compiles every .cu of kernels/cuda and its folders (or the given files) for sm_80, sm_90a and sm_120 and reads ptxas's
# report. Fails on a spill (on Blackwell: on a larger one than recorded), an ignored setmaxnreg, a serialised wgmma, more
# registers than bench/ptxas.json records, or a kernel that it does not record; if there is a disassembler, also on wgmma
# products of a loop that share registers (scripts/wgmma_operands.py).
#   scripts/ptxas_gate.sh [--all] [--record] [FILE.cu ...]
#     --all     every architecture that has code of its own (cmake/cuda_choice.cmake), and the PTX for later cards
#     --record  rewrite bench/ptxas.json for these files and architectures
# NVDISASM names the disassembler if it is neither on PATH nor beside nvcc (PyPI has it as nvidia-cuda-nvdisasm).
set -euo pipefail
cd "$(dirname "$0")/.."
nvcc=$(command -v nvcc || ls /usr/local/cuda/bin/nvcc 2>/dev/null || true)
if [ -z "$nvcc" ]; then
  echo "ptxas gate: no nvcc here, so nothing was compiled for GPUs"
  exit 0
fi
nvdisasm=${NVDISASM:-$(command -v nvdisasm || ls "$(dirname "$nvcc")/nvdisasm" 2>/dev/null || true)}
record=0 architectures="80 90a 120"
while [ $# -gt 0 ]; do
  case $1 in
    --all) architectures=$(sed -n 's/^set(ENCORE_CUDA_ALL \(.*\))$/\1/p' cmake/cuda_choice.cmake) ;;
    --record) record=1 ;;
    *) break ;;
  esac
  shift
done
files=("$@")
[ ${#files[@]} -gt 0 ] || files=(kernels/cuda/*/*.cu kernels/cuda/*.cu)
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
# What nvcc made and said before comes from the cache of compiles, where ccache is installed.
launcher=$(command -v ccache || true)
export nvcc nvdisasm logs launcher CCACHE_DEPEND=1

# gate_compile ARCHITECTURE FILE: the cubin and what ptxas says, in $logs under the name of bench/ptxas.json (no .cu). Of
# PTX, 100-virtual, only that it compiles: ptxas reads it on the card's machine.
gate_compile() {
  local arch=sm_$1 file=$2 source=${2#kernels/cuda/} output=-cubin
  case $1 in *-virtual) arch=compute_${1%-virtual} output=-ptx ;; esac
  local log=$logs/${source%.cu}.$arch
  mkdir -p "$(dirname "$log")"
  # fmt 9 checks its formats at compile time in a way that nvcc's front end rejects.
  $launcher "$nvcc" -std=c++20 -O3 -arch="$arch" -c $output -w -DFMT_CONSTEVAL= -Xptxas -v -I. -Ikernels/cuda \
    -MD -MF "$log.dependencies" "$file" -o "$log.cubin" >"$log" 2>&1 || {
    echo "ptxas gate: $file does not compile for $arch:"
    grep -i error "$log" | head -5
    return 1
  }
  case $arch:$file in sm_90a:*wgmma*)
    if [ -n "$nvdisasm" ]; then
      "$nvdisasm" -c "$log.cubin" | python3 scripts/wgmma_operands.py || return 1
    else
      echo "ptxas gate: no nvdisasm here, so the operands of wgmma in $file were not looked at"
    fi ;;
  esac
}
export -f gate_compile
# A compile of nvcc keeps one core busy.
for file in "${files[@]}"; do
  for architecture in $architectures; do printf '%s %s\n' "$architecture" "$file"; done
done >"$logs/compiles"
# shellcheck disable=SC2016  # of the inner bash
xargs <"$logs/compiles" -P "$(nproc)" -L 1 bash -c 'set -o pipefail; gate_compile "$@"' gate_compile || exit 1
python3 - "$logs" "$record" <<'PYTHON'
import json, os, pathlib, re, subprocess, sys
logs, record = sys.argv[1], sys.argv[2] == "1"
path = "bench/ptxas.json"
# The kernels are laid out for the registers of 8.0 and 9.0. On cards that nobody has run them on, a few registers too many
# are recorded and no fault; they may not grow.
MAY_SPILL = {"sm_100", "sm_103", "sm_120"}
known = json.load(open(path)) if os.path.exists(path) else {}
bad, seen = [], 0
for log in sorted(p for p in pathlib.Path(logs).rglob("*.sm_*") if p.suffix.startswith(".sm_")):
    source, arch = log.relative_to(logs).as_posix().rsplit(".", 1)
    text = log.read_text()
    for line in text.splitlines():
        if re.search(r"setmaxnreg.*ignored|wgmma.*serializ", line, re.I):
            bad.append(f"{source}.cu {arch}: {line.strip()}")
    kernels = {}
    pattern = (r"Compiling entry function '(\S+)' for.*?(\d+) bytes stack frame, (\d+) bytes spill stores, "
               r"(\d+) bytes spill loads.*?Used (\d+) registers([^\n]*)")
    for symbol, stack, stores, loads, registers, rest in re.findall(pattern, text, re.S):
        plain = subprocess.run(["c++filt", symbol], capture_output=True, text=True).stdout.strip()
        plain = re.sub(r"encore::cuda::|\(anonymous namespace\)::|^void ", "", plain)
        plain = re.sub(r"\(int\)", "", plain.split(">(")[0] + (">" if ">(" in plain else ""))
        plain = plain.split("(")[0]
        smem = re.search(r"(\d+) bytes smem", rest)
        kernels[plain] = {"registers": int(registers), "static_shared": int(smem.group(1)) if smem else 0}
        before = known.get(arch, {}).get(source, {}).get(plain)
        spilled = max(int(stores), int(loads))
        if spilled and arch in MAY_SPILL:
            kernels[plain]["spilled"] = spilled
        allowed = spilled if record and arch in MAY_SPILL else (before or {}).get("spilled", 0)
        if spilled > allowed:
            bad.append(f"{source}.cu {arch}: {plain} spills {stores} bytes out, {loads} bytes in, recorded {allowed}")
        if before is None and not record:
            bad.append(f"{source}.cu {arch}: {plain} is not in bench/ptxas.json: "
                       f"scripts/ptxas_gate.sh --record kernels/cuda/{source}.cu")
        if before and int(registers) > before["registers"] and not record:
            bad.append(f"{source}.cu {arch}: {plain} uses {registers} registers, recorded {before['registers']}")
        seen += 1
    if record:
        known.setdefault(arch, {})[source] = kernels
if record:
    with open(path + ".new", "w") as f:
        json.dump(known, f, indent=1, sort_keys=True)
        f.write("\n")
    os.rename(path + ".new", path)
for line in bad:
    print("ptxas gate:", line)
print(f"ptxas gate: {seen} kernels, {len(bad)} faults")
sys.exit(1 if bad else 0)
PYTHON
