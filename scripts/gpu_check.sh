#!/usr/bin/env bash
# Runs all measurements on a GPU in at most nine minutes, the most valuable first; in the project's folder or in an
# unpacked bundle (scripts/gpu_bundle.sh). docs/gpu.md says what each part is for.
#
#   scripts/gpu_check.sh                 on the GPU of this machine; without one the CPU's parts run, and each of the
#                                        others names in one line what it lacks
#   scripts/gpu_check.sh --dry           the same script with the host executor in place of the card, on tiny shapes
#   scripts/gpu_check.sh --only A,B      these parts
#   scripts/gpu_check.sh --list          their names
#   ... --seconds N                      time limit of the whole (540)
#   ... --out DIR                        folder of the results ($OUT, else bench/results)
#
# Every part has its own time limit and is reported even when another fails. Writes one JSON and one table. Exit status 1
# if a part failed or ran out of time; skipped parts, each reported with its reason, do not count.
# shellcheck disable=SC2046,SC2086  # flags that may be absent are words of their own
set -u
cd "$(dirname "$0")/.." || exit 1
root=$PWD
all="facts conformance kernels golden step_base step_more ops dapt task busy sanitizer peer_ops peer_steps"

die() { echo "gpu_check.sh: $*" >&2; exit 2; }

mode=real
part=
only=
seconds=540
out=
while [ $# -gt 0 ]; do
  case $1 in
    --dry) mode=dry ;;
    --only | --seconds | --out | --part)
      [ $# -ge 2 ] || die "$1 needs a value"
      case $1 in --only) only=$2 ;; --seconds) seconds=$2 ;; --out) out=$2 ;; --part) part=$2 ;; esac
      shift ;;
    --list) tr ' ' '\n' <<<"$all"; exit 0 ;;
    *) die "unknown argument '$1': usage: gpu_check.sh [--dry] [--only A,B] [--list] [--seconds N] [--out DIR]" ;;
  esac
  shift
done
for name in ${only//,/ }; do
  case " $all " in *" $name "*) ;; *) die "--only: there is no part '$name' (--list)" ;; esac
done
[[ $seconds =~ ^[0-9]+$ ]] || die "--seconds: '$seconds' is not a number"

bin=build/bin bench=build/bench tests=build/tests
[ -x $bin/dapt_train ] || die "$root/$bin/dapt_train is not there: build the project, or unpack a bundle"
python=${ENCORE_PYTHON:-python3}
for shared in shared ../shared none; do [ -d "$shared/golden" ] && break; done

# --- parts: each prints what it finds; 77: skipped, for the reason in its last line -----------------------------------

skip() { echo "skipped: $*"; exit 77; }
need() { command -v "$1" >/dev/null || skip "$1 is not installed"; }
need_torch() {
  need "$python"
  "$python" -c 'import torch' 2>/dev/null || skip "PyTorch is not installed for $python"
  [ "$device" = cuda ] || [ "$mode" = dry ] || skip "PyTorch is measured on a GPU alone"
}
tiny() { [ "$device" != cuda ]; }
# bf16 if the device multiplies it: every card and the host executor do, not every processor.
native_bf16() { [ "$device" != cpu ] || { [[ ${ENCORE_ISA-} != avx2 && ${ENCORE_ISA-} != avx512 ]] && grep -q avx512_bf16 /proc/cpuinfo; }; }
dtype() { if native_bf16; then echo bf16; else echo fp32; fi; }
with_cuda() { scripts/with_cuda.sh "$@"; }

part_facts() {
  echo "date: $(date -u +%Y-%m-%dT%H:%M:%SZ)"
  echo "version: $(cat VERSION 2>/dev/null || git rev-parse --short HEAD 2>/dev/null || echo unknown)"
  echo "processor: $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), $(nproc) cores"
  if command -v nvidia-smi >/dev/null; then
    nvidia-smi --format=csv,noheader \
      --query-gpu=name,memory.total,memory.free,driver_version,clocks.max.sm,clocks.max.mem,power.limit | sed 's/^/gpu: /'
  else
    echo "missing: nvidia-smi"
  fi
  echo "nvcc: $( (nvcc --version || echo release missing) 2>/dev/null | sed -n 's/.*release //p')"
  scripts/with_cuda.sh --which
  with_cuda $bench/kernel_bench --device "$device" $(tiny && echo --tiny) --benchmark_filter='^tanh_forward' \
    --benchmark_out="$work/peaks.json" --benchmark_out_format=json 2>&1 | grep -E '^(device|copy|matmul)' || exit 1
}

part_conformance() {
  case $device in
    cuda)
      local card
      card=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null | head -1)
      case $card in 9.0 | '') with_cuda $tests/cuda_conformance ;; *) skip "it has Hopper's instructions, and this is $card" ;; esac ;;
    simt) $tests/simt_conformance ;;
    *) skip "PTX wrappers run on a GPU or on the host executor" ;;
  esac
}

# kernels_of FILTER: one process for each op, because after an illegal access a process can run nothing more on a card.
kernels_of() {
  local log=$work/kernels.$BASHPID rc
  scripts/with_cuda.sh $tests/kernels_on_device_test --gtest_brief=1 --gtest_filter="$1" >"$log" 2>&1
  rc=$?
  echo "$1: $(grep -E '^\[  (PASSED|FAILED)' "$log" | head -1), exit $rc"
  [ $rc -eq 0 ] || grep -E 'FAILED|Failure|rror' "$log" | head -8
  grep -q '=\] 0 tests from' "$log" && { echo "FAIL $1 matches no test"; return 1; }
  [ $rc -eq 0 ]
}
part_kernels() {
  export ENCORE_TEST_DEVICE=$device work tests
  export -f kernels_of
  local ops="Attention LayerNorm Matmul CrossEntropy AdamW Gelu Embedding Reduce Gather Cast Tanh Dropout Isolation"
  local op jobs=4
  tiny && { export ENCORE_RANDOM_SHAPES=3; jobs=2; }
  for op in $ops; do
    if ! tiny || [ $op = Isolation ]; then echo "*$op*"
    elif [ $op = Matmul ]; then echo 'Shapes/MatmulTest.*/5'
    else echo "Random/$op*"; fi
  done >"$work/kernel_filters"
  # The tests that match none of these names, so that new ops are not forgotten.
  if tiny; then echo '*Collectives*'; else echo "-*${ops// /*:*}*"; fi >>"$work/kernel_filters"
  xargs <"$work/kernel_filters" -P $jobs -I{} bash -c 'kernels_of "{}" || exit 1'
}

part_golden() {
  [ -d "$shared/golden" ] || skip "the recorded Hugging Face cases are not here (shared/golden)"
  need "$python"
  local cases=
  [ "$device" = simt ] && cases="--case mlm-d32"
  native_bf16 || cases="--dtype fp32"
  scripts/with_cuda.sh "$python" "$shared/golden/check.py" $bin/trace --device "$device" $cases
}

# step SHAPE LENGTH SEQUENCES ATTENTION_DROPOUT [off]: off: without a CUDA graph
step() {
  local name="step_$1_$2_$3_$4${5:+_no_graph}" shape=$1 length=$2 sequences=$3 steps=20
  tiny && { shape=tiny length=16 sequences=2 steps=1; }
  with_cuda $bench/mlm_step_bench --device "$device" --shape "$shape" --length "$length" --sequences "$sequences" \
    --dtype "$(dtype)" --attention-dropout "$4" --cuda-graph "${5:-on}" --steps $steps --seconds 6 --json "$work/$name.json" |
    grep -E 'tokens/s'
  local rc=${PIPESTATUS[0]}
  [ "$rc" -eq 0 ] || { echo "mlm_step_bench $* ended with $rc"; return 1; }
}
part_step_base() {
  step base 512 132 0 || exit 1
  step base 512 32 0 off || exit 1
  tiny || step base 512 32 0
}
part_step_more() {
  tiny && skip "one shape is enough here"
  local failed=0
  step base 512 32 0.1 || failed=1
  step base 128 128 0.1 || failed=1
  step large 512 16 0.1 || failed=1
  step large 128 64 0.1 || failed=1
  step base 128 128 0 || failed=1
  step base 128 32 0.1 || failed=1
  step base 128 32 0.1 off || failed=1
  return $failed
}
# Measures the time of a step by op, and how long the card waits for the host: on random batches, then on real text
# through tokenizer, masking and packing.
part_busy() {
  local shape="--shape base --length 512 --sequences 32 --steps 6" model=$work/base
  local run="--max-steps 24 --batch-sequences 32 --tokens-per-batch 16384"
  if tiny; then
    shape="--shape tiny --length 16 --sequences 2 --steps 1"
    run="--max-steps 2 --batch-sequences 1 --seq-length 64"
  fi
  with_cuda $bench/mlm_step_bench --device "$device" $shape --dtype "$(dtype)" --attention-dropout 0.1 --profile \
    --json "$work/busy.json" || return 1
  if tiny || [ ! -d "$shared/data/tokenizer/roberta-base" ]; then
    model=models/encore-mini
  else
    $bin/init_model --config roberta-base --tokenizer "$shared/data/tokenizer/roberta-base" --output "$model" || return 1
  fi
  with_cuda $bin/dapt_train --model "$model" --train examples/gene_ontology/train.txt --output "$work/busy" $run \
    --eval-every 1000 --save-minutes 0 --device "$(program_device)" --profile | sed -n '/^profile of/,$p'
  [ "${PIPESTATUS[0]}" -eq 0 ] || return 1
  # The same run with a graph and without the profiler: tokens/s with tokenizer, masking and packing, to compare with
  # step_more's.
  tiny || run="--max-steps 90 --batch-sequences 32 --tokens-per-batch 16384"
  with_cuda $bin/dapt_train --model "$model" --train examples/gene_ontology/train.txt --output "$work/unwatched" $run \
    --eval-every 1000 --save-minutes 0 --device "$(program_device)" >"$work/unwatched.log" 2>&1 ||
    { tail -5 "$work/unwatched.log"; return 1; }
  command -v "$python" >/dev/null || return 0
  "$python" - "$work/unwatched/log.jsonl" "$work/unwatched.json" <<'END'
import json, statistics, sys
steps = [line for line in map(json.loads, open(sys.argv[1])) if "tokens_per_second" in line]
first = len(steps) // 3
late = steps[first:]
rate = statistics.median(line["tokens_per_second"] for line in late)
print(f"dapt_train unwatched: {rate:.0f} tokens/s (median of the last {len(late)} steps)")
if first and "idle_seconds" in late[0]:  # a device that works ahead
    busy = 1 - sum(line["idle_seconds"] for line in late) / (late[-1]["seconds"] - steps[first - 1]["seconds"])
    print(f"the device worked for {100 * busy:.1f} % of these steps; else it waited for batches")
    with open(sys.argv[2], "w") as out:
        json.dump({"tokens_per_second": rate, "busy": busy, "steps": len(late)}, out)
    sys.exit(busy < 0.97)
END
}

part_peer_steps() {
  need_torch
  "$python" -c 'import transformers' 2>/dev/null || skip "transformers is not installed for $python"
  "$python" bench/peers/gpu_baseline.py --json "$work/peer_steps.json" --seconds 280 \
    $([ "$mode" = dry ] && echo --dry)
}

part_ops() {
  with_cuda $bench/kernel_bench --device "$device" $(tiny && echo --tiny) --benchmark_min_time=0.05 \
    --benchmark_out="$work/ops.json" --benchmark_out_format=json >"$work/ops.txt" 2>&1
  local rc=$?
  grep -E 'ERROR' "$work/ops.txt"
  echo "$(grep -c manual_time "$work/ops.txt") results"
  return $rc
}

part_peer_ops() {
  need_torch
  local device=$device filter=
  tiny && { device=cpu filter='adamw|attention.*p=0$'; }
  "$python" bench/kernels/peers.py --device "$device" --json "$work/peer_ops.json" --seconds 100 --filter "$filter" \
    $(tiny && echo --tiny)
}

# The device for work that would take the host executor minutes.
program_device() { [ "$device" = cuda ] && echo cuda || echo cpu; }

part_dapt() {
  need "$python"
  local flags="--steps 60" dtypes="bf16 fp32" failed=0 dtype
  case $device in cpu) flags="--steps 3 --seeds 1" ;; simt) flags="--steps 2 --small" dtypes=bf16 ;; esac
  native_bf16 || dtypes=fp32
  for dtype in $dtypes; do
    scripts/with_cuda.sh "$python" bench/gpu/dapt_steps.py --device "$device" --dtype $dtype $flags \
      --work "$work" --json "$work/dapt_$dtype.json" || failed=1
  done
  return $failed
}

# Task-adaptive pretraining and fine-tuning on a real task, timed.
part_task() {
  local task=$shared/data/tasks/citation_intent epochs=20 start train dev test
  [ -d "$task" ] || skip "the real task is not here (shared/data/tasks/citation_intent)"
  train=$task/train.jsonl.zst dev=$task/dev.jsonl.zst test=$task/test.jsonl.zst
  tiny && { epochs=1; train=$dev; }
  local common
  common="--device $(program_device)"
  start=$(date +%s.%N)
  with_cuda $bin/tapt_train --model models/encore-mini --train "$train" --output "$work/tapt" --epochs $epochs \
    --lr 1e-3 --seq-length 256 --cache-dir "$work/tokens" $common || return 1
  echo "seconds_tapt: $(echo "$(date +%s.%N) $start" | awk '{printf "%.2f", $1 - $2}')"
  start=$(date +%s.%N)
  with_cuda $bin/finetune --model "$work/tapt/model/last" --train "$train" --dev "$dev" --test "$test" \
    --output "$work/task" --epochs $(tiny && echo 1 || echo 10) --lr 1e-3 --max-length 256 $common || return 1
  echo "seconds_finetune: $(echo "$(date +%s.%N) $start" | awk '{printf "%.2f", $1 - $2}')"
  cp "$work/task/results.json" "$work/task_results.json"
}

part_sanitizer() {
  [ "$device" = cuda ] || skip "compute-sanitizer watches a GPU"
  need compute-sanitizer
  export ENCORE_TEST_DEVICE=cuda ENCORE_RANDOM_SHAPES=1 ENCORE_RANDOM_ROWS=40
  local failed=0 tool
  for tool in memcheck racecheck synccheck; do
    if with_cuda timeout 25 compute-sanitizer --tool $tool --error-exitcode 9 $tests/kernels_on_device_test \
      --gtest_brief=1 --gtest_filter='Random*:-*Matmul*' >"$work/$tool.log" 2>&1; then
      echo "ok   $tool: $(grep -E 'ERROR SUMMARY|RACECHECK SUMMARY' "$work/$tool.log" | tail -1)"
    else
      failed=1
      echo "FAIL $tool: exit $?"
      grep -E '========= ' "$work/$tool.log" | head -12
    fi
  done
  return $failed
}

# --- one part alone; the loop below starts each part this way under its time limit ------------------------------------
if [ -n "$part" ]; then
  device=${ENCORE_CHECK_DEVICE:?} work=${ENCORE_CHECK_WORK:?} mode=${ENCORE_CHECK_MODE:?}
  "part_$part"
  exit
fi

# --- all of them ------------------------------------------------------------------------------------------------------
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export ENCORE_CACHE=$work/tokens ENCORE_CHECK_WORK=$work ENCORE_CHECK_MODE=$mode
device=simt
if [ $mode = real ]; then
  device=cuda
  if ! reason=$(with_cuda $bench/kernel_bench --device cuda --benchmark_list_tests 2>&1 >/dev/null); then
    device=cpu
    echo "missing: a usable GPU: $(head -1 <<<"$reason" | sed 's/^kernel_bench: //')"
    command -v nvidia-smi >/dev/null || echo "missing: nvidia-smi (the driver's tools)"
    scripts/with_cuda.sh --which | grep missing
    command -v "$python" >/dev/null || echo "missing: $python (golden cases, the recorded run, PyTorch beside, the table)"
    command -v compute-sanitizer >/dev/null || echo "missing: compute-sanitizer"
    command -v mpirun >/dev/null || echo "missing: mpirun (several GPUs)"
    echo "The CPU's parts follow, on small shapes."
  fi
fi
export ENCORE_CHECK_DEVICE=$device
if [ -z "$out" ]; then out=${OUT:-bench/results}; [ $device = cuda ] || out=${OUT:-build/gpu_check}; fi
mkdir -p "$out" || die "$out cannot be made"

limit_of() {
  case $1 in
    facts) echo 25 ;; conformance | dapt | step_base) echo 40 ;; golden) echo 45 ;; busy | task) echo 60 ;;
    step_more | ops) echo 70 ;; sanitizer) echo 80 ;; kernels) echo 90 ;; peer_ops) echo 110 ;; peer_steps) echo 370 ;;
  esac
}

failed=0
begun=$SECONDS
for name in $all; do
  [ -z "$only" ] || case ,$only, in *,$name,*) ;; *) continue ;; esac
  left=$((seconds - (SECONDS - begun)))
  limit=$(limit_of "$name")
  [ "$limit" -le $left ] || limit=$left
  log=$work/$name.log
  start=$(date +%s.%N)
  if [ $left -lt 3 ]; then
    echo "not started: the $seconds seconds are over" >"$log"
    rc=124
  else
    timeout -k 5 "$limit" "$root/scripts/gpu_check.sh" --part "$name" >"$log" 2>&1
    rc=$?
  fi
  took=$(echo "$(date +%s.%N) $start" | awk '{printf "%.1f", $1 - $2}')
  case $rc in
    0) result=ok ;; 77) result=skipped ;; 124 | 137) result='out of time' failed=1 ;; *) result=failed failed=1 ;;
  esac
  printf '%s\t%s\t%s\t%s\n' "$name" "$result" "$took" "$limit" >>"$work/parts.tsv"
  printf '%-12s %-11s %6s s  %s\n' "$name" "$result" "$took" "$([ "$rc" -eq 77 ] && tail -1 "$log" | sed 's/^skipped: //')"
  if [ $rc -ne 0 ] && [ $rc -ne 77 ]; then tail -n 25 "$log" | sed 's/^/    /'; fi
  # Rewritten after every part, so that a box that goes away leaves the results so far.
  command -v "$python" >/dev/null &&
    "$python" bench/gpu/report.py "$work" "$out" "$mode" "$device" >"$work/report.txt" 2>&1
done
if command -v "$python" >/dev/null; then
  cat "$work/report.txt"
else
  echo "no $python: no table; the parts above are all there is"
fi
count() { cut -f2 "$work/parts.tsv" | grep -cE "^($1)$"; }
echo "$(count ok) ok, $(count skipped) skipped, $(count 'failed|out of time') failed, $((SECONDS - begun)) s on $device"
exit $failed
