"""The whole `tokenize` program on corpora/cs.jsonl.zst, two threads: start, RoBERTa's vocabulary loaded, the archive
unpacked and parsed, ids printed as text into a file; against tokenizers' encode_batch_fast, whose time starts with the
texts in memory and ends before anything is printed. The ids of every document are compared.
"""
import json
import subprocess
import time

import peers
import tokenizer_rows

ROW = "tokenize_program"


def main():
    path = "corpora/cs.jsonl.zst"
    texts, size = tokenizer_rows.texts_of(ROW, path)
    tokenizer, folder = tokenizer_rows.roberta(ROW)
    printed = peers.WORK / "tokenize.jsonl"
    printed.parent.mkdir(parents=True, exist_ok=True)
    times = []
    for _ in range(5):
        with open(printed, "wb") as out:
            start = time.perf_counter()
            subprocess.run([peers.program("tokenize"), "--threads", str(tokenizer_rows.THREADS), "--no-special", "--model",
                            str(folder), "--data", str(peers.data(ROW, path))], check=True, stdout=out)
            times.append(time.perf_counter() - start)
    peers.say("Encore: " + ", ".join(f"{t:.3f}" for t in times) + " s")
    peer, ids = tokenizer_rows.fastest("encode_batch_fast", tokenizer._tokenizer.encode_batch_fast, texts, size)
    lines = printed.read_text().splitlines()
    wrong = [i for i, (line, expected) in enumerate(zip(lines, ids)) if json.loads(line) != expected]
    if wrong or len(lines) != len(ids):
        raise SystemExit(f"tokenize_program: {len(wrong)} of {len(ids)} documents differ, the first is {wrong[:1]}")
    peers.emit(ROW, "the whole tokenize program, corpora/cs, 2 threads, against encode_batch_fast in memory", "MB/s", peer,
               {"value": size / min(times) / 1e6, "who": "tokenize", "threads": tokenizer_rows.THREADS,
                "seconds": min(times)}, must=4, aim=20, documents_compared=len(ids))


main()
