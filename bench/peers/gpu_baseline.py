#!/usr/bin/env python3
"""The masked-LM training step in PyTorch + transformers on one card, to compare with `--device cuda`.

    gpu_baseline.py [--json FILE] [--seconds N] [--filter REGEX] [--dry]

Most valuable first, each reported even when another fails: the card's own copy and matmul peaks and the products of
RoBERTa-base and -large; RoBERTa-base and -large steps (eager SDPA, and torch.compile) at 512 and 128 tokens, with and
without attention dropout. bench/kernels/peers.py measures single ops. One JSON object, rewritten after every entry, so that
a stopped run keeps its results. --dry runs every part once on the CPU at tiny shapes, to test the script.
--seconds: no new entry starts after this time (default 500). Tokens per second are tokens of the batch by the median step.
"""
import argparse
import json
import re
import sys
import time

import gpu_timing


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", default="gpu_baseline.json")
    parser.add_argument("--seconds", type=float, default=500)
    parser.add_argument("--filter", default="", help="entries to measure")
    parser.add_argument("--dry", action="store_true")
    return parser.parse_args()


def peaks(torch, b):
    copy, product = b.peaks()
    yield "copy", lambda: {"GB/s": copy * 1e-9}
    yield "matmul bf16 square", lambda: {"TFLOP/s": product * 1e-12}
    shapes = [(16384, 2304, 768), (16384, 768, 768), (16384, 3072, 768), (16384, 768, 3072), (2464, 50304, 768),
              (16384, 4096, 1024)]
    for m, n, k in [(32, 32, 32)] if b.tiny else shapes:
        def linear(m=m, n=n, k=k):
            a, w = (torch.randn(rows, k, device=b.name, dtype=torch.bfloat16) for rows in (m, n))
            size = 2 * (m * k + n * k + m * n)
            timing = b.time(lambda: torch.nn.functional.linear(a, w))
            return gpu_timing.with_rates(timing, (copy, product), size, 2 * m * n * k)
        yield f"matmul bf16 {m}x{n}x{k}", linear


def mlm_step(torch, b, transformers, large, length, batch, compiled, dropout):
    shape = dict(hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, intermediate_size=4096) if large else {}
    if b.tiny:
        shape = dict(hidden_size=64, num_hidden_layers=2, num_attention_heads=2, intermediate_size=128)
    config = transformers.RobertaConfig(
        vocab_size=512 if b.tiny else 50265, max_position_embeddings=514, type_vocab_size=1, layer_norm_eps=1e-5,
        attention_probs_dropout_prob=dropout, attn_implementation="sdpa", **shape)
    model = transformers.RobertaForMaskedLM(config).to(b.name).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.01, fused=True)
    ids = torch.randint(5, config.vocab_size - 1, (batch, length), device=b.name)
    labels = torch.where(torch.rand(ids.shape, device=b.name) < 0.15, ids, torch.full_like(ids, -100))
    run = torch.compile(model) if compiled else model

    def step():
        with torch.autocast(b.name, torch.bfloat16):
            loss = run(input_ids=ids, labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    timing = b.time(step, runs=10, flush=False)
    timing["tokens_per_second"] = batch * length / timing["median_us"] * 1e6
    if b.cuda:
        timing["peak_gb"] = torch.cuda.max_memory_allocated() * 1e-9
        torch.cuda.reset_peak_memory_stats()
    return timing


def steps(torch, b):
    import transformers
    # The most valuable first: a box's time may end before the last. Compiling takes a minute, an eager entry seconds.
    cases = [("base", 512, 32, 0.0, True), ("base", 512, 32, 0.0, False), ("base", 512, 32, 0.1, False)]
    cases += [("base", 128, 128, 0.1, False), ("large", 512, 16, 0.1, False), ("large", 128, 64, 0.1, False)]
    cases += [("base", 512, 32, 0.1, True), ("base", 128, 128, 0.1, True), ("large", 512, 16, 0.1, True)]
    cases += [("large", 128, 64, 0.1, True)]
    for size, length, batch, dropout, compiled in [("base", 16, 2, 0.1, False)] if b.tiny else cases:
        name = (f"mlm step roberta-{size} {batch}x{length} {'compiled' if compiled else 'eager'} "
                f"attention dropout {dropout}")
        yield name, lambda: mlm_step(torch, b, transformers, size == "large", length, batch, compiled, dropout)


def main():
    a = parse()
    try:
        import torch
    except ImportError:
        print("skipped: torch is not installed")
        return 0
    if not a.dry and not torch.cuda.is_available():
        print("skipped: no usable GPU; --dry tries the script on the CPU")
        return 0
    b = gpu_timing.Device(torch, "cpu" if a.dry else "cuda", a.dry)
    start = time.time()
    report = {"date": time.strftime("%Y-%m-%d"), "torch": torch.__version__, "dry": a.dry, "device": b.describe(),
              "parts": {}, "failed": {}}

    def save():
        with open(a.json, "w") as out:
            json.dump(report, out, indent=1)

    for part in (peaks, steps):
        try:
            for name, measure in part(torch, b):
                if not re.search(a.filter, name):
                    continue
                if time.time() - start > a.seconds:
                    report["failed"][name] = "not started: out of time"
                    continue
                try:
                    timing = report["parts"][name] = measure()
                    print(f"{name:70s}", "  ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}"
                                                   for k, v in timing.items()), flush=True)
                except Exception as error:  # an entry that fails must not end the others
                    report["failed"][name] = f"{type(error).__name__}: {str(error).splitlines()[0][:200]}"
                    print(name, "FAILED", report["failed"][name], flush=True)
                save()
        except ImportError as error:
            report["failed"][part.__name__] = str(error)
            print(part.__name__, "FAILED", error, flush=True)
    save()
    for name, why in report["failed"].items():
        print(f"{name}: {why}")
    return 1 if report["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
