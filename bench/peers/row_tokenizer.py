"""Token ids of corpora/cs in memory with RoBERTa's vocabulary, two threads: `encode_batch` of bench/data/tokenizer_bench.cpp
against encode_batch and encode_batch_fast of Hugging Face's tokenizers.

Both sides get all texts as strings and give vectors of ids; the best of several runs counts. The number of ids must
agree; row_tokenize_program.py compares the ids themselves.
"""
import json

import peers
import tokenizer_rows

ROW = "tokenizer"


def encore_side(folder, corpus):
    out = peers.WORK / "tokenizer_bench.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    peers.run(peers.program("tokenizer_bench"), "--model", folder, "--corpus", corpus,
              f"--benchmark_filter=^encode_batch/{tokenizer_rows.THREADS}/", "--benchmark_repetitions=5",
              f"--benchmark_out={out}", "--benchmark_out_format=json")
    runs = [b for b in json.loads(out.read_text())["benchmarks"] if b["run_type"] == "iteration"]
    best = max(runs, key=lambda b: b["bytes_per_second"])
    peers.say("Encore: " + ", ".join(f"{b['bytes_per_second'] / 1e6:.0f}" for b in runs) + " MB/s")
    return {"value": best["bytes_per_second"] / 1e6, "who": "tokenizer_bench encode_batch",
            "threads": tokenizer_rows.THREADS}, round(best["ids"])


def main():
    path = "corpora/cs.jsonl.zst"
    texts, size = tokenizer_rows.texts_of(ROW, path)
    tokenizer, folder = tokenizer_rows.roberta(ROW)
    encore, count = encore_side(folder, peers.data(ROW, path))
    for name, must in (("encode_batch", 10), ("encode_batch_fast", 6)):
        peer, ids = tokenizer_rows.fastest(name, getattr(tokenizer._tokenizer, name), texts, size)
        if sum(map(len, ids)) != count:
            raise SystemExit(f"tokenizer: {name} made {sum(map(len, ids))} ids, Encore {count}")
        suffix = "" if name == "encode_batch" else "_fast"
        peers.emit(ROW + suffix, f"tokenizer, corpora/cs, in memory, 2 threads, against {name}", "MB/s", peer, encore,
                   must=must, aim=20)


main()
