#!/usr/bin/env python3
"""NPMI of VAMPIRE's topics beside those of TF-IDF with NMF and with LSA (scikit-learn), over the same words and sentences.

    vampire_npmi.py --corpus ../shared/data/corpora/biomed.jsonl.zst --baselines --run dsp:preset=vampire-dsp,seed=1

Every 20th document is dev text, the others are training text; vampire_train cuts both into sentences. The counts are read
from its bag files (data/select/bags/bag_file.h), so that both sides have the same words. NPMI is computed here, by its
definition, for the topics of both sides, and must be what vampire_train says. Prints a Markdown table. Needs numpy, scipy
and scikit-learn.
"""
import argparse
import json
import math
import pathlib
import struct
import subprocess
import tempfile
import time

import numpy
from scipy import sparse

TOPICS, COMPARED = 81, 10


def split(corpus, folder):
    """train.jsonl and dev.jsonl."""
    text = subprocess.run(["zstd", "-dc", str(corpus)], check=True, capture_output=True).stdout.splitlines(keepends=True)
    (folder / "train.jsonl").write_bytes(b"".join(line for i, line in enumerate(text) if i % 20))
    (folder / "dev.jsonl").write_bytes(b"".join(line for i, line in enumerate(text) if i % 20 == 0))


def read_bags(folder, source):
    """The counts of a source file, [texts, columns]."""
    for path in folder.glob("*.bags"):
        data = path.read_bytes()
        columns, texts, values, sources = struct.unpack_from("<4Q", data, 16)
        if not json.loads(data[len(data) - sources:])[0]["path"].endswith(source):
            continue
        at = 64
        entries = numpy.frombuffer(data, [("column", "<i4"), ("value", "<f4")], values, at)
        starts = numpy.frombuffer(data, "<u8", texts + 1, at + 8 * values).astype(numpy.int64)
        return sparse.csr_matrix((entries["value"], entries["column"], starts), (texts, columns))
    raise SystemExit(f"no bag file of {source} in {folder}")


def npmi(topics, counts):
    """The standard reading: the mean over all pairs of which both words occur."""
    held = (counts > 0).astype(numpy.int64).tocsc()
    texts, total, pairs = counts.shape[0], 0.0, 0
    for words in topics:
        columns = held[:, words]
        both = (columns.T @ columns).toarray()
        for a in range(len(words)):
            for b in range(a):
                if not both[a, a] or not both[b, b]:
                    continue
                pairs += 1
                if both[a, b] == 0:
                    total -= 1
                elif both[a, b] < texts:
                    total += (math.log(texts * both[a, b]) - math.log(both[a, a] * both[b, b])) / math.log(texts / both[a, b])
    return total / pairs


def top(components):
    return [list(map(int, numpy.argsort(-row, kind="stable")[:COMPARED])) for row in components]


def baselines(train, vocabulary, least_sum):
    """{name: (topics, seconds)}. TF-IDF as vampire_train's: inverse frequencies of train and dev text together."""
    from sklearn.decomposition import NMF, TruncatedSVD
    from sklearn.preprocessing import normalize
    kept = train[numpy.asarray(train.sum(1)).ravel() > least_sum]
    frequency = numpy.array(vocabulary["document_frequency"])
    inverse = numpy.log((1 + vocabulary["texts"]) / (1 + frequency)) + 1
    weights = normalize(kept @ sparse.diags(inverse)).tocsr()
    out = {}
    for name, model in [("TF-IDF + NMF", NMF(TOPICS, init="nndsvd", max_iter=200, random_state=0)),
                        ("TF-IDF + LSA", TruncatedSVD(TOPICS, random_state=0))]:
        start = time.perf_counter()
        model.fit(weights)
        out[name] = (top(model.components_), time.perf_counter() - start)
    return out


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", type=pathlib.Path, default="build/bin")
    parser.add_argument("--corpus", type=pathlib.Path, required=True)
    parser.add_argument("--work", type=pathlib.Path, help="folder that is kept; runs in it are used again")
    parser.add_argument("--baselines", action="store_true", help="measure scikit-learn too")
    parser.add_argument("--run", action="append", required=True, metavar="NAME:FLAG=VALUE,...",
                        help="a run of vampire_train; several runs may be given")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = options.work or pathlib.Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        split(options.corpus, work) if not (work / "dev.jsonl").exists() else None
        rows = []
        for run in options.run:
            name, flags = run.split(":", 1)
            folder = work / name
            start = time.perf_counter()
            if not (folder / "topics.json").exists():
                subprocess.run([str(options.bin / "vampire_train"), "--train", str(work / "train.jsonl"), "--dev",
                                str(work / "dev.jsonl"), "--sentences", "--cache-dir", str(work / "cache"), "--output",
                                str(folder), *(f"--{flag}" for flag in flags.split(",") if flag)], check=True)
            seconds = time.perf_counter() - start
            vocabulary = json.loads((folder / "vocabulary.json").read_text())
            column = {word: i for i, word in enumerate(vocabulary["words"])}
            told = json.loads((folder / "topics.json").read_text())
            dev = read_bags(work / "cache", "dev.jsonl")
            mine = npmi([[column[w] for w in topic["words"][:COMPARED]] for topic in told["topics"]], dev)
            if abs(mine - told["npmi_standard"]) > 1e-9:
                raise SystemExit(f"{name}: vampire_train says {told['npmi_standard']}, the definition gives {mine}")
            rows.append((f"vampire_train {flags.replace(',', ' ')}", mine, f"{seconds:.0f} s, best epoch {told['epoch']}"))
        if options.baselines:
            for name, (topics, seconds) in baselines(read_bags(work / "cache", "train.jsonl"), vocabulary, 3).items():
                rows.append((name, npmi(topics, dev), f"{seconds:.0f} s"))
        print("| topics | NPMI, standard | |\n|---|--:|---|")
        for row in rows:
            print(f"| {row[0]} | {row[1]:.4f} | {row[2]} |")


if __name__ == "__main__":
    main()
