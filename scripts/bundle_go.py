"""Picks the Gene Ontology definitions that the repository bundles: bundle_go.py GO.sqlite OUT_FOLDER.

GO.sqlite lies in Debian's r-bioc-go.db (scripts/fetch_deb.sh r-bioc-go.db DEST). Writes train.txt and
eval.txt, one definition a line, at most 1,000,000 bytes together. Takes terms in the order of the sha1
of their id, without obsolete terms and repeated definitions; 5 % of them, by the same hash, go to
eval.txt. README.md there names source, version and licence."""

import hashlib
import os
import re
import sqlite3
import sys

MAX_BYTES = 1000000
EVAL_PERCENT = 5
MIN_WORDS = 8


def read_terms(path):
  if not os.path.isfile(path):
    sys.exit("bundle_go.py: no file %s; get it with scripts/fetch_deb.sh r-bioc-go.db DEST" % path)
  database = sqlite3.connect("file:%s?mode=ro" % path, uri=True)
  metadata = dict(database.execute("SELECT name, value FROM metadata"))
  rows = database.execute(
      "SELECT go_id, definition FROM go_term WHERE definition IS NOT NULL "
      "AND ontology IN ('BP', 'MF', 'CC') AND go_id NOT IN (SELECT go_id FROM go_obsolete)").fetchall()
  database.close()
  return metadata, rows


def pick(rows):
  seen, train, evaluation, size = set(), [], [], 0
  for go_id, text in sorted(rows, key=lambda row: hashlib.sha1(row[0].encode()).digest()):
    line = re.sub(r"\s+", " ", text).strip()
    if line in seen or line.upper().startswith("OBSOLETE") or len(line.split()) < MIN_WORDS:
      continue
    seen.add(line)
    size += len(line.encode("utf-8")) + 1
    if size > MAX_BYTES:
      break
    share = int(hashlib.sha1(("eval " + go_id).encode()).hexdigest()[:8], 16) % 100
    (evaluation if share < EVAL_PERCENT else train).append(line)
  return train, evaluation


README = """# Gene Ontology definitions

Definitions of Gene Ontology terms, one a line: what `dapt_train` adapts the base model to when it is given no argument.

| file | definitions | words | bytes |
|---|--:|--:|--:|
%s

- Source: the Gene Ontology (http://geneontology.org), release %s, as packaged in Debian's r-bioc-go.db 3.16.0-1 (GO.sqlite).
- Licence: Creative Commons Attribution 4.0 (CC BY 4.0), https://creativecommons.org/licenses/by/4.0/. See LICENSE.
- Changes: a selection (terms in the order of the sha1 of their id, until 1,000,000 bytes), definitions alone, blanks
  joined, obsolete terms and repeated definitions left out; 5 %% of the terms, by hash, are eval.txt.
- Made by `python3 scripts/bundle_go.py GO.sqlite examples/gene_ontology`.
- References: Ashburner et al., Gene Ontology: tool for the unification of biology, Nat Genet 25 (2000) 25-29; The Gene
  Ontology Consortium, The Gene Ontology resource: enriching a GOld mine, Nucleic Acids Res 49 (2021) D325-D334.
"""


def main():
  if len(sys.argv) != 3:
    sys.exit("usage: bundle_go.py GO.sqlite OUT_FOLDER")
  metadata, rows = read_terms(sys.argv[1])
  os.makedirs(sys.argv[2], exist_ok=True)
  table = []
  for name, lines in zip(("train.txt", "eval.txt"), pick(rows)):
    data = "".join(line + "\n" for line in lines)
    with open(os.path.join(sys.argv[2], name), "w", encoding="utf-8", newline="\n") as stream:
      stream.write(data)
    table.append("| %s | %d | %d | %d |" % (name, len(lines), len(data.split()), len(data.encode("utf-8"))))
  with open(os.path.join(sys.argv[2], "README.md"), "w", encoding="utf-8") as stream:
    stream.write(README % ("\n".join(table), metadata["GOSOURCEDATE"]))


main()
