#!/usr/bin/env python3
"""The masked-LM training step in PyTorch + transformers: what Encore's CPU step is held against.

    mlm_step.py [--dtype bf16|fp32] [--compile] [--steps N] [--batch 8] [--length 512] [--threads N] [--json FILE]

RobertaForMaskedLM of RoBERTa-base's shape with random weights, SDPA attention, dropout 0.1, 15 % of the tokens as
targets, AdamW (fused), gradient clipping at 1. bf16 is autocast, as people run it. Prints tokens per second of the
median step (after one warm-up step, two when compiled) and the peak resident memory, as one JSON object.
Needs torch and transformers; says so and ends with 0 where they are missing.
"""
import argparse
import json
import os
import resource
import statistics
import sys
import time


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dtype", choices=["bf16", "fp32"], default="bf16")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--length", type=int, default=512)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--json")
    a = parser.parse_args()
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
    ids = torch.randint(5, 50264, (a.batch, a.length))
    ids[:, 0], ids[:, -1] = 0, 2
    labels = torch.where(torch.rand(ids.shape) < 0.15, ids, torch.full_like(ids, -100))
    ids = torch.where(labels >= 0, torch.full_like(ids, 50264), ids)
    run = torch.compile(model) if a.compile else model

    def step():
        with torch.autocast("cpu", torch.bfloat16, enabled=a.dtype == "bf16"):
            loss = run(input_ids=ids, labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return float(loss.detach())

    times = []
    warm = 2 if a.compile else 1
    for i in range(warm + a.steps):
        start = time.perf_counter()
        loss = step()
        if i >= warm:
            times.append(time.perf_counter() - start)
    seconds = statistics.median(times)
    result = {
        "who": "torch " + torch.__version__ + ", transformers " + transformers.__version__,
        "dtype": a.dtype, "compiled": a.compile, "batch": a.batch, "length": a.length, "threads": a.threads,
        "seconds_per_step": seconds, "tokens_per_second": a.batch * a.length / seconds, "loss": loss,
        "peak_rss_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
    }
    text = json.dumps(result)
    print(text)
    if a.json:
        with open(a.json, "w") as out:
            out.write(text + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
