#!/usr/bin/env bash
# Every program on a tiny model, as a user runs them, and every refusal: tests/end_to_end.sh BIN_DIR
#
# Its parts are in tests/end_to_end/, one subject each, and use the files that earlier parts left in the work folder.
# Works in a temporary folder, without network. Prints one line a check; exit code 0 only if all of them held.
set -u
[ $# -eq 1 ] && [ -x "$1/dapt_train" ] || { echo "usage: tests/end_to_end.sh BIN_DIR (a folder with dapt_train)" >&2; exit 2; }
bin=$(cd "$1" && pwd)
root=$(cd "$(dirname "$0")/.." && pwd)
go=$root/examples/gene_ontology
# Makes chosen system calls fail, or sends a signal there (tests/support/failing_calls.cpp).
failing=$(dirname "$bin")/tests/libfailing_calls.so
[ -f "$failing" ] || { echo "$failing: build the release preset first" >&2; exit 2; }
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
# Spinning threads slow everything down when other programs use the same cores.
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

for part in training uses streams select selection refusals; do
  # shellcheck source=/dev/null
  . "$root/tests/end_to_end/$part.sh"
done

echo "$good checks held, $bad did not"
[ "$bad" -eq 0 ]
