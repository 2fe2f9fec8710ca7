#!/usr/bin/env bash
# Every program on a tiny model, as a user runs them, and every refusal: tests/end_to_end.sh BIN_DIR
#
# Works in a temporary folder, without network. Prints one line a check; exit code 0 only if all of them held.
set -u
[ $# -eq 1 ] && [ -x "$1/dapt_train" ] || { echo "usage: tests/end_to_end.sh BIN_DIR (a folder with dapt_train)" >&2; exit 2; }
bin=$(cd "$1" && pwd)
root=$(cd "$(dirname "$0")/.." && pwd)
go=$root/examples/gene_ontology
work=$(mktemp -d "${TMPDIR:-/tmp}/encore_e2e.XXXXXX")
mounted=
cleanup() {
  [ -z "$mounted" ] || umount "$mounted" 2>/dev/null
  rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM
cd "$work" || exit 1
export ENCORE_CACHE=$work/cache
# Waiting threads that spin make everything slow where other programs use the same cores.
export OMP_WAIT_POLICY=passive

good=0
bad=0
ok() { good=$((good + 1)); printf 'ok      %s\n' "$1"; }
wrong() { bad=$((bad + 1)); printf 'WRONG   %s: %s\n' "$1" "$2"; }

# holds NAME COMMAND...: the command must succeed.
holds() {
  local name=$1
  shift
  if "$@" >"$work/out" 2>"$work/err"; then ok "$name"; else
    wrong "$name" "exit code $? from: $*"
    tail -n 5 "$work/err" "$work/out"
  fi
}

# refuse NAME PATTERN COMMAND...: exit code 2, nothing on standard output, one line on standard error with PATTERN in it.
refuse() { fails_with 2 "$@"; }
fails_with() {
  local want=$1 name=$2 pattern=$3 code=0
  shift 3
  "$@" >"$work/out" 2>"$work/err" </dev/null || code=$?
  if [ "$code" -ne "$want" ]; then wrong "$name" "exit code $code, not $want: $(head -c 300 "$work/err")"
  elif [ "$want" -eq 2 ] && [ -s "$work/out" ]; then wrong "$name" "standard output holds: $(head -n 1 "$work/out")"
  elif [ "$want" -eq 2 ] && [ "$(wc -l <"$work/err")" -ne 1 ]; then wrong "$name" "not one line on standard error: $(cat "$work/err")"
  elif ! grep -qE -- "$pattern" "$work/err"; then wrong "$name" "no '$pattern' in: $(cat "$work/err")"
  else ok "$name"; fi
}

py() { python3 - "$@"; }

# ---------------------------------------------------------------------------------------------- a model from nothing
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

# ------------------------------------------------------------------------------------------------------ tokenize
holds "tokenize" "$bin/tokenize" --model tiny --data eval.txt
cp out ids.jsonl
"$bin/tokenize" --model tiny --data eval.txt --no-special >bare.jsonl 2>err
holds "tokenize: a list a document, specials around them" py <<'P'
import json
ids = [json.loads(line) for line in open("ids.jsonl")]
bare = [json.loads(line) for line in open("bare.jsonl")]
assert len(ids) == len(open("eval.txt").read().splitlines()) == len(bare)
assert all(a == [0] + b + [2] for a, b in zip(ids, bare)), "specials"
assert max(map(max, ids)) < 1000
P

# ------------------------------------------------------------------------------- training, and stopping and going on
fp32=(--dtype fp32 --threads 2)
train=("$bin/dapt_train" --model tiny --train train.txt --eval eval.txt --seq-length 64 --batch-sequences 16 --lr 2e-3
  --eval-every 10 --seed 7 "${fp32[@]}")
holds "dapt_train: 30 steps" "${train[@]}" --max-steps 30 --output whole
holds "log.jsonl: fields, and the loss falls" py <<'P'
import json
steps, evals = [], []
for line in open("whole/log.jsonl"):
    row = json.loads(line)
    (evals if "eval_loss" in row else steps).append(row)
assert [r["step"] for r in steps] == list(range(1, 31)), steps
for key in "step loss lr grad_norm tokens targets tokens_per_second seconds".split():
    assert all(isinstance(r[key], (int, float)) for r in steps), key
assert all("eval_name" in r for r in evals)
first, last = evals[0]["eval_loss"], evals[-1]["eval_loss"]
assert 6.5 < first < 7.3, first  # ln 1000 = 6.9: nothing learned yet
assert last < first - 0.3, (first, last)
P
holds "run folder: config, model, tokenizer, state, events" sh -c '
  test -s whole/config.json && test -s whole/model/last/model.safetensors && test -s whole/model/best/config.json &&
  test -s whole/model/last/vocab.json && test -s whole/model/last/tokenizer.json && ls whole/state/step-30/* &&
  ls whole/events.out.tfevents.*'

holds "--dry-run: an ETA, and no folder" sh -c '"$@" | grep "^  ETA " && [ ! -e dry ]' - \
  "${train[@]}" --max-steps 30 --output dry --dry-run
holds "report.html at the end, and again by report" sh -c 'test -s whole/report.html && rm whole/report.html &&
  "$0" whole && grep -q "Where the text went" whole/report.html && ! grep -q "no ledger.json" whole/report.html' "$bin/report"

# The bar in a window that shrinks and grows: each drawn line is narrower than the window. Through tee: plain lines.
holds "a bar on a terminal that changes its width" py "${train[@]}" --max-steps 60 --output bar <<'P'
import fcntl, os, pty, re, struct, sys, termios, time
pid, fd = pty.fork()
if pid == 0:
    os.environ.pop("TERM", None)
    time.sleep(0.3)
    os.execv(sys.argv[1], sys.argv[1:])
def width(columns):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
width(30)
text = ""
while True:
    try:
        text += os.read(fd, 1 << 16).decode()
    except OSError:
        break
    if text.count("\r\033[J") > 3: width(100)
_, status = os.waitpid(pid, 0)
bars = [len(b) for b in re.findall(r"[\r\n](?:\033\[J)?((?:\[[#.]+\] )?step \d+/60[^\r\n]*)(?=\r)", text)]
assert status == 0 and len(bars) > 3, (status, bars, text)
assert bars[0] < 30 and 60 < max(bars) < 100, bars
P
holds "through tee: no control characters, on a terminal too" py "${train[@]}" --max-steps 10 --output teed <<'P'
import pty, shlex, sys
pty.spawn(["bash", "-o", "pipefail", "-c", " ".join(map(shlex.quote, sys.argv[1:])) + " | tee teed.txt"])
text = open("teed.txt", encoding="utf-8").read()
assert "step 10/10" in text and "report: " in text, text
assert all(c == "\n" or ord(c) >= 32 for c in text), repr(text)
P

# Stopped by SIGTERM once three steps are logged, it must end with 75 and go on to the same bits.
"${train[@]}" --max-steps 30 --output cut >out 2>err &
pid=$!
for _ in $(seq 600); do
  [ "$(grep -c '"grad_norm"' cut/log.jsonl 2>/dev/null)" -ge 3 ] 2>/dev/null && break
  kill -0 $pid 2>/dev/null || break
  sleep 0.02
done
kill -TERM $pid 2>/dev/null
wait $pid
code=$?
if [ $code -eq 75 ]; then ok "SIGTERM: saves and exits with 75"; else wrong "SIGTERM" "exit code $code: $(tail -n 1 err)"; fi
state=$(ls -d cut/state/step-* 2>/dev/null | tail -n 1)
refuse "a folder that holds a run" 'cut.*--resume' "${train[@]}" --max-steps 30 --output cut

# A disk that is full while saving, played by a limit on the size of files: 74, and the state is what it was.
find "$state" -type f -exec sha256sum {} + 2>/dev/null | sort >before.sum
fails_with 74 "no room for the state: exit 74" 'cut/' \
  bash -c 'ulimit -f 100; exec "$@"' - "${train[@]}" --max-steps 30 --output cut --resume
find "$state" -type f -exec sha256sum {} + 2>/dev/null | sort >after.sum
if [ -s before.sum ] && cmp -s before.sum after.sum; then ok "no room for the state: the last one is intact"; else
  wrong "no room for the state" "$state changed"; fi

holds "--resume" "$bin/dapt_train" --output cut --resume
holds "--resume: weights as without the stop" cmp whole/model/last/model.safetensors cut/model/last/model.safetensors
holds "--resume: log as without the stop" py <<'P'
import json
def losses(run):
    rows = [json.loads(line) for line in open(run + "/log.jsonl")]
    return [(r["step"], r.get("loss"), r.get("eval_loss")) for r in rows]
assert losses("whole") == losses("cut")
P

holds "config.json repeats the run" "$bin/dapt_train" --config whole/config.json --output again
holds "config.json repeats the run: the same weights" cmp whole/model/last/model.safetensors again/model/last/model.safetensors

# The disk is full indeed: a small tmpfs, where one may be mounted.
mkdir small
if mount -t tmpfs -o size=3500k none small 2>/dev/null; then
  mounted=$work/small
  fails_with 74 "full disk: exit 74" 'small/' "${train[@]}" --max-steps 30 --save-every 2 --keep 30 --output small/run
  state=$(ls -d small/run/state/step-* 2>/dev/null | grep -v tmp | sort -t- -k2 -n | tail -n 1)
  mkdir moved
  cp -r small/run moved/
  umount small && mounted=
  if [ -n "$state" ]; then
    holds "full disk: the run goes on elsewhere from its last state" \
      "$bin/dapt_train" --output moved/run --resume --keep 1
    holds "full disk: to the same weights" cmp whole/model/last/model.safetensors moved/run/model/last/model.safetensors
  else
    wrong "full disk" "no complete state was left"
  fi
else
  echo "skipped: full disk on a tmpfs (mounting needs root)"
fi

# ------------------------------------------------------------------------------------ a corpus larger than the memory
holds "a text four times the memory: killed, gone on with, trained on" \
  "$root/scripts/big_corpus_test.sh" --memory 128 --times 4 --steps 4 "$bin"
grep '^skipped' out

# ------------------------------------------------------------------------------------------------- two ranks over MPI
if command -v mpirun >/dev/null 2>&1; then
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
  export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_hwloc_base_binding_policy=none
  ranks=("$bin/dapt_train" --model tiny --train train.txt --eval eval.txt --seq-length 64 --batch-sequences 16
    --lr 2e-3 --max-steps 10 --seed 7 --dtype fp32)
  holds "mpirun -n 2: runs" mpirun -n 2 "${ranks[@]}" --output two --threads 1
  holds "one rank beside it" "${ranks[@]}" --output one
  holds "mpirun -n 2: the losses of one rank within 1e-5" py <<'P'
import json
def losses(run):
    rows = [json.loads(line) for line in open(run + "/log.jsonl")]
    return [r["loss"] for r in rows if "loss" in r], [r["eval_loss"] for r in rows if "eval_loss" in r]
for a, b in zip(losses("one"), losses("two")):
    assert len(a) == len(b) > 1
    assert all(abs(x - y) <= 1e-5 * abs(x) for x, y in zip(a, b)), list(zip(a, b))
P
else
  echo "skipped: mpirun is not installed"
fi

holds "tapt_train, whole words" "$bin/tapt_train" --model tiny --train train.txt --max-steps 4 --batch-sequences 8 \
  --seq-length 64 --masking whole-word --mode truncate --output tapt
holds "standard input as training text" bash -c '"$@" <train.txt' - "$bin/dapt_train" --model tiny --train - \
  --max-steps 2 --batch-sequences 8 --seq-length 64 --output from_stdin

# ------------------------------------------------------------------------------------------ what a model can be used for
holds "mlm_eval" "$bin/mlm_eval" --model whole/model/last --data eval.txt --json "${fp32[@]}"
cp out trained.json
holds "mlm_eval: the untrained one" "$bin/mlm_eval" --model tiny --data eval.txt --json "${fp32[@]}"
cp out untrained.json
holds "mlm_eval: fields; training helped" py <<'P'
import json, math
new, old = json.load(open("trained.json")), json.load(open("untrained.json"))
for r in (new, old):
    assert abs(r["bits"] * math.log(2) - r["loss"]) < 1e-6
    assert abs(math.exp(r["loss"]) / r["perplexity"] - 1) < 1e-6
    assert r["document_loss"] > 0 and r["tokens"] > r["targets"] > 0 and r["documents"] > 0
assert new["targets"] == old["targets"] and new["loss"] < old["loss"] - 0.3
P
py <<'P'
import json
# Two kinds of definitions that a few words tell apart.
kinds = {"reaction": "Catalysis of the reaction", "process": "Any process that"}
rows = []
for line in open("train.txt"):
    for label, start in kinds.items():
        if line.startswith(start):
            rows.append({"text": line.strip(), "label": label, "id": len(rows)})
assert len(rows) > 120, len(rows)
for name, part in (("tr", rows[:80]), ("dev", rows[80:100]), ("te", rows[100:120])):
    with open(name + ".jsonl", "w") as stream:
        stream.writelines(json.dumps(r) + "\n" for r in part)
P
tune=("$bin/finetune" --model whole/model/last --train tr.jsonl --dev dev.jsonl)
holds "finetune, two seeds" "${tune[@]}" --test te.jsonl --output clf --epochs 12 --batch-size 8 --lr 3e-3 \
  --seeds 2 "${fp32[@]}"
holds "results.json" py <<'P'
import json
r = json.load(open("clf/results.json"))
assert r["metric"] == "macro-f1" and r["labels"] == ["process", "reaction"], r["labels"]
assert len(r["seeds"]) == 2
for s in r["seeds"]:
    assert {"seed", "best_epoch", "dev", "test"} <= set(s)
    assert {"accuracy", "macro_f1", "micro_f1", "weighted_f1", "per_class", "confusion"} <= set(s["test"])
    assert sum(map(sum, s["test"]["confusion"])) == 20
assert {"mean", "std_sample", "std_population"} <= set(r["test"]["macro_f1"])
assert r["test"]["accuracy"]["mean"] >= 0.9, r["test"]
P
holds "report of a folder of finetune" sh -c '"$0" clf && grep -q "Score on dev: macro-f1" clf/report.html' "$bin/report"
refuse "report of both kinds of run at once" 'clf.*whole' "$bin/report" clf whole --output never
holds "predict" "$bin/predict" --model clf/model --data te.jsonl "${fp32[@]}"
cp out predictions.jsonl
holds "predict: rows, ids, probabilities" py <<'P'
import json
rows = [json.loads(line) for line in open("te.jsonl")]
seen = [json.loads(line) for line in open("predictions.jsonl")]
assert [r["id"] for r in rows] == [p["id"] for p in seen]
assert all(abs(sum(p["probabilities"].values()) - 1) < 1e-5 for p in seen)
assert all(max(p["probabilities"], key=p["probabilities"].get) == p["label"] for p in seen)
assert sum(r["label"] == p["label"] for r, p in zip(rows, seen)) >= 17
P
holds "fill_mask" "$bin/fill_mask" --model whole/model/last --top-k 3 --json "Catalysis of the<mask>."
cp out masks.json
holds "fill_mask: three tokens, probabilities fall" py <<'P'
import json
masks = json.load(open("masks.json"))["masks"]
assert len(masks) == 1 and len(masks[0]) == 3
p = [m["probability"] for m in masks[0]]
assert p == sorted(p, reverse=True) and 0 < sum(p) <= 1
P
for pooling in first mean; do
  holds "embed, $pooling" "$bin/embed" --model whole/model/last --data te.jsonl --pooling $pooling --output $pooling.npy
done
holds "embed: a NumPy array of 20 x 64" py <<'P'
import ast, math, struct
arrays = []
for name in ("first", "mean"):
    data = open(name + ".npy", "rb").read()
    assert data[:8] == b"\x93NUMPY\x01\x00"
    size = struct.unpack("<H", data[8:10])[0]
    header = ast.literal_eval(data[10:10 + size].decode())
    assert header["shape"] == (20, 64) and header["descr"] == "<f4" and (10 + size) % 64 == 0
    arrays.append(struct.unpack("<%df" % (20 * 64), data[10 + size:]))
    assert all(map(math.isfinite, arrays[-1]))
assert arrays[0] != arrays[1]
P
echo '{"input_ids": [[0, 5, 9, 2], [0, 7, 2]], "labels": [[-100, 11, -100, -100], [-100, 4, -100]]}' >batch.json
holds "trace" "$bin/trace" --model whole/model/last --batch batch.json --output trace.safetensors --dtype fp32
holds "trace: hidden states, logits, loss, every gradient" py <<'P'
import json, struct
data = open("trace.safetensors", "rb").read()
size = struct.unpack("<Q", data[:8])[0]
header = json.loads(data[8:8 + size])
header.pop("__metadata__", None)
assert all(t["dtype"] == "F32" for t in header.values())
assert [header["hidden.%d" % i]["shape"] for i in range(3)] == [[7, 64]] * 3
assert header["logits"]["shape"] == [2, 1000] and "loss" in header
model = open("whole/model/last/model.safetensors", "rb").read()
names = json.loads(model[8:8 + struct.unpack("<Q", model[:8])[0]])
names.pop("__metadata__", None)
assert all("grad." + name in header for name in names), sorted(names)
P
for program in "$bin"/*; do
  [ -x "$program" ] && [ -f "$program" ] || continue
  holds "$(basename "$program") --help" sh -c '"$1" --help | grep -q -- "--help"' - "$program"
done

# ------------------------------------------------------------------------------------------------------- bad input
dapt=("$bin/dapt_train" --model tiny --output never --max-steps 2 --batch-sequences 4 --seq-length 64)
refuse "missing file" 'nowhere\.txt' "${dapt[@]}" --train nowhere.txt
: >empty.txt
refuse "empty file" 'empty\.txt' "${dapt[@]}" --train empty.txt
printf 'good line of text\nbad \xff\xfe line\n' >latin.txt
refuse "not UTF-8" 'latin\.txt.*2' "${dapt[@]}" --train latin.txt
printf '{"text": "a good row"}\n{"txt": "no text here"}\n' >rows.jsonl
refuse "jsonl line without text" 'rows\.jsonl.*2.*text' "${dapt[@]}" --train rows.jsonl
printf '{"text": "a good row"}\n{"text": \n' >broken.jsonl
refuse "jsonl line that is not JSON" 'broken\.jsonl.*2' "${dapt[@]}" --train broken.jsonl
zstd -q -c "$go/train.txt" | head -c 20000 >half.txt.zst
refuse "truncated .zst" 'half\.txt\.zst' "${dapt[@]}" --train half.txt.zst
gzip -c "$go/train.txt" | head -c 20000 >half.txt.gz
refuse "truncated .gz" 'half\.txt\.gz' "${dapt[@]}" --train half.txt.gz
refuse "bad evaluation file" 'rows\.jsonl' "${dapt[@]}" --train train.txt --eval rows.jsonl
refuse "bad text for mlm_eval" 'rows\.jsonl.*2' "$bin/mlm_eval" --model tiny --data rows.jsonl
refuse "bad text for tokenize" 'latin\.txt' "$bin/tokenize" --model tiny --data latin.txt
refuse "bad text for train_tokenizer" 'latin\.txt' "$bin/train_tokenizer" --data latin.txt --output never
head -n 3 tr.jsonl >odd.jsonl
echo '{"text": "What is this?", "label": "never seen"}' >>odd.jsonl
refuse "label unseen in training, in dev" 'odd\.jsonl.*4.*never seen' \
  "$bin/finetune" --model tiny --train tr.jsonl --dev odd.jsonl --output never
refuse "label unseen in training, in test" 'odd\.jsonl.*4.*never seen' "${tune[@]}" --test odd.jsonl --output never
refuse "a finetune folder that holds a run" 'clf' "${tune[@]}" --output clf

# variant NAME: a copy of the tiny model to spoil.
variant() { rm -rf "$1" && cp -r tiny "$1"; }
edit_config() { py "$@" <<'P'
import json, sys
path, key, value = sys.argv[1] + "/config.json", sys.argv[2], json.loads(sys.argv[3])
config = json.load(open(path))
config[key] = value
json.dump(config, open(path, "w"))
P
}
# Rewrites the header of a model's safetensors: spoil FOLDER PYTHON-STATEMENT, with h the header.
spoil() { py "$@" <<'P'
import json, struct, sys
path = sys.argv[1] + "/model.safetensors"
data = open(path, "rb").read()
size = struct.unpack("<Q", data[:8])[0]
h = json.loads(data[8:8 + size])
exec(sys.argv[2])
text = json.dumps(h).encode()
open(path, "wb").write(struct.pack("<Q", len(text)) + text + data[8 + size:])
P
}
with() { local model=$1; shift; "$bin/dapt_train" --model "$model" --train train.txt --output never --max-steps 2 \
  --batch-sequences 4 --seq-length 64 "$@"; }
bias=roberta.encoder.layer.0.intermediate.dense.bias
variant odd_type && edit_config odd_type model_type '"gpt5"'
refuse "config.json with an unknown model_type" 'odd_type/config\.json.*model_type.*gpt5' with odd_type
variant no_json && echo '{' >no_json/config.json
refuse "config.json that is not JSON" 'no_json/config\.json' with no_json
variant shape && edit_config shape intermediate_size 256
refuse "a tensor of the wrong shape" 'shape/model\.safetensors.*intermediate\.dense' with shape
variant overlap && spoil overlap "h['$bias']['data_offsets'] = [0, 512]"
refuse "safetensors: offsets that overlap" 'overlap/model\.safetensors' with overlap
variant beyond && spoil beyond "h['$bias']['data_offsets'][1] += 10**9"
refuse "safetensors: offsets beyond the file" 'beyond/model\.safetensors' with beyond
variant lying && printf '\xff\xff\xff\xff\xff\xff\xff\x7f' | dd of=lying/model.safetensors conv=notrunc status=none
refuse "safetensors: a header longer than the file" 'lying/model\.safetensors' with lying
variant short && truncate -s -1000 short/model.safetensors
refuse "safetensors: cut off" 'short/model\.safetensors' with short
variant evil && rm evil/model.safetensors && py <<'P'
import os, pickle, zipfile
class Evil:
    def __reduce__(self):
        return (os.system, ("touch pwned",))
with zipfile.ZipFile("evil/pytorch_model.bin", "w") as z:
    z.writestr("archive/data.pkl", pickle.dumps({"x": Evil()}, protocol=2))
    z.writestr("archive/version", "3\n")
P
refuse "a pickle that asks for more than tensors" 'evil/pytorch_model\.bin.*system' with evil
if [ -e pwned ]; then wrong "a pickle that asks for more than tensors" "it was run"; fi
variant few && edit_config few vocab_size 900
refuse "a vocabulary smaller than the ids" 'few.*900' with few
refuse "a sequence longer than the positions" '512.*130|130.*512' with tiny --seq-length 512
refuse "ids beyond the vocabulary in trace" 'big\.json' bash -c \
  'echo "{\"input_ids\": [[0, 5000, 2]], \"labels\": [[-100, 5, -100]]}" >big.json; exec "$@"' - \
  "$bin/trace" --model tiny --batch big.json --output never.safetensors
refuse "an unknown flag" 'no-such-flag' "${dapt[@]}" --train train.txt --no-such-flag 3
refuse "a value out of range" 'mlm-probability' "${dapt[@]}" --train train.txt --mlm-probability 1.5
refuse "a value that is no number" 'lr' "${dapt[@]}" --train train.txt --lr fast
refuse "a flag without its value" 'train' "${dapt[@]}" --train
refuse "values that cannot hold together" 'tokens-per-batch' "${dapt[@]}" --train train.txt --tokens-per-batch 32
refuse "a model folder that is not there" 'nowhere' "$bin/mlm_eval" --model nowhere --data eval.txt
refuse "no model named" 'model' "$bin/mlm_eval" --data eval.txt
refuse "fill_mask without a mask" '<mask>' "$bin/fill_mask" --model tiny "no mask in here"
refuse "predict with a model that is no classifier" 'tiny' "$bin/predict" --model tiny --data te.jsonl
refuse "a row without a label" 'rows\.jsonl.*1.*label' "$bin/finetune" --model tiny --train rows.jsonl --dev dev.jsonl --output never
refuse "a row without text for predict" 'rows\.jsonl.*2.*text' "$bin/predict" --model clf/model --data rows.jsonl
refuse "init_model: an unknown flag" 'no-such-flag' "$bin/init_model" --no-such-flag
refuse "init_model: no configuration" 'nowhere\.json' "$bin/init_model" --config nowhere.json --tokenizer tok --output never
refuse "init_model: a vocabulary smaller than the ids" 'few/config\.json.*900' \
  "$bin/init_model" --config few/config.json --tokenizer tok --output never
refuse "init_model: a folder that holds a model" 'tiny' \
  "$bin/init_model" --config config.json --tokenizer tok --output tiny
refuse "a GPU where there is none" 'cuda' env CUDA_VISIBLE_DEVICES= "${dapt[@]}" --train train.txt --device cuda
refuse "report on a folder that holds no run" 'tiny.*log\.jsonl' "$bin/report" tiny
mkdir -p torn && cp whole/config.json torn/ && sed '3s/.$//' whole/log.jsonl >torn/log.jsonl
refuse "report on a log with a broken line" 'log\.jsonl: line 3' "$bin/report" torn
refuse "--dry-run where a run is" 'cut' "$bin/dapt_train" --output cut --resume --dry-run
refuse "an unknown key in --config" 'learning_rate' bash -c 'echo "{\"learning_rate\": 1}" >flags.json; exec "$@"' - \
  "${dapt[@]}" --train train.txt --config flags.json
refuse "--resume with another learning rate" 'lr' "$bin/dapt_train" --output cut --resume --lr 0.5
if [ -e never ]; then wrong "refusals" "one of them left the folder 'never' behind"; else ok "refusals leave nothing behind"; fi

echo "$good checks held, $bad did not"
[ "$bad" -eq 0 ]
