#!/usr/bin/env bash
# Makes models/encore-mini from nothing: text, tokenizer, fresh weights, pretraining. Needs a release build.
#
#   scripts/base_model/pretrain.sh WORK [GENERAL.jsonl.zst]
#
# WORK: a folder for the text and the run (about 1 GB). GENERAL: the corpus file that corpus.sh takes.
# An interrupted run goes on where it was when the script is started again. models/encore-mini/README.md says how long
# it took, and on which machine.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
work=${1:?usage: pretrain.sh WORK [GENERAL.jsonl.zst]}
bin=$root/build/bin
mkdir -p "$work"
if [ ! -f "$work/text/general_train.jsonl" ]; then
  "$root/scripts/base_model/corpus.sh" "$work/text" ${2+"$2"}
fi
if [ ! -f "$work/tokenizer/vocab.json" ]; then
  "$bin/train_tokenizer" --data "$work/text/general_train.jsonl" --vocab-size 8192 --output "$work/tokenizer"
fi
if [ ! -d "$work/init" ]; then
  "$bin/init_model" --config "$root/scripts/base_model/config.json" --tokenizer "$work/tokenizer" --seed 1 \
    --output "$work/init"
fi
resume=
[ ! -d "$work/run" ] || resume=--resume
"$bin/dapt_train" --model "$work/init" --output "$work/run" $resume \
  --train "$work/text/general_train.jsonl" --eval "$work/text/general_heldout.jsonl" \
  --mode full --seq-length 512 --batch-sequences 8 --tokens-per-batch 4096 --epochs 0 --max-steps 16000 \
  --lr 1.5e-3 --warmup-ratio 0.05 --mlm-probability 0.2 --dropout 0 --attention-dropout 0 --eval-every 1000 \
  --save-dtype bf16
echo "models/encore-mini is $work/run/model/best"
