# shellcheck shell=bash
# Uses of a model: evaluation, fine-tuning, prediction. Sourced by end_to_end.sh after training.sh. Leaves the classifier
# `clf` and rows tr.jsonl, dev.jsonl, te.jsonl.

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
# Two kinds of definitions that differ in a few words.
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
