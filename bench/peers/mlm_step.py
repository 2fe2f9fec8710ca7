#!/usr/bin/env python3
"""The masked-LM training step in PyTorch + transformers, to compare with Encore's CPU step.

    mlm_step.py [--dtype bf16|fp32] [--compile] [--steps N] [--seconds S] [--batch 8] [--length 512]
                [--sequences FILE [--sorted]] [--threads N] [--json FILE]

RobertaForMaskedLM of RoBERTa-base's shape with random weights, SDPA attention, dropout 0.1, 15 % of the tokens as
targets, AdamW (fused), gradient clipping at 1. bf16 is autocast, as usual. Without --sequences every step has --batch
sequences of --length random tokens; FILE is a JSON list of token ids: batches of --batch in random order, each padded to
its longest as by DataCollatorForLanguageModeling; with --sorted, batches of neighbours in length. Prints real tokens per
second (without padding) and the peak resident memory, as one JSON object. Runs at most --steps steps after the first,
which compiles and warms up, and starts none after --seconds. The rate is that of the median step if all have one shape,
else that of all steps. Needs torch and transformers; says so and ends with 0 if they are missing.
"""
import argparse
import json
import os
import random
import resource
import statistics
import sys
import time


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dtype", choices=["bf16", "fp32"], default="bf16")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1e9)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--length", type=int, default=512)
    parser.add_argument("--sequences")
    parser.add_argument("--sorted", action="store_true")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--json")
    return parser.parse_args()


def batches_of(a, torch):
    """Endless [B, S] ids and attention masks."""
    if not a.sequences:
        while True:
            ids = torch.randint(5, 50264, (a.batch, a.length))
            ids[:, 0], ids[:, -1] = 0, 2
            yield ids, torch.ones_like(ids)
    with open(a.sequences) as f:
        sequences = json.load(f)
    order = random.Random(0)
    while True:
        order.shuffle(sequences)
        if a.sorted:
            sequences.sort(key=len)
        parts = [sequences[i:i + a.batch] for i in range(0, len(sequences), a.batch)]
        order.shuffle(parts)
        for part in parts:
            ids = torch.ones(len(part), max(map(len, part)), dtype=torch.long)
            mask = torch.zeros_like(ids)
            for row, sequence in enumerate(part):
                ids[row, :len(sequence)] = torch.tensor(sequence)
                mask[row, :len(sequence)] = 1
            yield ids, mask


def main():
    a = parse()
    try:
        import torch
        import transformers
    except ImportError as missing:
        print(f"skipped: {missing.name} is not installed")
        return 0
    torch.set_num_threads(a.threads)
    torch.manual_seed(0)
    config = transformers.RobertaConfig(
        vocab_size=50265, max_position_embeddings=514, type_vocab_size=1, layer_norm_eps=1e-5,
        attn_implementation="sdpa")
    model = transformers.RobertaForMaskedLM(config).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.01, fused=True)
    run = torch.compile(model) if a.compile else model

    def step(ids, mask):
        masked = (torch.rand(ids.shape) < 0.15) & (mask == 1) & (ids > 3)
        labels = torch.where(masked, ids, torch.full_like(ids, -100))
        ids = torch.where(masked, torch.full_like(ids, 50264), ids)
        padding = {} if bool(mask.all()) else {"attention_mask": mask}
        with torch.autocast("cpu", torch.bfloat16, enabled=a.dtype == "bf16"):
            loss = run(input_ids=ids, labels=labels, **padding).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return float(loss.detach())

    times, tokens = [], []
    warm = 1
    begin = time.perf_counter()
    for i, (ids, mask) in enumerate(batches_of(a, torch)):
        if len(times) == a.steps or (times and time.perf_counter() - begin > a.seconds):
            break
        start = time.perf_counter()
        loss = step(ids, mask)
        if i >= warm:
            times.append(time.perf_counter() - start)
            tokens.append(int(mask.sum()))
    seconds = statistics.median(times)
    result = {
        "who": "torch " + torch.__version__ + ", transformers " + transformers.__version__,
        "dtype": a.dtype, "compiled": a.compile, "batch": a.batch, "length": None if a.sequences else a.length,
        "sorted": a.sorted, "threads": a.threads, "steps": len(times), "seconds_per_step": seconds,
        "tokens_per_second": sum(tokens) / sum(times) if a.sequences else tokens[0] / seconds, "loss": loss,
        "peak_rss_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9,
    }
    text = json.dumps(result)
    print(text)
    if a.json:
        with open(a.json, "w") as out:
            out.write(text + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
