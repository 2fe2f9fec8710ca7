"""Prepares the texts of the demonstration: demo_data.py --debs DIR --output DIR [--task T] [--labels N].

DIR of --debs holds the Debian packages r-bioc-go.db, dict-foldoc and wordnet-base, unpacked side by side
(scripts/fetch_deb.sh PACKAGE DIR/PACKAGE). Writes to --output, the same bytes for the same packages:

  domain_train.txt     Gene Ontology definitions, one a line: the text of the adaptation
  domain_eval.txt      definitions held out
  general_eval.txt     WordNet glosses that the base model never read (scripts/base_model/wordnet_split.py)
  computing_eval.txt   entries of the FOLDOC computing dictionary: another domain
  task/{train,dev,test}.jsonl   {"text", "label", "id"} with N labelled definitions a class for training

The split of a definition is a function of its text alone. domain_train holds no definition of dev, test or domain_eval.
It holds those of task/train, since adaptation may read the domain's text without labels."""

import argparse
import collections
import gzip
import hashlib
import json
import os
import re
import sqlite3
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "base_model"))
import wordnet_split  # noqa: E402

GO = "r-bioc-go.db/usr/lib/R/site-library/GO.db/extdata/GO.sqlite"
FOLDOC = "dict-foldoc/usr/share/dictd/foldoc.dict.dz"
WORDNET = "wordnet-base/usr/share/wordnet"
MIN_WORDS = 5

# Shares of the definitions in thousandths, in this order; the rest is training text.
SHARES = (("test", 80), ("dev", 40), ("eval", 20))
CAPS = {"test": 1000, "dev": 500}
OTHER_EVAL_DOCUMENTS = {"general": 2500, "computing": 400}

# Labels of a task: terms of the ontology. A task uses a definition if exactly one label is its term or an is_a ancestor.
TASKS = {
    "namespace": ("biological_process", "molecular_function", "cellular_component"),
    "process": ("metabolic process", "developmental process", "localization", "response to stimulus",
                "regulation of biological process"),
    "function": ("oxidoreductase activity", "transferase activity", "hydrolase activity", "lyase activity",
                 "isomerase activity", "ligase activity", "transporter activity", "binding"),
}


def position(text):
  """A number in [0, 1) that depends on the text alone."""
  return int(hashlib.sha1(("demo " + text).encode("utf-8")).hexdigest()[:12], 16) / 16.0**12


def side(text):
  place, edge = position(text) * 1000, 0
  for name, share in SHARES:
    edge += share
    if place < edge:
      return name
  return "train"


def read_go(path):
  """[(go_id, definition)] without obsolete terms and repeated definitions, and {go_id: names of it and its ancestors}."""
  database = sqlite3.connect("file:%s?mode=ro" % path, uri=True)
  terms = {row[0]: row[1:] for row in database.execute(
      "SELECT _id, go_id, term, definition FROM go_term WHERE ontology IN ('BP', 'MF', 'CC') "
      "AND go_id NOT IN (SELECT go_id FROM go_obsolete)")}
  parents = collections.defaultdict(set)
  for table in ("go_bp_parents", "go_mf_parents", "go_cc_parents"):
    for child, parent in database.execute("SELECT _id, _parent_id FROM %s WHERE relationship_type = 'isa'" % table):
      parents[child].add(parent)
  database.close()

  above = {}
  for key, (go_id, _, _) in terms.items():
    reached, waiting = {key}, [key]
    while waiting:
      fresh = parents[waiting.pop()] - reached
      reached |= fresh
      waiting.extend(fresh)
    above[go_id] = {terms[k][1] for k in reached if k in terms}

  definitions, seen = [], set()
  for go_id, _, text in sorted(terms.values(), key=lambda term: term[0]):
    line = re.sub(r"\s+", " ", text or "").strip()
    if line in seen or line.upper().startswith("OBSOLETE") or len(line.split()) < MIN_WORDS:
      continue
    seen.add(line)
    definitions.append((go_id, line))
  return definitions, above


def labelled_rows(definitions, above, task, labels):
  """{"train" | "dev" | "test": rows}, in the order of the hash of their text; `labels` rows a class in train."""
  classes = TASKS[task]
  rows, taken = {"train": [], "dev": [], "test": []}, collections.Counter()
  for go_id, text in sorted(definitions, key=lambda d: position(d[1])):
    of_row = [c for c in classes if c in above[go_id]]
    where = side(text)
    if len(of_row) != 1 or where not in rows:
      continue
    if where == "train":
      if taken[of_row[0]] == labels:
        continue
      taken[of_row[0]] += 1
    elif len(rows[where]) == CAPS[where]:
      continue
    rows[where].append({"text": text, "label": of_row[0], "id": go_id})
  for name in classes:
    if taken[name] < labels:
      sys.exit("demo_data.py: --labels %d: only %d definitions of '%s' are there for training"
               % (labels, taken[name], name))
  return rows


def read_foldoc(path):
  """Entries of the dictionary as one line each, without cross-reference marks, addresses and dates."""
  with gzip.open(path, "rt", encoding="utf-8", errors="replace") as stream:
    text = stream.read()
  # A headword starts in the first column, its text is indented.
  for entry in re.split(r"\n(?=\S)", text):
    _, _, body = entry.partition("\n")
    body = re.sub(r"\(\d{4}-\d\d-\d\d\)", "", body)
    body = re.sub(r"<[^>]*>|\(?https?://\S+|[{}]", "", body)
    body = re.sub(r"\s+", " ", body).strip()
    if len(body.split()) >= 20:
      yield body


def first_by_hash(texts, count):
  return sorted(set(texts), key=position)[:count]


def write(path, lines):
  temporary = "%s.tmp%d" % (path, os.getpid())
  with open(temporary, "w", encoding="utf-8", newline="\n") as stream:
    stream.writelines(line + "\n" for line in lines)
  os.replace(temporary, path)
  words = sum(len(line.split()) for line in lines)
  print("  %-24s %6d rows %8d words" % (os.path.join(*path.split(os.sep)[-1 - ("task" in path.split(os.sep)):]),
                                        len(lines), words))


def main():
  parser = argparse.ArgumentParser(description="Prepares the texts of the demonstration.")
  parser.add_argument("--debs", required=True, help="folder of the unpacked packages")
  parser.add_argument("--output", required=True)
  parser.add_argument("--task", choices=sorted(TASKS), default="namespace")
  parser.add_argument("--labels", type=int, default=16, help="labelled definitions a class")
  args = parser.parse_args()
  paths = {name: os.path.join(args.debs, name) for name in (GO, FOLDOC, WORDNET)}
  for name, path in paths.items():
    if not os.path.exists(path):
      package = name.split("/")[0]
      sys.exit("demo_data.py: no %s: get it with scripts/fetch_deb.sh %s %s/%s" % (path, package, args.debs, package))

  definitions, above = read_go(paths[GO])
  rows = labelled_rows(definitions, above, args.task, args.labels)
  os.makedirs(os.path.join(args.output, "task"), exist_ok=True)

  def out(name):
    return os.path.join(args.output, name)

  write(out("domain_train.txt"), [text for _, text in definitions if side(text) == "train"])
  write(out("domain_eval.txt"), [text for _, text in definitions if side(text) == "eval"])
  write(out("general_eval.txt"),
        first_by_hash(wordnet_split.held_out(paths[WORDNET]), OTHER_EVAL_DOCUMENTS["general"]))
  write(out("computing_eval.txt"), first_by_hash(read_foldoc(paths[FOLDOC]), OTHER_EVAL_DOCUMENTS["computing"]))
  for name, part in rows.items():
    write(out("task/%s.jsonl" % name), [json.dumps(row, ensure_ascii=False) for row in part])


main()
