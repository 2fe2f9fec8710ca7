# shellcheck shell=bash
# Bad input: exit code 2, nothing on standard output, one line. Sourced by end_to_end.sh after uses.sh.

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

# variant NAME: makes a copy of the tiny model to spoil.
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
