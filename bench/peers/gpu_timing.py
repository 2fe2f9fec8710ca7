"""Times PyTorch on a device: warm-up, caches emptied before every run, median and spread. Uses CUDA events on a card and
the clock on the CPU. The C++ side is bench/kernels/measure.cpp."""
import statistics
import time


class Device:
    """tiny: everything once, to test a script."""

    def __init__(self, torch, name, tiny):
        self.torch, self.name, self.tiny = torch, name, tiny
        self.cuda = name == "cuda"
        self.cache = None if tiny else torch.empty(64 << 20, dtype=torch.float32, device=name)

    def describe(self):
        return self.torch.cuda.get_device_name() if self.cuda else "cpu"

    def _once(self, run, prepare, flush):
        """A pair of events, or seconds."""
        if prepare:
            prepare()
        if flush and self.cache is not None:
            self.cache.zero_()
            self.cache.sum()
        if not self.cuda:
            start = time.perf_counter()
            run()
            return time.perf_counter() - start
        begin, end = self.torch.cuda.Event(True), self.torch.cuda.Event(True)
        begin.record()
        run()
        end.record()
        return begin, end

    def time(self, run, prepare=None, runs=30, flush=True, warm=4):
        """{"median_us", "p10_us", "p90_us", "runs"}"""
        if self.tiny:
            warm, runs = 0, 1
        for _ in range(warm):
            self._once(run, prepare, False)
        times = [self._once(run, prepare, flush) for _ in range(runs)]
        if self.cuda:
            self.torch.cuda.synchronize()
            times = [begin.elapsed_time(end) * 1e-3 for begin, end in times]
        times.sort()
        return {"median_us": statistics.median(times) * 1e6, "p10_us": times[runs // 10] * 1e6,
                "p90_us": times[-1 - runs // 10] * 1e6, "runs": runs}

    def best(self, run, runs=10):
        """Seconds of the fastest run with warm caches."""
        if self.cuda and not self.tiny:
            times = [self._once(run, None, False) for _ in range(4 + runs)]
            self.torch.cuda.synchronize()
            return min(begin.elapsed_time(end) for begin, end in times) * 1e-3
        return min(self.time(run, flush=False, warm=0, runs=1)["median_us"] for _ in range(1 if self.tiny else 3)) * 1e-6

    def peaks(self):
        """(bytes a second of a copy, read and written; flops a second of a square bf16 product)"""
        torch = self.torch
        n, edge = (1 << 12, 64) if self.tiny else (1 << 30, 8192) if self.cuda else (1 << 28, 2048)
        x, y = (torch.empty(n, dtype=torch.uint8, device=self.name) for _ in range(2))
        copy = 2 * n / self.best(lambda: y.copy_(x))
        del x, y
        a, w = (torch.randn(edge, edge, device=self.name, dtype=torch.bfloat16) for _ in range(2))
        return copy, 2 * edge**3 / self.best(lambda: torch.nn.functional.linear(a, w))


def with_rates(timing, peaks, bytes_moved=0, flops=0):
    """Adds the figures that kernel_bench reports: GB/s, TFLOP/s and their shares of the peaks."""
    seconds = timing["median_us"] * 1e-6
    timing["GB/s"] = bytes_moved / seconds * 1e-9
    timing["of_copy"] = bytes_moved / seconds / peaks[0]
    if flops:
        timing["TFLOP/s"] = flops / seconds * 1e-12
        timing["of_matmul"] = flops / seconds / peaks[1]
    return timing
