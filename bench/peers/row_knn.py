"""500 neighbours of each of 4,169 queries among 1,000,000 vectors of 81 numbers, by cosine, two threads. Encore's side is
the whole `select_data` program on a domain of a million short texts and their vectors in a file: start, texts read, NaN
looked for, search, scores in double precision, the neighbours joined, looked up and written. scikit-learn's
NearestNeighbors (brute, cosine) and, where it is installed, faiss for Python only search, with the vectors in memory.
The inspected neighbours must be scikit-learn's.
"""
import json
import os
import shutil
import time

import peers

ROW = "knn"
ROWS, QUERIES, COLUMNS, K, THREADS = 1_000_000, 4_169, 81, 500, 2
INSPECTED = 20
sklearn, numpy = peers.need(ROW, "sklearn", "numpy")


def vectors():
    """Unit vectors around 500 centres, as embeddings of text lie; float32."""
    rng = numpy.random.default_rng(5)
    centres = rng.standard_normal((500, COLUMNS)).astype(numpy.float32)

    def near(n):
        out = centres[rng.integers(0, len(centres), n)]
        out += 0.7 * rng.standard_normal((n, COLUMNS)).astype(numpy.float32)
        return out
    return near(ROWS), near(QUERIES)


def encore(base, query):
    work = peers.WORK / "knn"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    numpy.save(work / "base.npy", base)
    numpy.save(work / "query.npy", query)
    (work / "domain.txt").write_text("".join(f"passage {i}\n" for i in range(len(base))))
    (work / "task.txt").write_text("".join(f"query {i}\n" for i in range(len(query))))
    seconds, _ = peers.run(peers.program("select_data"), "--task", work / "task.txt", "--domain", work / "domain.txt",
                           "--embedding", work / "base.npy", "--task-embedding", work / "query.npy", "--k", K,
                           "--search", "exact", "--threads", THREADS, "--inspect", INSPECTED, "--cache-dir", work,
                           "--output", work / "out")
    return seconds, json.loads((work / "out" / "ledger.json").read_text())


def by_sklearn(base, query):
    from sklearn.neighbors import NearestNeighbors
    start = time.perf_counter()
    found = NearestNeighbors(n_neighbors=K, algorithm="brute", metric="cosine", n_jobs=THREADS).fit(base).kneighbors(
        query, return_distance=False)
    return time.perf_counter() - start, found


def by_faiss(base, query):
    try:
        import faiss
    except ImportError:
        return None
    faiss.omp_set_num_threads(THREADS)
    start = time.perf_counter()
    base, query = base.copy(), query.copy()
    faiss.normalize_L2(base)
    faiss.normalize_L2(query)
    index = faiss.IndexFlatIP(COLUMNS)
    index.add(base)
    index.search(query, K)
    return {"seconds": time.perf_counter() - start, "who": f"faiss {faiss.__version__} IndexFlatIP"}


def compare(ledger, found):
    for text in ledger["inspected"]:
        query = int(text["text"].split()[1])
        ours = [int(n["text"].split()[1]) for n in text["neighbours"]]
        if ours != [int(i) for i in found[query][:len(ours)]]:
            raise SystemExit(f"knn: query {query}: {ours}, scikit-learn finds {list(found[query][:len(ours)])}")


def main():
    load = os.getloadavg()[0]
    base, query = vectors()
    seconds, ledger = encore(base, query)
    peers.say(f"Encore {seconds:.1f} s")
    other, found = by_sklearn(base, query)
    peers.say(f"scikit-learn {other:.1f} s")
    compare(ledger, found)
    peers.emit(ROW, f"{K} neighbours of {QUERIES:,} among {ROWS:,} x {COLUMNS}, 2 threads", "s",
               {"value": other, "who": f"scikit-learn {sklearn.__version__} NearestNeighbors"},
               {"value": seconds, "who": "select_data, the whole program"}, better="lower", limit=60,
               faiss_for_python=by_faiss(base, query), load_before=load)


main()
