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

# Many rows: of several blocks, printed while later ones are computed, in memory that does not grow with their number.
py <<'P'
import json
texts = [json.loads(line)["text"] for name in ("tr", "dev") for line in open(name + ".jsonl")]
for name, rows in (("many", 9000), ("more", 40000)):
    with open(name + ".jsonl", "w") as stream:
        for i in range(rows):
            stream.write('{"id": %d.0, "text": %s}\n' % (i, json.dumps(texts[i % len(texts)][: 40 + i % 97])))
with open("spoilt.jsonl", "w") as stream:
    stream.write(open("many.jsonl").read() + '{"id": 9000, "txt": "no text"}\n')
P
holds "predict: rows of several blocks" "$bin/predict" --model clf/model --data many.jsonl --memory-report "${fp32[@]}"
cp out many.out
cp err many.err
holds "predict: every row once, in order, ids as they came" py <<'P'
import json
lines = open("many.out").read().splitlines()
assert len(lines) == 9000
assert all(line.startswith('{"id":%d.0,"label":' % i) for i, line in enumerate(lines))
P
tail -n 20 many.jsonl >tail.jsonl
"$bin/predict" --model clf/model --data tail.jsonl "${fp32[@]}" >tail.out 2>err
holds "predict: a row's probabilities do not depend on its block" py <<'P'
import json
part = [json.loads(line) for line in open("tail.out")]
whole = [json.loads(line) for line in open("many.out")][-20:]
for a, b in zip(part, whole, strict=True):
    assert a["id"] == b["id"]
    assert all(abs(a["probabilities"][k] - b["probabilities"][k]) < 1e-5 for k in a["probabilities"]), (a, b)
P
refuse "predict: a faulty row at the end, before any is printed" 'spoilt\.jsonl.*line 9001' \
  "$bin/predict" --model clf/model --data spoilt.jsonl
"$bin/predict" --model clf/model --data more.jsonl --memory-report "${fp32[@]}" >more.out 2>more.err &
predicting=$!
while kill -0 $predicting 2>/dev/null && [ ! -s more.out ]; do sleep 0.05; done
holds "predict: rows come while others are computed" sh -c 'n=$(wc -l <more.out); [ "$n" -gt 0 ] && [ "$n" -lt 40000 ]'
wait $predicting
holds "predict: memory does not grow with the rows" py "$bin/predict" <<'P'
import json, os, subprocess, sys
def peak(name, rows):  # MiB, of 4 kB of text a row
    with open(name, "w") as stream:
        for i in range(rows):
            stream.write(json.dumps({"text": "%d Any process that " % i + "modulates the rate " * 210}) + "\n")
    with open("out", "w") as out:
        child = subprocess.Popen([sys.argv[1], "--model", "clf/model", "--data", name, "--seq-length", "32", "--dtype", "fp32"],
                                 stdout=out, stderr=out)
        _, status, usage = os.wait4(child.pid, 0)
    assert status == 0
    return usage.ru_maxrss / 1024
few, many = peak("long_few.jsonl", 500), peak("long_many.jsonl", 15000)
assert many < few + 24, (few, many)  # 60 MB of text
P
holds "predict: says how many rows were cut" sh -c '"$1" --model clf/model --data te.jsonl --seq-length 8 2>&1 >cut.out |
  grep -q "note: 20 of 20 rows were cut to 8 tokens (--seq-length)" && [ "$(wc -l <cut.out)" -eq 20 ]' - "$bin/predict"
holds "embed: says how many rows were cut" sh -c '"$1" --model tiny --data te.jsonl --max-length 8 --output cut.npy 2>&1 >/dev/null |
  grep -q "note: 20 of 20 rows were cut to 8 tokens"' - "$bin/embed"
if command -v mpirun >/dev/null 2>&1; then
  holds "predict: two ranks print what one prints" sh -c 'mpirun -n 2 "$@" >two.out && cmp two.out many.out' - \
    "$bin/predict" --model clf/model --data many.jsonl "${fp32[@]}"
fi
