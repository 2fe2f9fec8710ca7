# shellcheck shell=bash
# Selection of text: the topic model. Sourced by end_to_end.sh.

small_topics=(--vocabulary-size 2000 --latent 10 --hidden 10 --batch-documents 256 --lr 5e-3 --epochs 3 --device cpu)
topics=("$bin/vampire_train" --train "$go/train.txt" --dev "$go/eval.txt" "${small_topics[@]}")
holds "vampire_train" "${topics[@]}" --output topics
cp out said
holds "vampire_train: says words, texts, both readings and the topics" sh -c \
  'for part in "train: [0-9,]* documents" "vocabulary: 2,000 words" "NPMI .* standard, .* vampire" "^topic "; do
     grep -q "$part" said || { echo "no $part"; exit 1; }; done'
holds "vampire_train: its folder" py <<'P'
import json, os
topics = json.load(open("topics/topics.json"))
words = json.load(open("topics/vocabulary.json"))["words"]
assert words[0] == "@@UNKNOWN@@" and words[1:] == sorted(words[1:]) and len(words) == 2001
assert len(topics["topics"]) == 10 and all(len(t["words"]) == 20 for t in topics["topics"])
lines = [json.loads(line) for line in open("topics/log.jsonl")]
epochs = [line for line in lines if "eval_loss" in line]
assert len(epochs) == 3 and epochs[-1]["epoch_nll"] < epochs[0]["epoch_nll"], epochs
assert max(e["eval_npmi_standard"] for e in epochs) == topics["npmi_standard"]
for file in ("report.html", "config.json", "model/best/model.safetensors", "model/last/model.safetensors"):
    assert os.path.getsize("topics/" + file) > 0, file
P
holds "vampire_train --sentences --tfidf, a share held out" "$bin/vampire_train" --train "$go/train.txt" \
  "${small_topics[@]}" --held-out 0.1 --sentences --tfidf --epochs 1 --output sentences
holds "report of it" "$bin/report" topics sentences --output topics.html
refuse "vampire_train: a folder that holds a run" "holds a run already" "${topics[@]}" --output topics
refuse "report: two kinds of runs" "one kind of run" "$bin/report" topics whole
: >nothing.txt
refuse "vampire_train: an empty file" "nothing.txt" "$bin/vampire_train" --train nothing.txt --output never
echo "kinase kinase" | tee one.txt >other.txt
refuse "vampire_train: a vocabulary of one word" "one word" "$bin/vampire_train" --train one.txt --dev other.txt --output never
