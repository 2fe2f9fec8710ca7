#!/usr/bin/env python3
"""What the CUDA backend will be held against, measured on one card with PyTorch and transformers.

    gpu_baseline.py [--json FILE] [--seconds N] [--dry]

Parts, most valuable first, each reported even when another fails: the card's own copy and matmul peaks; RoBERTa-base and
-large masked-LM steps (eager SDPA, and torch.compile) at 512 and 128 tokens; scaled_dot_product_attention forward and
backward (FlashAttention and cuDNN); layer_norm, gelu, cross_entropy forward and backward; fused AdamW. One JSON object,
written again after every part, so that a stopped run keeps what it had. --dry runs every part once on the CPU at tiny
shapes, to know that the script works. --seconds: no new part starts after this time (default 500).

Rates count what must move or be computed: bytes of the tensors once each, 4 S^2 D per head for attention forward and 2.5
times that backward; tokens per second are tokens of the batch by the median step.
"""
import argparse
import json
import statistics
import sys
import time


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", default="gpu_baseline.json")
    parser.add_argument("--seconds", type=float, default=500)
    parser.add_argument("--dry", action="store_true")
    return parser.parse_args()


class Bench:
    """Times a function on the device: warm-up, L2 flushed before every run, median and spread of CUDA events."""

    def __init__(self, torch, dry):
        self.torch, self.dry = torch, dry
        self.device = "cpu" if dry else "cuda"
        self.flush = None if dry else torch.empty(256 << 20, dtype=torch.uint8, device="cuda")

    def time(self, run, runs=30, flush=True):
        if self.dry:
            start = time.perf_counter()
            run()
            return {"ms": (time.perf_counter() - start) * 1e3, "runs": 1}
        torch = self.torch
        for _ in range(3):
            run()
        pairs = [(torch.cuda.Event(True), torch.cuda.Event(True)) for _ in range(runs)]
        for begin, end in pairs:
            if flush:
                self.flush.zero_()
            begin.record()
            run()
            end.record()
        torch.cuda.synchronize()
        times = sorted(begin.elapsed_time(end) for begin, end in pairs)
        return {"ms": statistics.median(times), "ms_p10": times[runs // 10], "ms_p90": times[-1 - runs // 10], "runs": runs}


def rate(timing, bytes_moved=0, flops=0):
    seconds = timing["ms"] * 1e-3
    if bytes_moved:
        timing["gb_s"] = bytes_moved / seconds * 1e-9
    if flops:
        timing["tflop_s"] = flops / seconds * 1e-12
    return timing


def peaks(torch, b):
    n = 1 << (12 if b.dry else 30)
    x = torch.empty(n, dtype=torch.uint8, device=b.device)
    y = torch.empty_like(x)
    yield "copy 1 GiB", rate(b.time(lambda: y.copy_(x), flush=False), bytes_moved=2 * n)
    shapes = [(8192, 8192, 8192), (16384, 2304, 768), (16384, 768, 768), (16384, 3072, 768), (16384, 768, 3072),
              (2464, 50304, 768), (16384, 4096, 1024)]
    for m, n, k in [(32, 32, 32)] if b.dry else shapes:
        a = torch.randn(m, k, device=b.device, dtype=torch.bfloat16)
        w = torch.randn(n, k, device=b.device, dtype=torch.bfloat16)
        yield f"matmul bf16 {m}x{n}x{k}", rate(b.time(lambda: torch.nn.functional.linear(a, w)), flops=2 * m * n * k)


def mlm_step(torch, b, transformers, large, length, batch, compiled, dropout):
    shape = dict(hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, intermediate_size=4096) if large else {}
    if b.dry:
        shape = dict(hidden_size=64, num_hidden_layers=2, num_attention_heads=2, intermediate_size=128)
    config = transformers.RobertaConfig(
        vocab_size=512 if b.dry else 50265, max_position_embeddings=514, type_vocab_size=1, layer_norm_eps=1e-5,
        attention_probs_dropout_prob=dropout, attn_implementation="sdpa", **shape)
    model = transformers.RobertaForMaskedLM(config).to(b.device).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.01, fused=True)
    ids = torch.randint(5, config.vocab_size - 1, (batch, length), device=b.device)
    labels = torch.where(torch.rand(ids.shape, device=b.device) < 0.15, ids, torch.full_like(ids, -100))
    run = torch.compile(model) if compiled else model

    def step():
        with torch.autocast(b.device, torch.bfloat16):
            loss = run(input_ids=ids, labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    timing = b.time(step, runs=10, flush=False)
    timing["tokens_per_second"] = batch * length / timing["ms"] * 1e3
    if not b.dry:
        timing["peak_gb"] = torch.cuda.max_memory_allocated() * 1e-9
        torch.cuda.reset_peak_memory_stats()
    return timing


def steps(torch, b):
    import transformers
    cases = [(False, 512, 32), (True, 512, 16), (False, 128, 128), (True, 128, 64)]
    for compiled in (False, True):
        for large, length, batch in [(False, 16, 2)] if b.dry else cases:
            for dropout in (0.1, 0.0) if not large else (0.1,):
                if b.dry and compiled:
                    continue
                name = (f"mlm step roberta-{'large' if large else 'base'} {batch}x{length} "
                        f"{'compiled' if compiled else 'eager'} attention dropout {dropout}")
                yield name, mlm_step(torch, b, transformers, large, length, batch, compiled, dropout)


def attention(torch, b):
    from torch.nn.attention import SDPBackend, sdpa_kernel
    cases = [(1, 2, 32, 16)] if b.dry else [(32, 12, 512, 64), (128, 12, 128, 64), (16, 16, 512, 64), (32, 8, 512, 128)]
    kinds = {"math": SDPBackend.MATH} if b.dry else {"flash": SDPBackend.FLASH_ATTENTION, "cudnn": SDPBackend.CUDNN_ATTENTION}
    for n, a, s, d in cases:
        for kind, backend in kinds.items():
            for p in (0.0, 0.1):
                q, k, v = (torch.randn(n, a, s, d, device=b.device, dtype=torch.bfloat16, requires_grad=True)
                           for _ in range(3))
                name = f"attention {kind} {n}x{a}x{s}x{d} dropout {p}"
                try:
                    with sdpa_kernel(backend):
                        def forward():
                            return torch.nn.functional.scaled_dot_product_attention(q, k, v, dropout_p=p)
                        flops = 4 * n * a * s * s * d
                        yield name + " forward", rate(b.time(forward), flops=flops)
                        out = forward()
                        do = torch.randn_like(out)
                        yield name + " backward", rate(
                            b.time(lambda: torch.autograd.grad(out, (q, k, v), do, retain_graph=True)),
                            flops=2.5 * flops)
                except RuntimeError as error:
                    yield name, {"refused": str(error).splitlines()[0][:120]}


def rows(torch, b):
    f = torch.nn.functional
    for r, c in [(8, 32)] if b.dry else [(16384, 768), (16384, 1024)]:
        x = torch.randn(r, c, device=b.device, dtype=torch.bfloat16, requires_grad=True)
        w, bias = (torch.ones(c, device=b.device, dtype=torch.bfloat16, requires_grad=True) for _ in range(2))
        size = r * c * 2
        yield f"layer_norm forward {r}x{c}", rate(b.time(lambda: f.layer_norm(x, (c,), w, bias)), bytes_moved=2 * size)
        y = f.layer_norm(x, (c,), w, bias)
        dy = torch.randn_like(y)
        yield f"layer_norm backward {r}x{c}", rate(
            b.time(lambda: torch.autograd.grad(y, (x, w, bias), dy, retain_graph=True)), bytes_moved=3 * size)
    for r, c in [(8, 32)] if b.dry else [(16384, 3072), (16384, 4096)]:
        x = torch.randn(r, c, device=b.device, dtype=torch.bfloat16, requires_grad=True)
        yield f"gelu forward {r}x{c}", rate(b.time(lambda: f.gelu(x)), bytes_moved=4 * r * c)
        y = f.gelu(x)
        dy = torch.randn_like(y)
        yield f"gelu backward {r}x{c}", rate(
            b.time(lambda: torch.autograd.grad(y, x, dy, retain_graph=True)), bytes_moved=6 * r * c)
    for r, c in [(8, 32)] if b.dry else [(2464, 50304), (9856, 50304)]:
        x = torch.randn(r, c, device=b.device, dtype=torch.bfloat16, requires_grad=True)
        labels = torch.randint(0, c, (r,), device=b.device)

        def both():
            return torch.autograd.grad(f.cross_entropy(x.float(), labels), x)
        yield f"cross_entropy forward + backward {r}x{c}", rate(b.time(both), bytes_moved=4 * r * c)


def adamw(torch, b):
    n = 1 << (10 if b.dry else 27)
    p = torch.nn.Parameter(torch.randn(n, device=b.device))
    p.grad = torch.randn_like(p)
    optimizer = torch.optim.AdamW([p], lr=1e-4, fused=True)
    yield f"AdamW fused fp32 {n}", rate(b.time(optimizer.step, flush=False), bytes_moved=28 * n)


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
    b = Bench(torch, a.dry)
    start = time.time()
    report = {"date": time.strftime("%Y-%m-%d"), "torch": torch.__version__, "dry": a.dry,
              "device": "cpu" if a.dry else torch.cuda.get_device_name(), "parts": {}, "failed": {}}
    for part in (peaks, steps, attention, rows, adamw):
        if time.time() - start > a.seconds:
            report["failed"][part.__name__] = "not started: out of time"
            continue
        try:
            for name, timing in part(torch, b):
                report["parts"][name] = timing
                print(f"{name:70s}", "  ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}"
                                               for k, v in timing.items()), flush=True)
                with open(a.json, "w") as out:
                    json.dump(report, out, indent=1)
                if time.time() - start > a.seconds:
                    report["failed"][part.__name__] = "stopped: out of time"
                    break
        except Exception as error:  # a part that fails must not cost the others
            report["failed"][part.__name__] = f"{type(error).__name__}: {str(error).splitlines()[0][:200]}"
            print(part.__name__, "FAILED", report["failed"][part.__name__], flush=True)
    with open(a.json, "w") as out:
        json.dump(report, out, indent=1)
    return 1 if report["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
