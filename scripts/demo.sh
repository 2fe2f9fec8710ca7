#!/usr/bin/env bash
# The demonstration: continues the pretraining of the bundled base model on Gene Ontology definitions, then fine-tunes
# with few labels from the base and from the adapted model, and prints a table of the differences.
#
#   scripts/demo.sh [--model DIR]     DIR: the base model, models/encore-mini unless given
#
# The first run installs what the build needs (scripts/setup.sh), builds, and fetches three Debian packages of text; later
# runs skip that. The rest takes under five minutes on two cores. A run writes into a fresh runs/demo-N; the packages and
# the tokenized text lie in build/demo. docs/demo.md says how task, labels and settings were chosen.
#
# Exit codes: 0 the adapted model won on both scores, 1 it did not, else the code of the part that failed.
set -euo pipefail
started=$(pwd)
cd "$(dirname "$0")/.."

# Chosen on dev (docs/demo.md).
task=namespace
labels=16
adapt_flags=(--epochs 1 --seq-length 512 --batch-sequences 8 --lr 1e-3 --seed 1)
finetune_flags=(--epochs 20 --patience 5 --batch-sequences 8 --lr 1e-3 --seq-length 128 --seeds 5 --metric macro-f1)

say() { printf '\n== %s\n' "$*"; }
die() { local code=$1; shift; printf 'demo.sh: %s\n' "$*" >&2; exit "$code"; }

model=models/encore-mini
case ${1-} in
  '') ;;
  --model) [ $# -eq 2 ] || die 2 "--model needs a folder"; model=$(cd "$started" && realpath -m -- "$2") ;;
  *) die 2 "unknown argument '$1': usage: demo.sh [--model DIR]" ;;
esac
[ -s "$model/config.json" ] || die 2 "$model holds no model (config.json): give --model DIR, a Hugging Face folder"

cache=build/demo
mkdir -p "$cache"
bin=build/bin
export ENCORE_CACHE=$PWD/$cache/tokens

# quietly NAME COMMAND...: writes the output to a log, and shows its end when the command fails.
quietly() {
  local log=$cache/$1.log code=0
  shift
  "$@" >"$log" 2>&1 || code=$?
  [ "$code" -eq 0 ] || { tail -n 40 "$log" >&2; die "$code" "failed: $* (all of its output: $log)"; }
}

say "Set-up: packages, programs, text"
scripts/setup.sh
quietly configure cmake --preset release
quietly build cmake --build --preset release --target dapt_train mlm_eval finetune
for package in r-bioc-go.db dict-foldoc wordnet-base; do
  scripts/fetch_deb.sh "$package" "$cache/debs/$package"
done

start=$SECONDS
mkdir -p runs
n=1
until mkdir "runs/demo-$n" 2>/dev/null; do
  [ -e "runs/demo-$n" ] || die 74 "the folder runs/demo-$n cannot be made"
  n=$((n + 1))
done
out=runs/demo-$n

say "Text: Gene Ontology definitions, held-out general glosses, computing entries ($out/data)"
python3 scripts/demo_data.py --debs "$cache/debs" --output "$out/data" --task "$task" --labels "$labels"

# measure MODEL NAME: the held-out losses of a model, with the same masks for every model.
measure() {
  for text in domain general computing; do
    "$bin/mlm_eval" --model "$1" --data "$out/data/${text}_eval.txt" --json >"$out/$2_$text.json"
  done
}

say "Held-out loss of the base model"
measure "$model" base
python3 scripts/demo_table.py --losses "$out" base

say "Adapting $model to the domain ($out/adapted)"
"$bin/dapt_train" --model "$model" --train "$out/data/domain_train.txt" --dev "$out/data/domain_eval.txt" \
  --output "$out/adapted" "${adapt_flags[@]}"
measure "$out/adapted/model/last" adapted

for from in base adapted; do
  source=$model
  [ "$from" = base ] || source=$out/adapted/model/last
  say "Fine-tuning the $from model, five seeds ($out/finetune_$from)"
  "$bin/finetune" --model "$source" --train "$out/data/task/train.jsonl" --dev "$out/data/task/dev.jsonl" \
    --test "$out/data/task/test.jsonl" --output "$out/finetune_$from" "${finetune_flags[@]}" |
    tee "$out/finetune_$from.log" | grep -E '^(dev|test) ' || die 1 "finetune failed: see $out/finetune_$from.log"
done

say "Result after $((SECONDS - start)) seconds"
python3 scripts/demo_table.py "$out"
