"""Assembles the base model's corpus from its parts: assemble.py PARTS DEBS OUT_FOLDER TABLE.md.

Reads PARTS/*.jsonl, drops repeated paragraphs, holds out 2 % of the documents by the sha1 of their
text, and writes general_train.jsonl and general_heldout.jsonl in an order that depends on the texts
alone. TABLE.md lists the sources."""

import glob
import hashlib
import json
import os
import sys

import text_tools

HELD_OUT_PERCENT = 2
_REPEAT_WORDS = 8  # shorter paragraphs ("Yes, sir.") may recur


def read_documents(folder):
  seen = set()
  for path in sorted(glob.glob(os.path.join(folder, "*.jsonl"))):
    with open(path, encoding="utf-8") as stream:
      for line in stream:
        row = json.loads(line)
        kept = []
        for paragraph in row["text"].split("\n"):
          key = hashlib.sha1(paragraph.lower().encode("utf-8")).digest()
          if len(paragraph.split()) >= _REPEAT_WORDS:
            if key in seen:
              continue
            seen.add(key)
          kept.append(paragraph)
        text = "\n".join(kept)
        if len(text.split()) >= 6:
          yield {"text": text, "src": row["src"]}


def order_key(row):
  return hashlib.sha1(("order " + row["text"]).encode("utf-8")).digest()


def write(path, rows):
  temporary = path + ".tmp%d" % os.getpid()
  with open(temporary, "w", encoding="utf-8") as stream:
    for row in rows:
      stream.write(json.dumps(row, ensure_ascii=False) + "\n")
    stream.flush()
    os.fsync(stream.fileno())
  os.replace(temporary, path)


def version_of(debs, package):
  if package == "-":
    return "shared corpus"
  with open(os.path.join(debs, package, ".fetched-" + package), encoding="utf-8") as stream:
    return "%s %s" % (package, stream.read().strip())


def table(rows_by_split, debs):
  counts = {}
  for split, rows in enumerate(rows_by_split):
    for row in rows:
      count = counts.setdefault(row["src"], [0, 0, 0, 0])
      count[2 * split] += 1
      count[2 * split + 1] += len(row["text"].split())
  lines = ["| source | from | licence | train documents | train words | held-out documents | held-out words |",
           "|---|---|---|--:|--:|--:|--:|"]
  total = [0, 0, 0, 0]
  here = os.path.dirname(os.path.abspath(__file__))
  with open(os.path.join(here, "sources.tsv"), encoding="utf-8") as stream:
    for source, package, licence, what in (line.rstrip("\n").split("\t") for line in stream):
      if source not in counts:
        continue
      count = counts.pop(source)
      total = [a + b for a, b in zip(total, count)]
      lines.append("| %s: %s | %s | %s | %s |" % (source, what, version_of(debs, package), licence,
                                                 " | ".join("{:,}".format(n) for n in count)))
  if counts:
    sys.exit("sources.tsv lacks a line for: %s" % ", ".join(sorted(counts)))
  lines.append("| total | | | %s |" % " | ".join("{:,}".format(n) for n in total))
  return lines


def main():
  parts, debs, out, table_path = sys.argv[1:5]
  train, held_out = [], []
  for row in read_documents(parts):
    (held_out if text_tools.hash_share(row["text"]) < HELD_OUT_PERCENT else train).append(row)
  lines = table((train, held_out), debs)
  write(os.path.join(out, "general_train.jsonl"), sorted(train, key=order_key))
  write(os.path.join(out, "general_heldout.jsonl"), sorted(held_out, key=order_key))
  with open(table_path, "w", encoding="utf-8") as stream:
    stream.write("\n".join(lines) + "\n")
  print("\n".join(lines))


main()
