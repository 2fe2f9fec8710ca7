# shellcheck shell=bash
# --help and --version of every program; standard streams that are closed, full, or without a reader. Sourced by
# end_to_end.sh after uses.sh.

# ends NAME CODE COMMAND...: bash runs the words as one command line, redirections included.
ends() {
  local name=$1 want=$2 code=0
  shift 2
  bash -c "$*" >out 2>err || code=$?
  if [ "$code" -eq "$want" ]; then ok "$name"; else wrong "$name" "exit code $code, not $want: $(head -c 300 err)"; fi
}

for program in "$bin"/*; do
  [ -x "$program" ] && [ -f "$program" ] || continue
  name=$(basename "$program")
  # 26 lines: with the prompt and the command they fit on a screen.
  holds "$name: -h is the short help" sh -c '"$1" -h >short && head -n 1 short | grep -q "^$2: " && [ "$(wc -l <short)" -le 26 ]' - \
    "$program" "$name"
  holds "$name: --help all has every flag" sh -c '"$1" --help all >long && grep -q -- "--version" long &&
    [ "$(wc -l <long)" -gt "$(wc -l <short)" ] && "$1" --help | cmp - short' - "$program"
  holds "$name: --version" sh -c '"$1" --version >version && grep -q "^$2 (Encore) [0-9]" version &&
    grep -qE "^commit ([0-9a-f]{7,}|unknown)" version && grep -q " build$" version && grep -qE "avx(2|512)" version' - "$program" "$name"
  for text in -h "--help all" --version; do
    ends "$name $text: a full device" 74 "'$program' $text >/dev/full"
    ends "$name $text: closed output" 74 "'$program' $text >&-"
  done
done

quick="--dtype fp32 --threads 1"
small="--max-steps 4 --batch-sequences 4 --seq-length 64 --eval-every 2 --cache-dir cache $quick"
# The results go to standard output: what it does not take is an error. @ stands for a new name.
results=(
  "tokenize --model tiny --data eval.txt"
  "mlm_eval --model tiny --data eval.txt $quick"
  "mlm_eval --model tiny --data eval.txt --json $quick"
  "fill_mask --model whole/model/last 'Catalysis of the<mask>.' $quick"
  "fill_mask --model whole/model/last --json 'Catalysis of the<mask>.' $quick"
  "report whole --output @.html"
  "predict --model clf/model --data te.jsonl $quick"
  "embed --model tiny --data te.jsonl --output @.npy $quick"
  "init_model --config config.json --tokenizer tok --output @"
  "train_tokenizer --data eval.txt --vocab-size 300 --output @"
  "dapt_train --model tiny --train train.txt --dry-run $small"
)
number=0
for words in "${results[@]}"; do
  name=${words%% *}
  [[ $words == *--json* ]] && name="$name --json"
  for how in "a full device:74:>/dev/full" "closed output:74:>&-" "a closed error stream:0:2>&- >/dev/null" \
    "closed input:0:<&-" "all three closed:74:<&- >&- 2>&-"; do
    number=$((number + 1))
    IFS=: read -r what want redirection <<<"$how"
    ends "$name: $what" "$want" "'$bin'/${words//@/streams$number} $redirection"
  done
done
ends "trace prints nothing: closed streams do not matter" 0 \
  "'$bin'/trace --model whole/model/last --batch batch.json --output closed.safetensors --dtype fp32 <&- >&- 2>&-"
holds "trace: its file is whole" cmp closed.safetensors trace.safetensors
ends "trace: an output that cannot be written" 74 "LD_PRELOAD='$failing' ENCORE_FAIL=pwrite:1:ENOSPC:unwritten \
  '$bin'/trace --model tiny --batch batch.json --output unwritten.safetensors --dtype fp32"
ends "closed error stream: a refusal is still a refusal" 2 "'$bin'/predict --model clf/model --data nowhere.jsonl 2>&-"
ends "closed input is not an empty text" 74 "'$bin'/tokenize --model tiny --data - <&-"

# Programs that train tell on standard output how it goes, and write their results into files.
dapt="'$bin'/dapt_train --model tiny --train train.txt --dev eval.txt $small --output"
tune_small="'$bin'/finetune --model whole/model/last --train tr.jsonl --dev dev.jsonl --epochs 1 --batch-sequences 8 $quick --output"
ends "dapt_train, undisturbed" 0 "$dapt plain_dapt"
ends "finetune, undisturbed" 0 "$tune_small plain_tune"
number=0
for how in "a full device:>/dev/full" "closed output:>&-" "a closed error stream:2>&-" "closed input:<&-" \
  "all three closed:<&- >&- 2>&-" "a full error stream:2>/dev/full" "a reader that leaves:| head -c 1 | wc -c"; do
  number=$((number + 1))
  IFS=: read -r what redirection <<<"$how"
  ends "dapt_train: $what" 0 "set -o pipefail; $dapt dapt_streams$number $redirection"
  ends "finetune: $what" 0 "set -o pipefail; $tune_small tune_streams$number $redirection"
  holds "$what: the files are an undisturbed run's" py "$number" <<'P'
import json, os, sys
number = sys.argv[1]
timing = {"seconds", "tokens_per_second", "eval_seconds", "model_flops_utilization", "flops_per_second"}
for plain, run in (("plain_dapt", "dapt_streams" + number), ("plain_tune", "tune_streams" + number)):
    config, other = (json.load(open(f"{folder}/config.json")) for folder in (run, plain))
    assert config.pop("output") != other.pop("output") and config == other
    logs = [[{k: v for k, v in json.loads(line).items() if k not in timing} for line in open(f"{folder}/log.jsonl")]
            for folder in (run, plain)]
    assert logs[0] == logs[1] and logs[0], (run, logs)
    model = "model/best/" if "dapt" in run else "model/"
    weights = [open(f"{folder}/{model}model.safetensors", "rb").read() for folder in (run, plain)]
    assert weights[0] == weights[1], run
    lock = f"{run}/.lock"
    assert not os.path.exists(lock) or os.path.getsize(lock) == os.path.getsize(plain + "/.lock"), open(lock).read()
P
done
