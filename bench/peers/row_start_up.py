#!/usr/bin/env python3
"""Time from the start of the program to its first step, on a gigabyte of text that has been tokenized before:
`dapt_train` with its token cache, against Hugging Face `datasets` with its cached map.

    bench/peers/row_start_up.py             both sides (the peer's first map of a gigabyte takes a quarter of an hour)
    bench/peers/row_start_up.py --bytes N   of text instead of 10^9

Encore's time is that of the whole process up to the line of step 1 in log.jsonl, minus the first evaluation and the step
itself; it includes loading a small model. The peer's time is from load_dataset to the first collated batch, without
imports (listed separately), as in transformers' run_mlm.py: map with tokenizer and grouping into 512 tokens.
"""
import argparse
import json
import pathlib
import shutil
import statistics
import subprocess
import sys
import time

import peers

ROW = "start_up"
PARTS = ["general", "news", "reviews", "cs", "biomed"]
RUNS = 5

PEER = r"""
import json, sys, time
begin = time.perf_counter()
import datasets, torch, transformers
imported = time.perf_counter()
corpus, tokenizer_dir, cache, threads = sys.argv[1:5]
datasets.disable_progress_bars()
tokenizer = transformers.RobertaTokenizerFast(tokenizer_dir + "/vocab.json", tokenizer_dir + "/merges.txt",
                                              model_max_length=10**9)
start = time.perf_counter()
def windows(batch, size=510):
    ids = [i for text in tokenizer(batch["text"], add_special_tokens=True, return_attention_mask=False)["input_ids"]
           for i in text]
    return {"input_ids": [ids[i:i + size] for i in range(0, len(ids) - size + 1, size)]}
data = datasets.load_dataset("json", data_files=corpus, split="train", cache_dir=cache)
opened = time.perf_counter()
data = data.map(windows, batched=True, remove_columns=data.column_names, num_proc=int(threads))
collate = transformers.DataCollatorForLanguageModeling(tokenizer, mlm_probability=0.15)
batch = next(iter(torch.utils.data.DataLoader(data, batch_size=32, shuffle=True, collate_fn=collate)))
done = time.perf_counter()
assert batch["input_ids"].shape == (32, 510), batch["input_ids"].shape
print(json.dumps({"seconds": done - start, "load_dataset": opened - start, "imports": imported - begin,
                  "sequences": len(data), "who": f"datasets {datasets.__version__}, map from its cache"}))
"""


def make_corpus(path, size):
    """Repeats the corpora until their texts hold `size` bytes."""
    if path.exists():
        return
    peers.say(f"start_up: writing {path}")
    rows = []
    for part in PARTS:
        rows += [row["text"] for row in peers.read_rows(peers.data(ROW, f"corpora/{part}.jsonl.zst"))]
    sizes = [len(text.encode()) for text in rows]
    lines = [json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in rows]
    total, part = 0, path.with_suffix(".part")
    with open(part, "w") as out:
        while total < size:
            for line, n in zip(lines, sizes):
                out.write(line)
                total += n
                if total >= size:
                    break
    part.rename(path)


def make_model(folder, tokenizer):
    if (folder / "config.json").exists():
        return
    config = peers.WORK / "start_up_config.json"
    config.write_text(json.dumps({
        "architectures": ["RobertaForMaskedLM"], "model_type": "roberta", "vocab_size": 50265, "hidden_size": 64,
        "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 128, "max_position_embeddings": 514,
        "type_vocab_size": 1, "layer_norm_eps": 1e-5, "hidden_act": "gelu", "pad_token_id": 1, "bos_token_id": 0,
        "eos_token_id": 2}))
    peers.run(peers.program("init_model"), "--config", config, "--tokenizer", tokenizer, "--output", folder)


def encore_start(model, corpus, evaluation, cache):
    """Seconds from exec to step 1 in the log, minus evaluation and step; whether the cache existed."""
    output = peers.WORK / "start_up_run"
    shutil.rmtree(output, ignore_errors=True)
    start = time.perf_counter()
    process = subprocess.Popen(
        [peers.program("dapt_train"), "--model", str(model), "--train", str(corpus), "--eval", str(evaluation),
         "--max-steps", "1", "--batch-sequences", "8", "--seq-length", "512", "--cache-dir", str(cache), "--output",
         str(output)], stdout=subprocess.PIPE, text=True)
    log, lines = output / "log.jsonl", []
    while not any("grad_norm" in line for line in lines):
        ended = process.poll() is not None
        time.sleep(0.002)
        text = log.read_text() if log.exists() else ""
        lines = text.split("\n")[:-1]  # what follows the last line end is being written
        if ended and "grad_norm" not in text:
            sys.exit(f"dapt_train: exit code {process.returncode} before the first step")
    wall = time.perf_counter() - start
    said, _ = process.communicate()
    rows = [json.loads(line) for line in lines]
    step = next(row for row in rows if "grad_norm" in row)
    evaluated = sum(row["eval_seconds"] for row in rows if "eval_seconds" in row and row["step"] == 0)
    return wall - evaluated - step["seconds"], wall, "tokens from the cache" in said


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--bytes", type=int, default=10**9)
    size = arguments.parse_args().bytes
    tokenizer = peers.data(ROW, "tokenizer/roberta-base")
    peers.WORK.mkdir(parents=True, exist_ok=True)
    corpus = peers.WORK / f"start_up_{size}.jsonl"
    make_corpus(corpus, size)
    evaluation = peers.WORK / "start_up_eval.jsonl"
    evaluation.write_text("".join(json.dumps({"text": row["text"]}) + "\n" for row in peers.read_rows(
        peers.data(ROW, "corpora/wikitext103_valid.jsonl.zst"))[:2]))
    model, cache = peers.WORK / "start_up_model", peers.WORK / "start_up_cache"
    make_model(model, tokenizer)

    first, _, _ = encore_start(model, corpus, evaluation, cache)
    runs = [encore_start(model, corpus, evaluation, cache) for _ in range(RUNS)]
    assert all(cached for _, _, cached in runs), "the cache was not used"
    peers.say(f"start_up: Encore {[round(r[0], 3) for r in runs]} s, the first time {first:.1f} s")

    peers.need(ROW, "datasets", "torch", "transformers")
    script = peers.WORK / "start_up_peer.py"
    script.write_text(PEER)
    peer_cache = peers.WORK / "start_up_datasets"

    def peer():
        _, out = peers.run(sys.executable, script, corpus, tokenizer, peer_cache, peers.THREADS)
        return json.loads(out.splitlines()[-1])

    peer_first = peer()
    cached = [peer() for _ in range(RUNS)]
    value = statistics.median(run["seconds"] for run in cached)
    peers.emit(ROW, f"start on a tokenized corpus of {size / 1e9:g} GB, to the first step", "s",
               peer={"value": value, "who": cached[0]["who"], "runs": [run["seconds"] for run in cached],
                     "imports": statistics.median(run["imports"] for run in cached),
                     "first_time": peer_first["seconds"]},
               encore={"value": statistics.median(run[0] for run in runs), "who": "dapt_train, token cache",
                       "runs": [run[0] for run in runs],
                       "with_evaluation_and_step": statistics.median(run[1] for run in runs), "first_time": first},
               better="lower", limit=2, bytes=size)


if __name__ == "__main__":
    main()
