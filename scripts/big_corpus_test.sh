#!/usr/bin/env bash
# Caches a corpus several times larger than the memory and trains a model on it, under a memory limit.
#
#   scripts/big_corpus_test.sh [--memory MIB] [--times N] [--steps N] [BIN_DIR]
#
# The text (N times the memory, default 8) repeats the corpora of ../shared/data, or the bundled example.
# Three runs of dapt_train on a tiny model: the first is killed (SIGKILL) while it tokenizes, the second continues the
# cache and trains, the third makes its own cache and trains without a limit. Cache and weights must be the same.
# The limit is a memory cgroup if one can be made (it counts mapped files too), else RLIMIT_DATA (anonymous memory).
# Prints a table; exit code 0 only if everything held. Prints "skipped: ..." if no limit can be set.
set -u
memory=128
times=8
steps=20
while [ $# -gt 0 ]; do
  case $1 in
    --memory) memory=$2; shift 2 ;;
    --times) times=$2; shift 2 ;;
    --steps) steps=$2; shift 2 ;;
    -*) echo "big_corpus_test.sh: unknown argument '$1'" >&2; exit 2 ;;
    *) break ;;
  esac
done
root=$(cd "$(dirname "$0")/.." && pwd)
bin=$(cd "${1:-$root/build/bin}" && pwd) || exit 2
[ -x "$bin/dapt_train" ] || { echo "$bin: no dapt_train: build the release preset first" >&2; exit 2; }
failing=$(dirname "$bin")/tests/libfailing_calls.so
[ -f "$failing" ] || { echo "$failing: build the release preset first" >&2; exit 2; }

work=$(mktemp -d "${TMPDIR:-/tmp}/encore_big.XXXXXX")
group=
cleanup() {
  [ -z "$group" ] || rmdir "$group" 2>/dev/null
  rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM
fail() { echo "WRONG: $*" >&2; exit 1; }

# ------------------------------------------------------------------------------------------------------- the limit
bytes=$((memory << 20))
limit=
make_group() {  # CONTROLLER-FOLDER FILE
  group=$1/encore_big.$$
  if mkdir "$group" 2>/dev/null && echo $bytes >"$group/$2" 2>/dev/null && sh -c "echo \$\$ >$group/cgroup.procs" 2>/dev/null; then
    # Swap would add memory.
    echo $bytes >"$group/memory.memsw.limit_in_bytes" 2>/dev/null || echo 0 >"$group/memory.swap.max" 2>/dev/null
    return 0
  fi
  rmdir "$group" 2>/dev/null
  group=
  return 1
}
if make_group /sys/fs/cgroup/memory memory.limit_in_bytes; then limit="cgroup v1"
elif make_group /sys/fs/cgroup memory.max; then limit="cgroup v2"
elif (ulimit -d $((memory << 10))) 2>/dev/null; then limit="RLIMIT_DATA"
else echo "skipped: a corpus larger than memory (no cgroup can be made and no limit set)"; exit 0; fi

# A prefix for a command. It execs the command, so that a kill of its process id reaches the command itself.
if [ -n "$group" ]; then limited=(sh -c "echo \$\$ >$group/cgroup.procs && exec \"\$@\"" -)
else limited=(bash -c "ulimit -d $((memory << 10)) && exec \"\$@\"" -); fi
peak() {
  cat "$group/memory.max_usage_in_bytes" 2>/dev/null || cat "$group/memory.peak" 2>/dev/null || echo 0
}

# --------------------------------------------------------------------------------------------- a text and a model
corpora=$root/../shared/data/corpora
if command -v zstd >/dev/null && [ -f "$corpora/cs.jsonl.zst" ]; then
  for name in general cs biomed; do zstd -dcq "$corpora/$name.jsonl.zst" || fail "$corpora/$name.jsonl.zst"; done >"$work/one"
  text=$work/text.jsonl
else
  cp "$root/examples/gene_ontology/train.txt" "$work/one" || exit 1
  text=$work/text.txt
fi
one=$(stat -c %s "$work/one")
for ((have = 0; have < bytes * times; have += one)); do cat "$work/one" || exit 1; done >"$text"
cat >"$work/config.json" <<'J'
{"architectures": ["RobertaForMaskedLM"], "model_type": "roberta", "vocab_size": 8192, "hidden_size": 64,
 "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 128, "max_position_embeddings": 130,
 "type_vocab_size": 1, "layer_norm_eps": 1e-5, "hidden_act": "gelu", "initializer_range": 0.02, "hidden_dropout_prob": 0.1,
 "attention_probs_dropout_prob": 0.1, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2}
J
"$bin/init_model" --config "$work/config.json" --tokenizer "$root/models/encore-mini" --output "$work/model" >/dev/null ||
  fail "no model"
head -n 200 "$root/examples/gene_ontology/eval.txt" >"$work/eval.txt"
train=("$bin/dapt_train" --model "$work/model" --train "$text" --dev "$work/eval.txt" --max-steps "$steps"
  --batch-sequences 32 --seq-length 128 --seed 3 --threads 2)

# ------------------------------------------------------------------------------------------------------ three runs
now() { date +%s.%N; }
since() { echo "$(now) $1" | awk '{printf "%.1f", $1 - $2}'; }
documents() { grep -ao '"documents":[0-9]*' "$work"/cache/*.building/journal 2>/dev/null | head -n 1 | cut -d: -f2; }

# Killed at a write that comes half-way (a file grows by about 1.7 MB of text at a time). A build saves where it stands once
# a second, and a fast one takes little longer: a pause before makes sure that something was saved.
writes=$((memory * times * 3 / 10))
ENCORE_FAIL="pwrite:$((writes / 3)):PAUSE:.building,pwrite:$writes:SIGKILL:.building" "${limited[@]}" env \
  LD_PRELOAD="$failing" "${train[@]}" --cache-dir "$work/cache" --output "$work/killed" >"$work/out" 2>"$work/err" &
wait $! 2>/dev/null
[ $? -eq 137 ] || fail "the first run was not killed: $(cat "$work/err")"
saved=$(documents)
[ "${saved:-0}" -gt 0 ] || fail "nothing was saved by the run that was killed: $(cat "$work/err")"

begin=$(now)
"${limited[@]}" "${train[@]}" --cache-dir "$work/cache" --output "$work/limited" >"$work/limited.out" 2>"$work/err" ||
  fail "under the limit: exit code $?: $(tail -n 3 "$work/err" "$work/limited.out")"
limited_seconds=$(since "$begin")
grep -q "documents by an earlier start" "$work/limited.out" || fail "the second run began anew"
begin=$(now)
"${train[@]}" --cache-dir "$work/free_cache" --output "$work/free" >"$work/out" 2>"$work/err" || fail "without a limit"
free_seconds=$(since "$begin")

# The corpus's cache is the largest file of its folder; both folders must hold the same one.
largest() { ls -S "$1"/*.tokens | head -n 1; }
cache=$(stat -c %s "$(largest "$work/cache")")
cmp "$(largest "$work/cache")" "$(largest "$work/free_cache")" || fail "the caches differ"
cmp "$work/limited/model/last/model.safetensors" "$work/free/model/last/model.safetensors" || fail "the weights differ"
[ "$(stat -c %s "$text")" -ge $((4 * bytes)) ] || fail "the text is not four times the memory"

mib() { echo "$1" | awk '{printf "%.0f MiB", $1 / 1048576}'; }
cat <<T
| a corpus larger than the memory | |
|---|---|
| memory, by $limit | $(mib $bytes) |
| text | $(mib "$(stat -c %s "$text")"), $(echo "$(stat -c %s "$text") $bytes" | awk '{printf "%.1f", $1 / $2}') times the memory |
| token cache | $(mib "$cache"), $(echo "$cache $bytes" | awk '{printf "%.1f", $1 / $2}') times the memory |
| documents saved when the first run was killed | $saved |
| the second run: the rest of the text and $steps steps | $limited_seconds s |
| the whole of it without a limit | $free_seconds s |
| largest use of memory, mapped files included | $( [ -n "$group" ] && mib "$(peak)" || echo "not counted by RLIMIT_DATA") |
| anonymous memory, as dapt_train says | $(grep -a 'peak memory' "$work/limited.out" | sed 's/.*peak memory: //; s/ anonymous.*//') |
| cache and weights | the same to the byte as without a limit |
T
