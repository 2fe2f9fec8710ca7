"""One epoch of fine-tuning on citation_intent, batches of 16, RoBERTa-base shape: the `finetune` program against a loop
like that of transformers' Trainer (dynamic padding, AdamW, linear schedule, clipping at 1), in bf16 autocast or fp32,
whichever is faster.

Rates are rows a second of the training steps after the first, on both sides; Encore's come from its --profile. The peer
stops after ENCORE_PEERS_SECONDS at the latest (rows are in random order, so part of an epoch has the rate of all).
ENCORE_PEERS_ROWS: fewer rows of the task.
"""
import json
import os
import random
import re
import shutil
import time

import mlm_rows
import peers

ROW, BATCH = "finetune", 16
torch, transformers = peers.need(ROW, "torch", "transformers")


def peer_rate(model_dir, rows, dtype):
    labels = sorted({r["label"] for r in rows})
    torch.manual_seed(0)
    torch.set_num_threads(peers.THREADS)
    tokenizer = transformers.AutoTokenizer.from_pretrained(model_dir)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(
        model_dir, num_labels=len(labels), attn_implementation="sdpa").train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-5, weight_decay=0.1, fused=True)
    order = list(rows)
    random.Random(0).shuffle(order)
    steps = [order[i:i + BATCH] for i in range(0, len(order), BATCH)]
    schedule = transformers.get_linear_schedule_with_warmup(optimizer, int(0.06 * len(steps)), len(steps))
    limit = float(os.environ.get("ENCORE_PEERS_SECONDS", "1e9")) / 2  # of each dtype
    done, start = 0, None
    for i, part in enumerate(steps):
        batch = tokenizer([r["text"] for r in part], padding=True, return_tensors="pt")
        batch["labels"] = torch.tensor([labels.index(r["label"]) for r in part])
        with torch.autocast("cpu", torch.bfloat16, enabled=dtype == "bf16"):
            loss = model(**batch).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad(set_to_none=True)
        loss.item()
        if start is None:
            start = time.perf_counter()
            continue
        done += len(part)
        if time.perf_counter() - start > limit:
            break
    seconds = time.perf_counter() - start
    precision = "bf16 autocast" if dtype == "bf16" else "fp32"
    return {"value": done / seconds, "who": f"{peers.versions(torch, transformers)}, eager, {precision}", "dtype": dtype,
            "rows": done, "seconds": seconds}


def encore_rate(model_dir, rows):
    folder = peers.WORK / ROW
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, part in (("train", rows), ("dev", rows[:16])):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(r) + "\n" for r in part))
    start = time.perf_counter()
    text, peak = mlm_rows.run_measured(
        peers.program("finetune"), "--model", model_dir, "--train", folder / "train.jsonl", "--dev", folder / "dev.jsonl",
        "--output", folder / "run", "--epochs", "1", "--batch-size", BATCH, "--profile")
    program = time.perf_counter() - start
    epoch = json.loads((folder / "run" / "log.jsonl").read_text().splitlines()[0])
    shutil.rmtree(folder)
    steps, seconds = re.search(r"^step: (\d+) of (\S+) s after the first", text, re.M).groups()
    measured = min(int(steps) * BATCH, len(rows) - BATCH)  # the last step may be short
    return {"value": measured / (int(steps) * float(seconds)), "who": "finetune (dtype auto)", "rows": measured,
            "device": next((line for line in text.splitlines() if line.startswith("cpu:")), ""),
            "epoch_seconds": epoch["seconds"], "program_seconds": program, "peak_rss_gb": peak}


def main():
    rows = [{"text": r["text"], "label": r["label"]}
            for r in peers.read_rows(peers.data(ROW, "tasks/citation_intent/train.jsonl.zst"))]
    rows = rows[:int(os.environ.get("ENCORE_PEERS_ROWS", len(rows)))]
    model = mlm_rows.roberta_base(ROW)
    encore = encore_rate(model, rows)
    peers.say(f"Encore: {encore['value']:.1f} rows/s")
    sides = sorted((peer_rate(model, rows, dtype) for dtype in ("bf16", "fp32")), key=lambda side: -side["value"])
    peer = {**sides[0], "also": {sides[1]["dtype"]: sides[1]["value"]}}
    peers.say(f"peer: {peer['value']:.1f} rows/s")
    peers.emit(ROW, "finetune, citation_intent, batch 16", "rows/s", peer, encore, must=3, aim=4)


main()
