#!/usr/bin/env python3
"""The ops of kernel_bench in PyTorch: the same shapes, names, bytes and flops, and the same JSON.

    peers.py [--device cuda|cpu] [--tiny] [--json FILE] [--filter REGEX] [--seconds N]

Attention by SDPA (FlashAttention, cuDNN; math on the CPU), F.linear and its two gradients, F.layer_norm, F.gelu,
F.cross_entropy, AdamW(fused=True), and torch.compile'd versions of the chains that Encore has as one op: bias + dropout +
residual + LayerNorm, bias + GELU, the loss with its gradient. "label" names the variant of an entry. Each entry is written
when it is done, so that a stopped run keeps its results; none starts after --seconds. Exit status 1 if one failed.
"""
import argparse
import json
import os
import re
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "peers"))
import gpu_timing  # noqa: E402

VOCABULARY, PADDED = 50265, 50304


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--tiny", action="store_true", help="small shapes, each once")
    parser.add_argument("--json", default="")
    parser.add_argument("--filter", default="", help="names to measure")
    parser.add_argument("--seconds", type=float, default=1e9)
    return parser.parse_args()


class Shape:
    """As in kernel_bench (bench/kernels/inputs.cpp)."""

    def __init__(self, device, tiny):
        self.tokens = 64 if tiny else 16384 if device == "cuda" else 4096
        self.targets = 16 if tiny else 2464 if device == "cuda" else 614
        self.columns = 384 if tiny else PADDED
        self.classes = 333 if tiny else VOCABULARY
        self.parameters = 10_000 if tiny else 124_697_433 if device == "cuda" else 31_000_000
        self.models = [("tiny", 64, 128, 2)] if tiny else [("base", 768, 3072, 12), ("large", 1024, 4096, 16)]
        self.lengths = [32] if tiny else [512, 128]


# Each yields (name, label, function that sets up and returns (run, bytes, flops[, prepare])).

def attention(torch, d, s):
    from torch.nn.attention import SDPBackend, sdpa_kernel
    ways = {"flash": SDPBackend.FLASH_ATTENTION, "cudnn": SDPBackend.CUDNN_ATTENTION} if d.cuda else {
        "math": SDPBackend.MATH}
    for model, hidden, _, heads in s.models:
        for length in s.lengths:
            for p in (0.0, 0.1):
                for way, backend in ways.items():
                    def tensors():
                        shape = (s.tokens // length, heads, length, hidden // heads)
                        return [torch.randn(shape, device=d.name, dtype=torch.bfloat16, requires_grad=True)
                                for _ in range(3)]

                    def attend(q, k, v, backend=backend, p=p):
                        with sdpa_kernel(backend):
                            return torch.nn.functional.scaled_dot_product_attention(q, k, v, dropout_p=p)

                    flops = 4 * s.tokens * length * hidden
                    row = s.tokens * hidden * 2
                    lse = s.tokens * heads * 4

                    def forward(attend=attend, tensors=tensors, flops=flops, row=row, lse=lse):
                        q, k, v = tensors()
                        return lambda: attend(q, k, v), 4 * row + lse, flops

                    def backward(attend=attend, tensors=tensors, flops=flops, row=row, lse=lse):
                        q, k, v = tensors()
                        out = attend(q, k, v)
                        dout = torch.randn_like(out)
                        return (lambda: torch.autograd.grad(out, (q, k, v), dout, retain_graph=True), 8 * row + lse,
                                2.5 * flops)
                    where = f"{model}/{length}/bf16/{'p=0.1' if p else 'p=0'}"
                    yield f"attention_forward/{where}", way, forward
                    yield f"attention_backward/{where}", way, backward


def products(torch, d, s):
    def new(*shape):
        return torch.randn(shape, device=d.name, dtype=torch.bfloat16)

    for model, hidden, inner, _ in s.models:
        for part, rows, n, k in (("qkv", s.tokens, 3 * hidden, hidden), ("attention_output", s.tokens, hidden, hidden),
                                 ("ffn_in", s.tokens, inner, hidden), ("ffn_out", s.tokens, hidden, inner),
                                 ("decoder", s.targets, s.columns, hidden)):
            flops = 2 * rows * n * k
            size = 2 * (rows * k + n * k + rows * n)

            def forward(rows=rows, n=n, k=k, size=size, flops=flops):
                x, w, bias = new(rows, k), new(n, k), new(n)
                return lambda: torch.nn.functional.linear(x, w, bias), size, flops

            def by_input(rows=rows, n=n, k=k, size=size, flops=flops):
                dy, w = new(rows, n), new(n, k)
                return lambda: dy @ w, size, flops

            def by_weight(rows=rows, n=n, k=k, size=size, flops=flops):
                dy, x = new(rows, n), new(rows, k)
                return lambda: dy.t() @ x, size, flops
            yield f"linear_forward/{model}/{part}/bf16", "F.linear", forward
            yield f"linear_backward_input/{model}/{part}/bf16", "matmul", by_input
            yield f"linear_backward_weight/{model}/{part}/bf16", "matmul (bf16 result)", by_weight


def forward_and_backward(torch, name, label, forward_bytes, backward_bytes, make):
    """make() gives the function and its inputs that need gradients; the gradient of its result is random."""
    def forward():
        f, inputs = make()
        return lambda: f(*inputs), forward_bytes, 0

    def backward():
        f, inputs = make()
        y = f(*inputs)
        dy = torch.randn_like(y)
        return lambda: torch.autograd.grad(y, inputs, dy, retain_graph=True), backward_bytes, 0
    op, where = name
    yield f"{op}_forward/{where}", label, forward
    yield f"{op}_backward/{where}", label, backward


def rows(torch, d, s, compiled):
    f = torch.nn.functional
    wrap = (lambda g: torch.compile(g, dynamic=False)) if compiled else (lambda g: g)

    def new(*shape):
        return torch.randn(shape, device=d.name, dtype=torch.bfloat16, requires_grad=True)

    for model, hidden, inner, _ in s.models:
        row, wide = s.tokens * hidden * 2, s.tokens * inner * 2
        stats = s.tokens * 8
        if not compiled:
            def plain(hidden=hidden):
                return (lambda x, w, b: f.layer_norm(x, (hidden,), w, b)), [new(s.tokens, hidden), new(hidden), new(hidden)]
            yield from forward_and_backward(torch, ("layernorm", f"{model}/bf16/plain"), "F.layer_norm", 2 * row + stats,
                                            3 * row + stats, plain)

        def gelu(inner=inner):
            return wrap(lambda x, b: f.gelu(x + b)), [new(s.tokens, inner), new(inner)]
        yield from forward_and_backward(torch, ("gelu", f"{model}/bf16"), "compiled" if compiled else "F.gelu", 2 * wide,
                                        3 * wide, gelu)
        for p in (0.0, 0.1):
            def fused(hidden=hidden, p=p):
                def chain(x, bias, residual, w, b):
                    return f.layer_norm(f.dropout(x + bias, p) + residual, (hidden,), w, b)
                return wrap(chain), [new(s.tokens, hidden), new(hidden), new(s.tokens, hidden), new(hidden), new(hidden)]
            where = f"{model}/bf16/fused/{'p=0.1' if p else 'p=0'}"
            yield from forward_and_backward(torch, ("layernorm", where), "compiled" if compiled else "eager chain",
                                            4 * row + stats, 4 * row + stats, fused)


def losses(torch, d, s, compiled):
    def both():
        logits = torch.randn(s.targets, s.columns, device=d.name, dtype=torch.bfloat16, requires_grad=True)
        labels = torch.randint(0, s.classes, (s.targets,), device=d.name)

        def loss(x):
            return torch.nn.functional.cross_entropy(x.float(), labels)
        of = torch.compile(loss, dynamic=False) if compiled else loss
        return lambda: torch.autograd.grad(of(logits), logits), 4 * s.targets * s.columns, 0
    yield "cross_entropy/bf16", "compiled" if compiled else "F.cross_entropy", both


def adamw(torch, d, s):
    def fused():
        p = torch.nn.Parameter(torch.randn(s.parameters, device=d.name))
        p.grad = torch.randn_like(p)
        optimizer = torch.optim.AdamW([p], lr=1e-4, fused=True)
        return optimizer.step, 28 * s.parameters, 0
    yield "adamw/fp32", "AdamW(fused=True)", fused


def parts(torch, device, shape):
    yield from attention(torch, device, shape)
    for compiled in (False, True):
        yield from rows(torch, device, shape, compiled)
        yield from losses(torch, device, shape, compiled)
        if not compiled:
            yield from adamw(torch, device, shape)
            yield from products(torch, device, shape)


def main():
    a = parse()
    try:
        import torch
        import torch._functorch.config
    except ImportError:
        print("skipped: torch is not installed")
        return 0
    if a.device == "cuda" and not torch.cuda.is_available():
        print("skipped: no usable GPU for PyTorch; --device cpu --tiny tries the script")
        return 0
    torch._functorch.config.donated_buffer = False  # backward passes are run again and again over one graph
    begun = time.time()
    device = gpu_timing.Device(torch, a.device, a.tiny)
    peaks = device.peaks()
    report = {"context": {"date": time.strftime("%Y-%m-%dT%H:%M:%S"), "executable": "bench/kernels/peers.py",
                          "library": f"torch {torch.__version__}", "device": device.describe(),
                          "copy_gb_s": f"{peaks[0] * 1e-9:.1f}", "matmul_bf16_tflop_s": f"{peaks[1] * 1e-12:.4f}"},
              "benchmarks": []}
    failed = 0
    for name, label, make in parts(torch, device, Shape(a.device, a.tiny)):
        if not re.search(a.filter, name):
            continue
        entry = {"name": name, "run_name": name, "label": label}
        if time.time() - begun > a.seconds:
            report["context"]["stopped"] = f"out of time before {name} ({label})"
            print(report["context"]["stopped"])
            break
        try:
            run, bytes_moved, flops = make()
            timing = device.time(run)
            entry.update(iterations=1, real_time=timing["median_us"], time_unit="us",
                         **gpu_timing.with_rates(timing, peaks, bytes_moved, flops))
            print(f"{name:55s} {label:22s} {timing['median_us']:10.1f} us  {timing['GB/s']:8.1f} GB/s"
                  + (f"  {timing['TFLOP/s']:8.2f} TFLOP/s" if flops else ""), flush=True)
        except Exception as error:  # a kernel that PyTorch lacks must not end the others
            entry.update(error_occurred=True, error_message=f"{type(error).__name__}: {str(error).splitlines()[0][:150]}")
            refused = "No available kernel" in str(error)  # SDPA's warnings about backends that it cannot use here
            failed += not refused
            print(f"{name:55s} {label:22s} {'not served' if refused else 'FAILED'}: {entry['error_message']}", flush=True)
        report["benchmarks"].append(entry)
        if a.json:
            with open(a.json, "w") as out:
                json.dump(report, out, indent=1)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
