# shellcheck shell=bash
# The text near a task: chosen, trained on, reported, killed and gone on with. Sourced by end_to_end.sh after uses.sh.

head -n 40 "$go/train.txt" >task.txt
sed -n '30,1500p' "$go/train.txt" >domain.txt
select=("$bin/select_data" --task task.txt --domain domain.txt --sentences --threads 2 --device cpu)
holds "select_data by TF-IDF" "${select[@]}" --k 1,3 --near-duplicates 0.8 --output near
holds "its corpora, one the beginning of the other" sh -c \
  'n=$(wc -l <near/1nn.jsonl) && [ "$n" -gt 40 ] && head -n "$n" near/3nn.jsonl | cmp - near/1nn.jsonl'
holds "select_data at random" "${select[@]}" --method rand --count 100 --output rand
holds "select_data by DSIR" "${select[@]}" --method dsir --count 100 --output dsir
holds "report of a selection" "$bin/report" near
holds "dapt_train on what was chosen" "$bin/dapt_train" --model tiny --train near/3nn.jsonl --output near-run \
  --max-steps 2 --batch-sequences 4 --seq-length 64
refuse "a folder that is not empty" 'near' "${select[@]}" --k 1 --output near
refuse "more neighbours than passages" '--k 100000' "${select[@]}" --k 100000 --output never
if [ -f "$bin/../lib/libencore_faiss.so" ]; then
  # Killed at many moments, it goes on with the vectors that are on the disk, and ends with the same bytes.
  by_model=("${select[@]}" --embedding model --model tiny --dtype fp32 --k 3)
  holds "select_data by a model" "${by_model[@]}" --output by-model
  for after in 0.1 0.3 0.6 1 1.5; do
    rm -f cache/*.vectors
    timeout -s KILL "$after" "${by_model[@]}" --output went-on >/dev/null 2>&1
    [ ! -e went-on ] || break
  done
  rm -rf went-on
  holds "select_data after kill -9" "${by_model[@]}" --output went-on
  holds "the same corpus" cmp by-model/3nn.jsonl went-on/3nn.jsonl
  # A program whose library is elsewhere says so, and needs it for vectors alone.
  mkdir alone && cp "$bin/select_data" alone/ &&
    refuse "select_data without faiss" 'libencore_faiss\.so is not beside the program' alone/select_data \
      "${by_model[@]:1}" --output never
fi
