"""Learning a byte-level BPE of 8,192 tokens from corpora/general, two threads: the whole `train_tokenizer` program
(reading and writing included) against tokenizers' trainer, whose time starts with the texts in memory.
The merges must be the same.
"""
import shutil
import time

import peers
import tokenizer_rows

ROW = "train_tokenizer"
tokenizers, = peers.need(ROW, "tokenizers")


def main():
    path = "corpora/general.jsonl.zst"
    texts, size = tokenizer_rows.texts_of(ROW, path)
    folder = peers.WORK / "trained-tokenizer"
    times, peer_times = [], []
    for _ in range(3):
        shutil.rmtree(folder, ignore_errors=True)
        times.append(peers.run(peers.program("train_tokenizer"), "--threads", tokenizer_rows.THREADS, "--data",
                               peers.data(ROW, path), "--vocab-size", 8192, "--output", folder)[0])
        tokenizer = tokenizers.ByteLevelBPETokenizer()
        start = time.perf_counter()
        tokenizer.train_from_iterator(texts, vocab_size=8192, min_frequency=2, show_progress=False, length=len(texts),
                                      special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
        peer_times.append(time.perf_counter() - start)
        peers.say(f"Encore {times[-1]:.3f} s, tokenizers {peer_times[-1]:.3f} s")
    theirs = peers.WORK / "trained-tokenizer-peer"
    theirs.mkdir(parents=True, exist_ok=True)
    tokenizer.save_model(str(theirs))
    merges = [[line for line in (f / "merges.txt").read_text().splitlines() if not line.startswith("#version")]
              for f in (folder, theirs)]
    if merges[0] != merges[1]:
        first = next((i for i, (a, b) in enumerate(zip(*merges)) if a != b), min(map(len, merges)))
        raise SystemExit(f"train_tokenizer: the merges differ from number {first + 1} on")
    peers.emit(ROW, "train_tokenizer, 8,192 tokens, corpora/general, 2 threads", "s",
               {"value": min(peer_times), "who": f"tokenizers {tokenizers.__version__} train_from_iterator"},
               {"value": min(times), "who": "train_tokenizer"}, better="lower", must=1, aim=3, merges_compared=len(merges[0]),
               text_mb=size / 1e6)


main()
