#!/usr/bin/env bash
# Makes models/encore-mini from scratch: text, tokenizer, fresh weights, pretraining. Needs a release build.
#
#   scripts/base_model/pretrain.sh WORK [GENERAL.jsonl.zst]
#
# WORK: a folder for the text and the run (about 1 GB). GENERAL: the corpus file that corpus.sh takes.
# A second start of the script resumes an interrupted run. models/encore-mini/README.md gives the time it took and the
# machine.
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

# phase NAME MODEL FLAGS...: one run, resumed if it was interrupted.
phase() {
  local run=$work/$1 model=$2 resume=
  shift 2
  [ ! -d "$run" ] || resume=--resume
  "$bin/dapt_train" --model "$model" --output "$run" $resume \
    --train "$work/text/general_train.jsonl" --dev "$work/text/general_heldout.jsonl" \
    --mode full --seq-length 512 --batch-sequences 8 --tokens-per-batch 4096 --epochs 0 \
    --mlm-probability 0.2 --dropout 0 --attention-dropout 0 "$@"
}

# The first phase is the start of a linear schedule of 16,000 steps, stopped (SIGUSR1) after step 6,593; the second starts
# from its last weights with fresh moments and lets the learning rate fall to 0.
phase first "$work/init" --max-steps 16000 --lr 1.5e-3 --warmup-ratio 0.05 --eval-every 1000 &
first=$!
log=$work/first/log.jsonl
while kill -0 $first 2>/dev/null; do
  sleep 1
  if [ -f "$log" ] && tail -n 1 "$log" | grep -qE '"step":6(59[3-9]|[6-9][0-9][0-9]),'; then
    kill -USR1 "$(pgrep -P $first dapt_train || echo $first)"
    break
  fi
done
wait $first || [ $? -eq 75 ]
phase second "$work/first/model/last" --max-steps 4400 --lr 9.6e-4 --warmup-ratio 0.02 --seed 43 --eval-every 1100 \
  --save-dtype bf16
# Dropout was off in pretraining alone: restores the value of the first config.
sed -i 's/\("\(hidden_dropout_prob\|attention_probs_dropout_prob\)": \)0\.0/\10.1/' "$work/second/model/best/config.json"
echo "models/encore-mini is $work/second/model/best"
