"""Extracts the free parts of the shared general corpus: extract_shared.py GENERAL.jsonl OUT_FOLDER.

Omits brown (non-commercial) and webtext (not free)."""

import json
import os
import re
import sys

import text_tools

_FREE = ("austen", "dbpedia", "masc", "state_union", "inaugural")


def clean(row):
  text = row["text"]
  if row["src"] == "dbpedia":
    text = re.sub(r"(?<=[a-z0-9)])\.(?=[A-Z][a-z])", ". ", text)
  if row["src"] == "masc" and (re.search(r"Message-ID|Reply-To:|X-Mailer|^(?:Subject|From|Date|To): ", text) or "lists-" in row["id"]):
    return ""
  lines = (text_tools.squeeze(line) for line in text.split("\n"))
  if row["src"] == "masc":
    lines = (re.sub(r" ' (?=s\b)", "'", line) for line in lines)
  lines = [line for line in lines if line and not re.match(r"(?:CHAPTER|VOLUME) [IVXLC0-9]+\.?$", line)]
  if row["src"] == "dbpedia":
    return " ".join(lines)
  return "\n".join(line for line in lines if text_tools.is_prose(line, 3))


def main():
  parts = {source: [] for source in _FREE}
  with open(sys.argv[1], encoding="utf-8") as stream:
    for line in stream:
      row = json.loads(line)
      if row["src"] in parts:
        text = clean(row)
        if len(text.split()) < 8:
          continue
        long_text = len(text.split()) > 3000
        parts[row["src"]].extend(text_tools.chunks(text.split("\n"), 1500) if long_text else [text])
  for source, texts in parts.items():
    text_tools.write_part(os.path.join(sys.argv[2], source + ".jsonl"), source, texts)


main()
