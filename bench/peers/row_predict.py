"""Classifying citation_intent with a RoBERTa-base-shaped model: the `predict` program against a transformers pipeline and
ONNX Runtime, each from text to probabilities.

The peers' clocks start after model and libraries are loaded and one batch has run; Encore's time is the whole program's,
start and model loading included. The pipeline takes the better of one row and 16 rows at a time. ONNX Runtime gets the
model through torch.onnx and its own transformer optimizer (fused attention, layer norms and GELU), rows sorted by length,
and the best of 1, 8 and 16 at a time; it computes in fp32, since it has no bf16 kernels on CPUs, and is not quantised,
which would change the answers. Encore runs in fp32 and in the dtype of `--dtype auto`, the pipeline in fp32 (its default
for this checkpoint) and bf16; the first row takes the faster of each. The probabilities of both sides are compared. ENCORE_PEERS_ROWS:
the number of rows of the task (256).
"""
import json
import os
import shutil
import time

import mlm_rows
import peers

ROW = "predict"
torch, transformers, np = peers.need(ROW, "torch", "transformers", "numpy")


def classifier(labels):
    """A folder with a random classifier and its tokenizer."""
    base = mlm_rows.roberta_base(ROW)
    folder = peers.WORK / "roberta-base-classifier"
    if not (folder / "model.safetensors").exists():
        torch.manual_seed(1)
        config = transformers.AutoConfig.from_pretrained(
            base, num_labels=len(labels), id2label=dict(enumerate(labels)), label2id={n: i for i, n in enumerate(labels)})
        model = transformers.RobertaForSequenceClassification(config)
        with torch.no_grad():  # else all rows look alike
            model.classifier.out_proj.weight.mul_(40)
        model.save_pretrained(folder)
        for file in ("vocab.json", "merges.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
            if (base / file).exists():
                shutil.copy(base / file, folder / file)
    return folder


def pipeline_side(folder, texts, dtype, probe):
    best = None
    for batch in (1, 16):
        pipe = transformers.pipeline("text-classification", model=str(folder), dtype=dtype, batch_size=batch, top_k=None,
                                     device="cpu")
        pipe(texts[:batch])
        start = time.perf_counter()
        out = pipe(texts[:probe])
        seconds = time.perf_counter() - start
        peers.say(f"pipeline {dtype} batch {batch}: {probe / seconds:.1f} rows/s")
        if best is None or probe / seconds > best["value"]:
            best = {"value": probe / seconds, "batch": batch, "rows": probe, "seconds": seconds,
                    "who": f"transformers {transformers.__version__} pipeline, {str(dtype).split('.')[-1]}"}
            answers = [{a["label"]: a["score"] for a in row} for row in out]
    return best, answers


def onnx_session(folder):
    ort, optimizer = peers.need(ROW, "onnxruntime", "onnxruntime.transformers.optimizer")
    file = peers.WORK / "classifier.onnx"
    if not file.exists():
        model = transformers.RobertaForSequenceClassification.from_pretrained(folder, attn_implementation="eager").eval()
        model.config.return_dict = False
        ids = torch.ones(2, 8, dtype=torch.long) * 5
        plain = peers.WORK / "classifier.plain.onnx"
        torch.onnx.export(model, (ids, torch.ones_like(ids)), str(plain), input_names=["input_ids", "attention_mask"],
                          output_names=["logits"], opset_version=17, dynamo=False,
                          dynamic_axes={n: {0: "batch", 1: "length"} for n in ("input_ids", "attention_mask")})
        fused = optimizer.optimize_model(str(plain), model_type="bert", num_heads=12, hidden_size=768, opt_level=0)
        peers.say(f"ONNX fusions: {fused.get_fused_operator_statistics()}")
        fused.save_model_to_file(str(file))
        plain.unlink()
    options = ort.SessionOptions()
    options.intra_op_num_threads = peers.THREADS
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    return ort, ort.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])


def onnx_side(folder, texts, labels, probe):
    ort, session = onnx_session(folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    best = None
    for batch in (1, 8, 16):
        def classify(part):
            ids = tokenizer(part)["input_ids"]
            order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
            answers = [None] * len(ids)
            for first in range(0, len(order), batch):
                rows = order[first:first + batch]
                padded = tokenizer.pad({"input_ids": [ids[i] for i in rows]}, return_tensors="np")
                logits, = session.run(None, {"input_ids": padded["input_ids"], "attention_mask": padded["attention_mask"]})
                e = np.exp(logits - logits.max(1, keepdims=True))
                for i, p in zip(rows, e / e.sum(1, keepdims=True)):
                    answers[i] = dict(zip(labels, map(float, p)))
            return answers
        classify(texts[:batch])
        start = time.perf_counter()
        out = classify(texts[:probe])
        seconds = time.perf_counter() - start
        peers.say(f"ONNX Runtime batch {batch}: {probe / seconds:.1f} rows/s")
        if best is None or probe / seconds > best["value"]:
            best = {"value": probe / seconds, "batch": batch, "rows": probe, "seconds": seconds,
                    "who": f"onnxruntime {ort.__version__}, fp32"}
            answers = out
    return best, answers


def encore_side(folder, data, rows, dtype):
    """The fastest of three runs, as each peer has the fastest of two or three batch sizes."""
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        text, peak = mlm_rows.run_measured(peers.program("predict"), "--model", folder, "--data", data, "--dtype", dtype)
        seconds.append(time.perf_counter() - start)
        peers.say(f"Encore {dtype}: {rows / seconds[-1]:.1f} rows/s")
    picked = peers.fast_dtype() if dtype == "auto" else "fp32"
    return {"value": rows / min(seconds), "who": f"predict --dtype {dtype} ({picked})", "dtype": picked, "rows": rows,
            "seconds": min(seconds), "peak_rss_gb": peak}, [json.loads(line)["probabilities"] for line in text.splitlines()]


def farthest(a, b):
    return max(abs(x[label] - y[label]) for x, y in zip(a, b) for label in x)


def main():
    task = peers.read_rows(peers.data(ROW, "tasks/citation_intent/train.jsonl.zst"))
    labels = sorted({r["label"] for r in task})
    texts = [r["text"] for r in task][:int(os.environ.get("ENCORE_PEERS_ROWS", 256))]
    probe = min(len(texts), int(os.environ.get("ENCORE_PEERS_PROBE", len(texts))))  # rows of the peers' share
    torch.set_num_threads(peers.THREADS)
    folder = classifier(labels)
    data = peers.WORK / "predict.jsonl"
    data.write_text("".join(json.dumps({"text": t}) + "\n" for t in texts))
    fp32, p32 = encore_side(folder, data, len(texts), "fp32")
    auto, pauto = encore_side(folder, data, len(texts), "auto")
    with torch.inference_mode():
        pipe32, q32 = pipeline_side(folder, texts, torch.float32, probe)
        pipe16, _ = pipeline_side(folder, texts, torch.bfloat16, probe)
    onnx, qonnx = onnx_side(folder, texts, labels, probe)
    agree = {"farthest_probability": {"fp32 and pipeline": farthest(q32, p32), "fp32 and ONNX": farthest(qonnx, p32),
                                      "auto and fp32": farthest(pauto, p32)}}
    peers.say(json.dumps(agree))
    if max(agree["farthest_probability"]["fp32 and pipeline"], agree["farthest_probability"]["fp32 and ONNX"]) > 1e-3:
        raise SystemExit("predict: the sides do not compute the same probabilities")
    title = "predict, citation_intent, "
    pipe = max(pipe32, pipe16, key=lambda side: side["value"])
    pipe["also"] = {side["who"]: side["value"] for side in (pipe32, pipe16) if side is not pipe}
    peers.emit("predict", title + "each side's fastest dtype", "rows/s", pipe, auto, must=2, **agree)
    peers.emit("predict_fp32", title + "fp32 against pipeline fp32", "rows/s", pipe32, fp32, must=2, **agree)
    peers.emit("predict_onnx", title + f"{auto['dtype']} against ONNX Runtime fp32", "rows/s", onnx, auto, must=1, **agree)
    peers.emit("predict_onnx_fp32", title + "fp32 against ONNX Runtime fp32", "rows/s", onnx, fp32, must=1, **agree)


main()
