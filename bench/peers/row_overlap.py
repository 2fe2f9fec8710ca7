"""The whole `domain_overlap` program over five corpora, two threads: start, archives unpacked and parsed, words counted,
the matrix written; against scikit-learn's CountVectorizer, whose time starts with the texts in memory and ends with the
counts of each corpus. The matrix must be the same to the last digit. Beside the clock the processors' time is told, which
depends less on what else the machine does.
"""
import json
import os
import resource
import time

import peers

ROW = "overlap"
NAMES = ["biomed", "cs", "news", "reviews", "general"]
K = 10000
THREADS = 2
sklearn, numpy = peers.need(ROW, "sklearn", "numpy")


def encore():
    """(seconds, processor seconds, the program's JSON)."""
    out = peers.WORK / "overlap.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds, _ = peers.run(peers.program("domain_overlap"), "--threads", THREADS, "--top", K, "--json", out, "--corpus",
                           *(f"{name}={peers.data(ROW, f'corpora/{name}.jsonl.zst')}" for name in NAMES))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, used, json.loads(out.read_text())


def peer(texts):
    """(seconds, processor seconds, {corpus: (words, counts)})."""
    from sklearn.feature_extraction.text import CountVectorizer
    start, used, counts = time.perf_counter(), time.process_time(), {}
    for name in NAMES:
        vectorizer = CountVectorizer(stop_words="english")
        matrix = vectorizer.fit_transform(texts[name])
        counts[name] = (vectorizer.get_feature_names_out(), numpy.asarray(matrix.sum(0)).ravel())
    return time.perf_counter() - start, time.process_time() - used, counts


def compare(result, counts):
    top = {}
    for name, corpus in zip(NAMES, result["corpora"]):
        words, count = counts[name]
        if (corpus["words"], corpus["types"]) != (int(count.sum()), len(words)):
            raise SystemExit(f"overlap: {name} has {corpus['words']} words of {corpus['types']} types, "
                             f"scikit-learn finds {int(count.sum())} of {len(words)}")
        top[name] = {words[i] for i in sorted(range(len(words)), key=lambda i: (-count[i], words[i]))[:K]}
    for a, row in zip(NAMES, result["percent"]):
        for b, percent in zip(NAMES, row):
            if percent != 100 * len(top[a] & top[b]) / K:
                raise SystemExit(f"overlap: {a} and {b}: {percent}, scikit-learn's counts give another figure")


def main():
    load = os.getloadavg()[0]
    texts = {n: [r["text"] for r in peers.read_rows(peers.data(ROW, f"corpora/{n}.jsonl.zst"))] for n in NAMES}
    size = sum(len(t.encode()) for corpus in texts.values() for t in corpus)
    ours, theirs = [], []
    for _ in range(3):  # by turns, so that both meet the same load
        ours.append(encore())
        theirs.append(peer(texts))
        peers.say(f"Encore {ours[-1][0]:.2f} s ({ours[-1][1]:.2f} s of processors), "
                  f"scikit-learn {theirs[-1][0]:.2f} s ({theirs[-1][1]:.2f} s)")
    compare(ours[-1][2], theirs[-1][2])
    best, peer_best = min(ours, key=lambda run: run[0]), min(theirs, key=lambda run: run[0])
    peers.emit(ROW, "domain_overlap, five corpora, 2 threads", "s",
               {"value": peer_best[0], "who": f"scikit-learn {sklearn.__version__} CountVectorizer",
                "processor_seconds": min(run[1] for run in theirs)},
               {"value": best[0], "who": "domain_overlap", "threads": THREADS,
                "processor_seconds": min(run[1] for run in ours)},
               better="lower", must=10, aim=20, text_mb=size / 1e6, load_before=load)


main()
