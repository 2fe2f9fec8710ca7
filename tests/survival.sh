#!/usr/bin/env bash
# Runs survive losses that are not finite, failing disks, damaged files and too little memory.
#
#   tests/survival.sh BIN_DIR
#
# Works in a temporary folder. Parts that need to mount a file system or make a memory cgroup say "skipped" if that is
# not permitted. Prints one line a check; exit code 0 only if all of them held.
#
# Checks that failed when a fault was planted, one at a time:
#   checksums are not compared (state_file.cpp, checksums.cpp)    "a flipped bit", "two damaged states", "model/best"
#   a loss that is not finite is accepted (Trainer::fault)        the first, and "three steps in a row", "are counted"
#   --keep removes the newest states instead of the oldest        "two damaged states", "--resume-from", and the crash test
#   files are written in place, without rename                    none here; scripts/crash_test.sh --kills 50 fails,
#                                                                 at a kill that leaves a folder half written
# A missing fsync fails no check: the page cache keeps what a killed process wrote; only a power cut would show it.
set -u
[ $# -eq 1 ] && [ -x "$1/dapt_train" ] || { echo "usage: tests/survival.sh BIN_DIR (a folder with dapt_train)" >&2; exit 2; }
bin=$(cd "$1" && pwd)
root=$(cd "$(dirname "$0")/.." && pwd)
# Makes chosen system calls fail, or sends a signal there (tests/support/failing_calls.cpp).
failing=$(dirname "$bin")/tests/libfailing_calls.so
go=$root/examples/gene_ontology
work=$(mktemp -d "${TMPDIR:-/tmp}/encore_survival.XXXXXX")
mounts=()
group=
cleanup() {
  for m in ${mounts[@]+"${mounts[@]}"}; do umount "$m" 2>/dev/null; done
  [ -z "$group" ] || rmdir "$group" 2>/dev/null
  rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM
cd "$work" || exit 1
export ENCORE_CACHE=$work/cache OMP_WAIT_POLICY=passive

good=0
bad=0
ok() { good=$((good + 1)); printf 'ok      %s\n' "$1"; }
wrong() { bad=$((bad + 1)); printf 'WRONG   %s: %s\n' "$1" "$2"; }
holds() {
  local name=$1
  shift
  if "$@" >"$work/out" 2>"$work/err"; then ok "$name"; else
    wrong "$name" "exit code $? from: $*"
    tail -n 5 "$work/err" "$work/out"
  fi
}
# ends CODE NAME PATTERN COMMAND...: the command must end with CODE and one line on standard error with PATTERN in it.
ends() {
  local want=$1 name=$2 pattern=$3 code=0
  shift 3
  "$@" >"$work/out" 2>"$work/err" </dev/null || code=$?
  judge "$want" "$name" "$pattern" "$code"
}
judge() {
  local want=$1 name=$2 pattern=$3 code=$4
  if [ "$code" -ne "$want" ]; then wrong "$name" "exit code $code, not $want: $(head -c 400 "$work/err")"
  elif [ "$want" -ne 0 ] && [ "$(wc -l <"$work/err")" -ne 1 ]; then wrong "$name" "not one line: $(head -c 400 "$work/err")"
  elif [ "$want" -ne 0 ] && ! grep -qE -- "$pattern" "$work/err"; then wrong "$name" "no '$pattern' in: $(cat "$work/err")"
  else ok "$name"; fi
}
py() { python3 - "$@"; }
# until_file FILE PATTERN: waits until the file contains PATTERN, at most 20 s.
until_file() {
  for _ in $(seq 2000); do
    grep -qE -- "$2" "$1" 2>/dev/null && return 0
    sleep 0.01
  done
  return 1
}
same_run() {
  for which in last best; do cmp "$1/model/$which/model.safetensors" "$2/model/$which/model.safetensors" || return; done
  py "$1" "$2" <<'P'
import json, sys
def rows(run):
    clock = {"seconds", "tokens_per_second", "eval_seconds", "documents_per_second", "epoch_seconds"}
    return [{k: v for k, v in json.loads(l).items() if k not in clock} for l in open(run + "/log.jsonl")]
a, b = map(rows, sys.argv[1:3])
assert a == b, [(x, y) for x, y in zip(a, b) if x != y][:2] or (len(a), len(b))
P
}

cat >config.json <<'J'
{"architectures": ["RobertaForMaskedLM"], "model_type": "roberta", "vocab_size": 1000, "hidden_size": 64,
 "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 128, "max_position_embeddings": 130,
 "type_vocab_size": 1, "layer_norm_eps": 1e-5, "hidden_act": "gelu", "hidden_dropout_prob": 0.1,
 "attention_probs_dropout_prob": 0.1, "initializer_range": 0.02, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2}
J
holds "train_tokenizer" "$bin/train_tokenizer" --data "$go/train.txt" --vocab-size 1000 --output tok
holds "init_model" "$bin/init_model" --config config.json --tokenizer tok --seed 1 --output tiny
head -n 600 "$go/train.txt" >train.txt
head -n 60 "$go/eval.txt" >eval.txt
base=("$bin/dapt_train" --train train.txt --eval eval.txt --seq-length 64 --lr 2e-3 --seed 7 --dtype fp32 --threads 1)
run=("${base[@]}" --model tiny --batch-sequences 16 --eval-every 20)

# ------------------------------------------------------------------------------------------------ not finite
# poison FOLDER TENSOR FIRST LAST: copies the tiny model and writes NaN into these rows.
poison() { cp -r tiny "$1" && py "$@" <<'P'
import json, struct, sys
path, name, first, last = sys.argv[1] + "/model.safetensors", sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
data = bytearray(open(path, "rb").read())
# Takes the checksum's name away, as a program that writes the file anew would.
data = data.replace(b"encore_crc32", b"another_name", 1)
size, = struct.unpack_from("<Q", data)
tensor = json.loads(data[8:8 + size])[name]
row = 4 * tensor["shape"][1]
at = 8 + size + tensor["data_offsets"][0]
data[at + first * row:at + last * row] = struct.pack("<f", float("nan")) * ((last - first) * row // 4)
open(path, "wb").write(data)
P
}
# Only texts of more than 108 tokens reach position 110, so NaN appears in a few batches.
poison hurt roberta.embeddings.position_embeddings.weight 110 111
awk 'length($0) < 150' train.txt | head -n 300 >short.txt
long=$(awk 'length($0) < 150' train.txt | tail -n 5 | tr '\n' ' ')
long="$long $long"
for n in 40 170 230; do sed -i "${n}i $long" short.txt; done
awk 'length($0) < 150' eval.txt | head -n 20 >eval_short.txt
hurt=("$bin/dapt_train" --model hurt --train short.txt --eval eval_short.txt --mode truncate --batch-sequences 8
  --max-steps 36 --seq-length 128 --eval-every 100 --lr 2e-3 --seed 7 --dtype fp32 --threads 1)
ends 70 "not finite: step, tensor and documents are named" \
  'step [0-9]+: the loss is not finite.*position_embeddings.*documents of the batch: [0-9]+.*--on-nonfinite skip' \
  "${hurt[@]}" --output nan_stop
holds "--on-nonfinite skip: goes on" "${hurt[@]}" --output nan_skip --on-nonfinite skip --save-every 4 --keep 100
holds "--on-nonfinite skip: three steps are counted, the others learn" py <<'P'
import json
rows = [r for r in map(json.loads, open("nan_skip/log.jsonl")) if "lr" in r]
assert [r["step"] for r in rows] == list(range(1, 37))
out = [r["step"] for r in rows if r["loss"] is None]
assert len(out) == 3 and rows[-1]["skipped"] == 3 and rows[0]["skipped"] <= 1, (out, rows[-1])
assert rows[-1]["loss"] < rows[0]["loss"] - 0.5
# Skipped steps still advance the schedule: linear to 0 in spite of them.
assert rows[-1]["lr"] < rows[10]["lr"] / 5
P
at=$(py <<'P'
import json
out = [r["step"] for r in map(json.loads, open("nan_skip/log.jsonl")) if "lr" in r and r["loss"] is None]
print(4 * ((out[0] + 3) // 4))
P
)
cp -r nan_skip nan_again
holds "a run with steps left out, resumed" "$bin/dapt_train" --resume-from "step-$at" --output nan_again
holds "a run with steps left out, resumed: the same run" same_run nan_skip nan_again
holds "a run with steps left out, resumed: the count goes on" sh -c \
  'grep -q "\"skipped\": 3" nan_again/state/step-36/state.json && [ -z "$(ls nan_again/state | grep superseded)" ]'
poison dead roberta.embeddings.word_embeddings.weight 0 1000
dead=("${base[@]}" --model dead --batch-sequences 8 --max-steps 9)
ends 70 "three steps in a row that are not finite" 'step 3:.*word_embeddings.*3 steps in a row' \
  "${dead[@]}" --output nan_dead --on-nonfinite skip
if command -v mpirun >/dev/null 2>&1; then
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1 \
    OMPI_MCA_hwloc_base_binding_policy=none PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe \
    PRTE_MCA_hwloc_default_binding_policy=none  # the last two: Open MPI 5
  holds "mpirun -n 2: leaves the same steps out" mpirun -n 2 "${hurt[@]}" --output nan_two --on-nonfinite skip
  holds "mpirun -n 2: leaves the same steps out: which" py <<'P'
import json
def out(run):
    return [r["step"] for r in map(json.loads, open(run + "/log.jsonl")) if "lr" in r and r["loss"] is None]
assert out("nan_two") == out("nan_skip")
P
else
  echo "skipped: mpirun is not installed"
fi
py <<'P'
import json
rows = [{"text": line.strip(), "label": "short" if len(line) < 100 else "long"} for line in open("short.txt")]
for name, part in (("tr", rows[:120]), ("dev", rows[240:280])):
    with open(name + ".jsonl", "w") as stream:
        stream.writelines(json.dumps(r) + "\n" for r in part)
P
tune=("$bin/finetune" --train tr.jsonl --dev dev.jsonl --max-length 128 --dtype fp32 --threads 1 --epochs 2)
ends 70 "finetune: seed, epoch, step, tensor and rows are named" \
  'seed 0, epoch 1, step [0-9]+: the loss is not finite.*position_embeddings.*rows of the batch.*([ :]|, )40[,:]' \
  "${tune[@]}" --model hurt --output tune_nan
cp -r tiny torn && truncate -s -1000 torn/model.safetensors
ends 2 "finetune: a refused checkpoint leaves nothing behind" 'torn/model.safetensors' \
  "${tune[@]}" --model torn --output tune_never
[ ! -e tune_never ] && ok "finetune: no folder" || wrong "finetune" "tune_never was made"

# ------------------------------------------------------------------------------------------------ files that fail
saving=("${run[@]}" --max-steps 300 --save-every 10 --log-seconds 0)
holds "a run that is left alone" "${saving[@]}" --output whole
# started FOLDER FLAGS...: begins the run in the background once, and waits for its first state.
started() {
  local output=$1
  shift
  "${saving[@]}" --output "$output" "$@" >"$work/out" 2>"$work/err" </dev/null &
  pid=$!
  for _ in $(seq 2000); do [ -e "$output/state/step-10/state.json" ] && return; sleep 0.01; done
}
# Renames first, which is instant: a save may overtake rm alone, and the folder would never have been gone.
vanish() { mv "$1" "$1.away" && rm -rf "$1.away"; }
finished() { local code=0; wait "$pid" || code=$?; judge "$1" "$2" "$3" "$code"; }

started gone
vanish gone
finished 74 "a removed folder: exit 74" 'gone.*removed'
[ ! -e gone ] && ok "a removed folder is not made anew" || wrong "a removed folder" "it came back: $(ls gone)"
started back --on-save-error continue
vanish back
finished 0 "a removed folder, --on-save-error continue: goes on" ''
holds "a removed folder, continue: nothing is lost" same_run whole back
holds "a removed folder, continue: the run can be repeated" test -s back/config.json

# One call fails, once. It is named by the file that it is for, so the moment is the same on every machine.
[ -f "$failing" ] || { echo "$failing: build the release preset first" >&2; exit 2; }
once() { local rule=$1; shift; LD_PRELOAD=$failing ENCORE_FAIL=$rule "$@"; }
short=("${run[@]}" --max-steps 60 --save-every 20 --save-minutes 0 --log-seconds 0)
holds "a short run that is left alone" "${short[@]}" --output quiet
number=0
for rule in open:1:EMFILE:config.json.tmp open:1:EIO:ledger.json open:1:EIO:log.jsonl open:1:ENOSPC:tfevents \
    pwrite:1:EIO:log.jsonl rename:1:EIO:config.json rename:1:EIO:ledger.json open:1:EMFILE:model/best \
    pwrite:1:ENOSPC:model/best fsync:1:EIO:/state/; do
  number=$((number + 1))
  holds "--on-save-error continue rides out $rule" once "$rule" "${short[@]}" --output "ride$number" --on-save-error continue
  holds "--on-save-error continue, $rule: the same run" same_run quiet "ride$number"
  holds "--on-save-error continue, $rule: all files" test -s "ride$number/config.json" -a -s "ride$number/ledger.json"
  ends 74 "--on-save-error stop: $rule" "stop$number" once "$rule" "${short[@]}" --output "stop$number"
done
# A save of model/best renames each of its files once.
files=$(ls quiet/model/best | wc -l)
evaluations=$(grep -c '"eval_loss"' quiet/log.jsonl)
holds "continue: a model/best that fails at the last evaluation" once "rename:$(((evaluations - 2) * files + 1)):EIO:model/best" \
  "${short[@]}" --output late --on-save-error continue
cp out said
holds "continue: it failed" grep -q 'model/best not written' said
holds "continue: it is tried again" same_run quiet late

ends 74 "RLIMIT_FSIZE: exit 74" 'limited/' bash -c 'ulimit -f 100; exec "$@"' - "${saving[@]}" --output limited
ends 74 "RLIMIT_FSIZE, continue: to the end, then 74" 'limits/' \
  bash -c 'ulimit -f 100; exec "$@"' - "${run[@]}" --max-steps 24 --save-every 10 --output limits --on-save-error continue
cp out said
holds "RLIMIT_FSIZE, continue: it said so, and took all steps" sh -c \
  'grep -q "state not written.*going on" said && [ "$(grep -c grad_norm limits/log.jsonl)" -eq 24 ]'

# vampire_train, whose states hold running statistics too.
topics=("$bin/vampire_train" --train "$go/train.txt" --dev "$go/eval.txt" --vocabulary-size 500 --latent 8 --hidden 8
  --batch-documents 256 --epochs 3 --patience 0 --device cpu --threads 1 --save-every 10 --save-minutes 0)
holds "vampire_train that is left alone" "${topics[@]}" --output themes
number=0
for rule in open:1:EMFILE:config.json.tmp open:1:EIO:log.jsonl pwrite:1:EIO:log.jsonl rename:1:EIO:vocabulary.json \
    rename:1:EIO:topics.json pwrite:1:ENOSPC:model/best fsync:1:EIO:/state/ fsync:1:EIO:running_mean; do
  number=$((number + 1))
  holds "vampire_train --on-save-error continue rides out $rule" once "$rule" "${topics[@]}" --output "themes$number" \
    --on-save-error continue
  holds "vampire_train, $rule: the same run" same_run themes "themes$number"
  holds "vampire_train, $rule: the same topics" cmp themes/topics.json "themes$number/topics.json"
  ends 74 "vampire_train, --on-save-error stop: $rule" "stopped$number" once "$rule" "${topics[@]}" --output "stopped$number"
done
for moment in 7 31 50; do
  once "pwrite:$moment:SIGKILL:log.jsonl" "${topics[@]}" --output "cut$moment" >out 2>err </dev/null
  holds "vampire_train killed at write $moment goes on" "$bin/vampire_train" --output "cut$moment" --resume
  holds "vampire_train killed at write $moment: the same run" same_run themes "cut$moment"
done
head -c 1000 /dev/zero >"themes/state/$(ls themes/state | tail -n 1)/running_mean.f32"
ends 2 "vampire_train: a damaged state" 'running_mean.f32.*(resume-from|start again)' "$bin/vampire_train" --output themes --resume

# A terminal that is closed, and a reader that goes away.
stops() { local code=0; "$@" || code=$?; [ "$code" -eq 75 ]; }
# The tests may themselves run under nohup, which has SIGHUP ignored.
holds "SIGHUP saves and stops, as SIGTERM" stops once pwrite:9:SIGHUP:log.jsonl env --default-signal=HUP "${short[@]}" --output hung
holds "SIGHUP: goes on" "$bin/dapt_train" --output hung --resume
holds "SIGHUP: the same run" same_run quiet hung
holds "nohup: SIGHUP stays ignored" once pwrite:9:SIGHUP:log.jsonl nohup "${short[@]}" --output nohup
holds "nohup: the same run" same_run quiet nohup

mkdir full
if mount -t tmpfs -o size=9m none full 2>/dev/null; then
  mounts+=("$work/full")
  head -c 5500000 /dev/zero >full/filler
  ends 74 "full disk: exit 74" 'full/stop/.*No space left' "${saving[@]}" --output full/stop
  rm -rf full/stop
  "${saving[@]}" --output full/run --on-save-error continue >"$work/out" 2>"$work/err" </dev/null &
  pid=$!
  if until_file out 'not written.*No space left.*going on'; then ok "full disk, continue: said in a line"
  else wrong "full disk, continue" "nothing said"; fi
  dd if=/dev/zero of=full/last bs=4096 2>/dev/null  # now not even the log fits
  until_file out 'log.jsonl not written' && ok "full disk, continue: the log too" || wrong "full disk" "the log fitted"
  rm full/filler full/last
  until_file out 'written again' && ok "full disk, continue: written again" || wrong "full disk" "not written again"
  finished 0 "full disk, continue: to the end" ''
  holds "full disk, continue: nothing is lost" same_run whole full/run

  # A folder that becomes read-only: mounts a read-only file system over state/ while the log stays open.
  started readonly
  if mount -t tmpfs -o ro none readonly/state; then
    mounts+=("$work/readonly/state")
    finished 74 "read-only folder: exit 74" 'readonly/state/.*Read-only'
    umount readonly/state
    holds "read-only folder: the last state is intact" "$bin/dapt_train" --resume --output readonly
    holds "read-only folder: and goes on to the same run" same_run whole readonly
  else
    wait "$pid"
  fi
else
  echo "skipped: a full disk and a read-only folder (mounting needs root)"
fi

# ------------------------------------------------------------------------------------------------ damaged files
# flip FILE: one bit in its middle.
flip() { py "$1" <<'P'
import sys
data = bytearray(open(sys.argv[1], "rb").read())
data[len(data) // 2] ^= 4
open(sys.argv[1], "wb").write(data)
P
}
holds "a run to damage" "${run[@]}" --max-steps 300 --save-every 10 --keep 4 --output hit
flip hit/state/step-300/adam_v.f32
ends 2 "a flipped bit: the file is named, and the state before it" \
  'hit/state/step-300/adam_v.f32.*--resume-from step-290' "$bin/dapt_train" --resume --output hit
truncate -s -100 hit/state/step-290/weights.f32
printf x >>hit/state/step-280/state.json
flip hit/state/step-280/state.json
ends 2 "two damaged states: the one before them is offered" '--resume-from step-270' "$bin/dapt_train" --resume --output hit
ends 2 "a torn state cannot be chosen" 'step-290/weights.f32.*--resume-from step-270' \
  "$bin/dapt_train" --resume-from step-290 --output hit
ends 2 "a state that is not there" 'step-5.*step-270' "$bin/dapt_train" --resume-from step-5 --output hit
holds "--resume-from" "$bin/dapt_train" --resume-from step-270 --output hit
holds "--resume-from: the same run" same_run whole hit
holds "--resume-from: the states of the other course are gone, --keep counts the new ones" sh -c \
  '[ "$(ls hit/state | sort -t- -k2 -n | tr "\n" " ")" = "step-270 step-280 step-290 step-300 " ]'
flip hit/model/best/model.safetensors
ends 2 "a flipped bit in model/best: named, and model/last offered" \
  'hit/model/best/model.safetensors: is damaged.*hit/model/last is whole' \
  "$bin/mlm_eval" --model hit/model/best --data eval.txt
truncate -s -100 hit/model/last/tokenizer.json
ends 2 "a torn tokenizer in model/last" 'hit/model/last/tokenizer.json' "$bin/mlm_eval" --model hit/model/last --data eval.txt

# ------------------------------------------------------------------------------------------------ memory
big=("${base[@]}" --model tiny --batch-sequences 8192 --tokens-per-batch 1000000 --max-steps 2 --epochs 0 --mode full)
# within NAME SOURCE WRAPPER...: under WRAPPER's limit the run is refused, and the --tokens-per-batch it offers works.
within() {
  local name=$1 source=$2 fits
  shift 2
  ends 2 "$name: refused before the first step" "plan needs .*activations.*$source.*--tokens-per-batch [0-9]+ is the largest" \
    "$@" "${big[@]}" --output never
  fits=$(grep -oE 'batch [0-9]+ is' err | grep -oE '[0-9]+')
  [ -n "$fits" ] || return
  holds "$name: --tokens-per-batch $fits fits" "$@" "${big[@]}" --tokens-per-batch "$fits" --output "fits_${name// /_}"
  ends 2 "$name: a fifth more does not" "$source" "$@" "${big[@]}" --tokens-per-batch $((fits * 6 / 5)) --output never
}
within "ulimit -v" RLIMIT_AS bash -c 'ulimit -v 1500000; exec "$@"' -
within "ulimit -d" RLIMIT_DATA bash -c 'ulimit -d 1000000; exec "$@"' -
own=$(grep -E ':memory:' /proc/self/cgroup | cut -d: -f3)
for parent in "/sys/fs/cgroup/memory$own" /sys/fs/cgroup/memory; do
  [ -n "$group" ] && break
  if mkdir "$parent/encore_survival.$$" 2>/dev/null; then group=$parent/encore_survival.$$; fi
done
if [ -n "$group" ] && echo 800M >"$group/memory.limit_in_bytes" 2>/dev/null; then
  within "memory cgroup" 'memory cgroup' bash -c "echo \$\$ >$group/cgroup.procs; exec \"\$@\"" -
else
  echo "skipped: a memory cgroup (making one is not permitted)"
fi
holds "a classifier" "${tune[@]}" --model tiny --output clf --epochs 1
for n in $(seq 60); do cat tr.jsonl; done >many.jsonl
ends 2 "finetune: refused before the first step" 'plan needs .*RLIMIT_AS.*--tokens-per-batch [0-9]+ is the largest' \
  bash -c 'ulimit -v 1500000; exec "$@"' - "${tune[@]}" --train many.jsonl --batch-size 7000 --tokens-per-batch 1000000 \
  --model tiny --output never
ends 2 "predict: refused before the first batch" 'plan needs .*RLIMIT_AS.*--tokens-per-batch [0-9]+ is the largest' \
  bash -c 'ulimit -v 900000; exec "$@"' - "$bin/predict" --model clf/model --data many.jsonl --tokens-per-batch 1000000 \
  --dtype fp32 --threads 1
# No stack and no number for another thread: one line, or the work is done by the threads that there are.
ends 2 "no second thread: refused, with what to do" '^dapt_train: [0-9]+ threads cannot be started.*--threads' \
  once thread:1+:EAGAIN "$bin/dapt_train" --model tiny --train train.txt --threads 3 --output never
ends 2 "no third thread: predict refuses" '^predict: [0-9]+ threads cannot be started' \
  once thread:2+:EAGAIN "$bin/predict" --model clf/model --data tr.jsonl --threads 3
holds "no second thread: --threads 1 needs none" once thread:1+:EAGAIN "${tune[@]}" --model tiny --output alone --epochs 1
holds "no second thread: train_tokenizer goes on alone" once thread:1+:EAGAIN \
  "$bin/train_tokenizer" --data "$go/train.txt" --vocab-size 1000 --threads 3 --output tok_alone
holds "no second thread: the same tokenizer" cmp tok/tokenizer.json tok_alone/tokenizer.json
holds "no third thread: tokenize goes on with two" once thread:2+:EAGAIN \
  "$bin/tokenize" --model tiny --data train.txt --threads 4
# From the N-th file on nothing can be opened: a command that failed has left nothing that it would refuse by itself.
left_nothing() {
  local number code
  for number in $(seq 12 36); do
    rm -rf hungry
    code=0
    once "open:$number+:EMFILE" "$@" >"$work/out" 2>"$work/err" </dev/null || code=$?
    [ "$code" -eq 0 ] || [ -z "$(ls -d hungry* 2>/dev/null)" ] || { cat "$work/err" >&2; return 1; }
  done
}
holds "too many open files: init_model leaves nothing" left_nothing "$bin/init_model" --config config.json --tokenizer tok --output hungry
holds "too many open files: train_tokenizer leaves nothing" left_nothing \
  "$bin/train_tokenizer" --data train.txt --vocab-size 400 --output hungry
# One mapping that fails, at many places; oneDNN would write its code through a null pointer.
unmapped() {
  rm -f "$work/starved"
  local number code
  for number in 1 3 4 5 6 8 10 13 17 22 30 40 60; do
    code=0
    rm -rf hungry
    once "mmap:$number:ENOMEM:anonymous" "$@" >"$work/out" 2>"$work/err" </dev/null || code=$?
    case $code in
      0) ;;
      2 | 70) [ "$(wc -l <"$work/err")" -eq 1 ] || echo "mapping $number: $(cat "$work/err")" >>"$work/starved" ;;
      *) echo "mapping $number: exit code $code: $(head -c 300 "$work/err")" >>"$work/starved" ;;
    esac
  done
  cat "$work/starved" >&2 2>/dev/null && return 1
  return 0
}
holds "a mapping that fails: predict" unmapped "$bin/predict" --model clf/model --data tr.jsonl --threads 2
holds "a mapping that fails: dapt_train" unmapped "${run[@]}" --max-steps 2 --threads 2 --output hungry
holds "a mapping that fails: finetune" unmapped "${tune[@]}" --model tiny --epochs 1 --output hungry
# One place after another where memory ends: no crash and nothing but one line.
starved() {
  local limit code
  rm -f "$work/starved"
  for limit in $(seq 50000 "$1" "$2"); do
    code=0
    (ulimit -v "$limit"; exec "${@:3}" >"$work/out" 2>"$work/err" </dev/null) || code=$?
    case $code in
      0) ;;
      2 | 70 | 127) [ "$(wc -l <"$work/err")" -eq 1 ] || { echo "at $limit: $(cat "$work/err")" >>"$work/starved"; } ;;
      *) echo "at $limit: exit code $code: $(head -c 300 "$work/err")" >>"$work/starved" ;;
    esac
  done
  cat "$work/starved" >&2 2>/dev/null && return 1
  return 0
}
holds "ulimit -v: train_tokenizer" starved 900 76000 sh -c 'rm -rf hungry && exec "$@"' - \
  "$bin/train_tokenizer" --data "$go/train.txt" --vocab-size 1000 --output hungry
holds "ulimit -v: predict" starved 9000 200000 "$bin/predict" --model clf/model --data tr.jsonl
holds "ulimit -v: tokenize" starved 4000 90000 "$bin/tokenize" --model tiny --data train.txt
if [ -e never ]; then wrong "refusals" "one of them left the folder 'never' behind"; else ok "refusals leave nothing behind"; fi

echo "$good checks held, $bad did not"
[ "$bad" -eq 0 ]
