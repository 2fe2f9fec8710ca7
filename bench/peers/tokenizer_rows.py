"""Shared by the tokenizer rows: the corpus, Hugging Face's byte-level BPE, and the fastest of several ways to call it."""
import os
import time

import peers

THREADS = 2
os.environ["RAYON_NUM_THREADS"] = str(THREADS)  # read when tokenizers first works in parallel
os.environ["TOKENIZERS_PARALLELISM"] = "true"


def texts_of(row, path):
    """The documents of a corpus and their bytes in UTF-8."""
    texts = [r["text"] for r in peers.read_rows(peers.data(row, path))]
    return texts, sum(len(t.encode()) for t in texts)


def roberta(row):
    """Hugging Face's tokenizer from RoBERTa's vocab.json and merges.txt, and their folder."""
    tokenizers, = peers.need(row, "tokenizers")
    folder = peers.data(row, "tokenizer/roberta-base")
    return tokenizers.ByteLevelBPETokenizer(str(folder / "vocab.json"), str(folder / "merges.txt")), folder


def fastest(name, encode, texts, size, runs=2):
    """All texts by `encode`, at once and in pieces of 1,000, the faster: (peer's side of a row, ids of every text)."""
    tokenizers, = peers.need(name, "tokenizers")
    best = None
    for piece in (len(texts), 1000):
        for _ in range(runs):
            start = time.perf_counter()
            encodings = []
            for first in range(0, len(texts), piece):
                encodings.append(encode(texts[first:first + piece]))
            seconds = time.perf_counter() - start
            ids = [e.ids for some in encodings for e in some]
            del encodings
            rate = size / seconds / 1e6
            peers.say(f"{name}, {piece} texts a call: {rate:.2f} MB/s")
            if best is None or rate > best["value"]:
                best = {"value": rate, "who": f"tokenizers {tokenizers.__version__} {name}", "texts_a_call": piece,
                        "threads": THREADS, "seconds": seconds}
    return best, ids
