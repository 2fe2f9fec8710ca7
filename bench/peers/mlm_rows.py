"""The masked-LM rows: mlm_step.py against mlm_step_bench (8 x 512) or dapt_train (real sequences)."""
import json
import os
import re
import shutil
import statistics
import subprocess
import sys

import peers

SEQUENCES = 256
SECONDS = float(os.environ.get("ENCORE_PEERS_SECONDS", "1e9"))
BATCHES = [int(n) for n in os.environ.get("ENCORE_PEERS_BATCHES", "16,32").split(",")]


def peer_step(*arguments):
    """Runs mlm_step.py in a separate process, which gives its own peak memory."""
    here = os.path.dirname(os.path.abspath(__file__))
    peers.say("peer: mlm_step.py " + " ".join(arguments))
    done = subprocess.run([sys.executable, f"{here}/mlm_step.py", *arguments], stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"mlm_step.py {' '.join(arguments)}: exit code {done.returncode}")
    result = json.loads(done.stdout.splitlines()[-1])
    result["value"] = result["tokens_per_second"]
    result["who"] += (", compiled" if result["compiled"] else ", eager") + \
        (", bf16 autocast" if result["dtype"] == "bf16" else ", fp32")
    peers.say(f"  {result['value']:.0f} tokens/s, {result['peak_rss_gb']:.1f} GB")
    return result


def best_peer_step(*arguments, dtypes=("bf16", "fp32")):
    """The peer in the fastest of the dtypes; "also" holds the rates of the others."""
    sides = sorted((peer_step("--dtype", dtype, *arguments) for dtype in dtypes), key=lambda side: -side["value"])
    sides[0]["also"] = {side["dtype"]: side["value"] for side in sides[1:]}
    return sides[0]


def run_measured(*command):
    """Runs a program; returns (standard output, largest resident memory in GB)."""
    peers.say("Encore: " + " ".join(map(str, command)))
    process = subprocess.Popen([str(c) for c in command], stdout=subprocess.PIPE, text=True)
    text = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{command[0]}: exit code {process.returncode}")
    return text, usage.ru_maxrss * 1024 / 1e9


def long_sequences(row, title, compiled, must, aim, memory_must=None, dtype=None):
    """8 x 512 random tokens a step. dtype: of both sides; else each side's fastest."""
    peers.need(row, "torch", "transformers")
    peer = best_peer_step("--steps", "3", "--seconds", str(SECONDS), *(["--compile"] if compiled else []),
                          dtypes=[dtype] if dtype else ["bf16", "fp32"])
    own = dtype or peers.fast_dtype()
    text, peak = run_measured(peers.program("mlm_step_bench"), "--shape", "base", "--dtype", own, "--sequences", "8",
                              "--length", "512", "--steps", "3")
    encore = {"value": float(re.search(r"8 x 512: (\d+) tokens/s", text).group(1)), "who": f"mlm_step_bench --dtype {own}",
              "device": text.splitlines()[0], "peak_rss_gb": peak}
    peers.emit(row, title, "tokens/s", peer, encore, must=must, aim=aim)
    if memory_must:
        gb = [{"value": side["peak_rss_gb"], "who": side["who"]} for side in (peer, encore)]
        peers.emit(row + "_memory", title + ": peak resident memory", "GB", *gb, better="lower", must=memory_must)


def roberta_base(row):
    """A RoBERTa-base-shaped model with fresh weights."""
    tokenizer = peers.data(row, "tokenizer/roberta-base")
    folder = peers.WORK / "roberta-base"
    if not (folder / "model.safetensors").exists():
        shutil.rmtree(folder, ignore_errors=True)
        peers.WORK.mkdir(parents=True, exist_ok=True)
        peers.run(peers.program("init_model"), "--config", "roberta-base", "--tokenizer", tokenizer, "--output", folder)
    return folder


def short_sequences(row, title, by_length, must, aim):
    """citation_intent: each side sees the same 256 sequences, once (the peer) or twice; a line for each batch size."""
    transformers = peers.need(row, "torch", "transformers")[1]
    rows = peers.read_rows(peers.data(row, "tasks/citation_intent/train.jsonl.zst"))[:SEQUENCES]
    model = roberta_base(row)
    texts = [r["text"] for r in rows]
    ids = peers.WORK / "citation_intent.ids.json"
    ids.write_text(json.dumps(transformers.AutoTokenizer.from_pretrained(model)(texts)["input_ids"]))
    for batch in BATCHES:
        peer = best_peer_step("--sequences", str(ids), "--batch", str(batch), "--steps", str(SEQUENCES // batch),
                              "--seconds", str(SECONDS / len(BATCHES)), *(["--sorted"] if by_length else []))
        encore = packed_sequences(peers.WORK / row, model, texts, batch)
        peers.emit(f"{row}_{batch}", f"{title}, batches of {batch}", "tokens/s", peer, encore, must=must, aim=aim)


def packed_sequences(folder, model, texts, batch):
    """dapt_train over the texts, one sequence each: the rate of all steps but the first."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "train.jsonl").write_text("".join(json.dumps({"text": t}) + "\n" for t in texts))
    text, peak = run_measured(
        peers.program("dapt_train"), "--model", model, "--train", folder / "train.jsonl", "--output", folder / "run",
        "--mode", "truncate", "--batch-sequences", str(batch), "--epochs", "2", "--held-out", "0", "--cache-dir",
        folder / "cache", "--save-minutes", "0", "--log-seconds", "1000")
    steps = [json.loads(line) for line in open(folder / "run" / "log.jsonl")]
    steps = [s for s in steps if "tokens_per_second" in s][1:]  # the first makes kernels and touches memory
    shutil.rmtree(folder)
    seconds = [s["tokens"] / s["tokens_per_second"] for s in steps]
    return {"value": sum(s["tokens"] for s in steps) / sum(seconds), "who": "dapt_train --mode truncate, packed",
            "device": next((line for line in text.splitlines() if line.startswith("cpu:")), ""), "batch": batch,
            "steps": len(steps), "seconds_per_step": statistics.median(seconds), "peak_rss_gb": peak}
