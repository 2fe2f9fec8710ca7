"""VAMPIRE's training step in PyTorch, as allenai/vampire computes it, in the forms that PyTorch offers: bags as a dense
matrix or as a sparse one, and every kind of Adam; the fastest counts. vampire_step.py BATCH WORDS LATENT ENTRIES STEPS
THREADS prints a JSON line.
"""
import json
import statistics
import sys
import time

import torch


def bags(documents, words, entries, generator):
    """Zipf's law, as bench/model/vampire_bench.cpp: indices [2, E] and values."""
    rows, columns = [], []
    for r in range(documents):
        chosen = set()
        while len(chosen) < entries:
            u = torch.rand(1, generator=generator, dtype=torch.float64).item()
            chosen.add(int((words - 1) ** u))
        columns += sorted(chosen)
        rows += [r] * entries
    values = torch.randint(1, 4, (len(rows),), generator=generator).float()
    return torch.tensor([rows, columns]), values


class Vampire(torch.nn.Module):
    def __init__(self, words, latent):
        super().__init__()
        self.first = torch.nn.Linear(words, latent)
        self.second, self.mean, self.log_variance = (torch.nn.Linear(latent, latent) for _ in range(3))
        self.decoder = torch.nn.Linear(latent, words, bias=False)
        self.norm = torch.nn.BatchNorm1d(words, eps=0.001, momentum=0.001)
        self.norm.weight.requires_grad_(False)
        self.dropout = torch.nn.Dropout(0.49)
        self.register_buffer("background", torch.randn(words))

    def forward(self, x, indices, values, kl_weight, sparse):
        if sparse:
            h0 = torch.sparse.mm(x, self.first.weight.t()) + self.first.bias
        else:
            h0 = self.first(x)
        h1 = self.second(h0)
        mean, log_variance = self.mean(h1), self.log_variance(h1)
        sigma = torch.sqrt(torch.exp(log_variance)).clamp(max=10)
        kld = 0.5 * (1 + torch.log(sigma ** 2) - mean ** 2 - sigma ** 2).sum(-1)
        theta = torch.softmax(self.dropout(mean + sigma * torch.randn_like(mean)), -1)
        log_p = torch.log_softmax(self.norm(self.decoder(theta) + self.background), -1)
        likelihood = (values * log_p[indices[0], indices[1]]).sum() if sparse else (x * log_p).sum()
        return -(kl_weight * kld.sum() + likelihood) / mean.shape[0]


def measure(batches, words, latent, steps, sparse, adam):
    torch.manual_seed(1)
    model = Vampire(words, latent)
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=1e-3, **adam)
    seconds, processor = [], []
    for s in range(steps + 2):
        x, indices, values = batches[s % len(batches)]
        start, used = time.perf_counter(), time.process_time()
        optimizer.zero_grad()
        loss = model(x, indices, values, 0.5, sparse)
        loss.backward()
        optimizer.step()
        loss.item()
        if s >= 2:
            seconds.append(time.perf_counter() - start)
            processor.append(time.process_time() - used)
    return statistics.median(seconds), statistics.median(processor)


def main():
    documents, words, latent, entries, steps, threads = map(int, sys.argv[1:7])
    torch.set_num_threads(threads)
    generator = torch.Generator().manual_seed(1)
    sparse, dense = [], []
    for _ in range(4):
        indices, values = bags(documents, words, entries, generator)
        x = torch.sparse_coo_tensor(indices, values, (documents, words)).coalesce()
        sparse.append((x.to_sparse_csr(), indices, values))
        dense.append((x.to_dense(), indices, values))
    results = {}
    for kind, batches in (("sparse", sparse), ("dense", dense)):
        for name, adam in (("fused", {"fused": True}), ("foreach", {"foreach": True})):
            try:
                results[f"{kind}, {name} Adam"] = measure(batches, words, latent, steps, kind == "sparse", adam)
            except RuntimeError as error:
                print(f"{kind}, {name}: {error}", file=sys.stderr)
    best = min(results, key=results.get)
    print(json.dumps({"torch": torch.__version__, "best": best, "median_s": results[best][0],
                      "all": {name: wall for name, (wall, _) in results.items()},
                      "processor_s": {name: used for name, (_, used) in results.items()}}))


main()
