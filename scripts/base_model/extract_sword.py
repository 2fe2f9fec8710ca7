"""Cuts a SWORD module (zText, zCom; zlib blocks) into documents: extract_sword.py CONF SOURCE OUT.jsonl."""

import html
import os
import re
import struct
import sys
import zlib

import text_tools


def read_conf(path):
  values = {}
  for line in text_tools.read_text(path).splitlines():
    key, equals, value = line.partition("=")
    if equals:
      values.setdefault(key.strip(), value.strip())
  return values


def read_testament(prefix, size_bytes):
  """Entries in order. Block index: offset, packed size, size (u32 each); entry index: block, start
  (u32 each), size (u16, or u32 in the "4" drivers). Linked verses repeat an entry, which is yielded once."""
  with open(prefix + "zs", "rb") as stream:
    index = stream.read()
  with open(prefix + "zz", "rb") as stream:
    data = stream.read()
  with open(prefix + "zv", "rb") as stream:
    verses = stream.read()
  blocks = [zlib.decompress(data[offset:offset + packed]) if packed else b""
            for offset, packed, _ in struct.iter_unpack("<III", index[:len(index) // 12 * 12])]
  seen = set()
  step = 8 + size_bytes
  for at in range(0, len(verses) - step + 1, step):
    block, start = struct.unpack_from("<II", verses, at)
    size = int.from_bytes(verses[at + 8:at + step], "little")
    if size and block < len(blocks) and (block, start) not in seen:
      seen.add((block, start))
      yield blocks[block][start:start + size].decode("utf-8", "replace")


def paragraphs(entry):
  text = re.sub(r"<note\b.*?</note>", " ", entry, flags=re.S)
  text = re.sub(r"<title\b[^>]*>.*?</title>", "\n", text, flags=re.S)
  text = re.sub(r"<hi type=\"bold\">\s*(?:Verses?|Chapter)\b.*?</hi>", " ", text, flags=re.S)
  # Drops a reference in brackets or after a comma, which is a citation; elsewhere the sentence needs it.
  text = re.sub(r"[,;]\s*(?:<reference\b[^>]*>[^<]*</reference>[\s,;]*)+(?=[.)])", "", text)
  text = re.sub(r"\(\s*(?:<reference\b[^>]*>[^<]*</reference>[\s,;.]*)+\)", "", text)
  text = re.sub(r"<div\b[^>]*x-p\"?[^>]*>|<lb\b[^>]*>|</?(?:list|item|p|lg|l)\b[^>]*>", "\n", text)
  text = html.unescape(re.sub(r"<[^>]*>", "", text))
  for line in text.split("\n"):
    line = re.sub(r"^\s*(?:Verses? \d[\d\-, ]*\.?|Ver\. \d[\d\-, ]*\.)\s*(?:--)?\s*", "", line)
    line = re.sub(r"\s*\((?:[1-3] )?[A-Z][a-z]{1,6}\.? \d+:[^)]*\)", "", line)
    line = re.sub(r"\(+See Scofield[^)]*\)+", "", line)
    line = text_tools.squeeze(line.replace("--", " -- "))
    if line:
      yield line


def main():
  conf_path, source, out = sys.argv[1:4]
  conf = read_conf(conf_path)
  if "Public Domain" not in conf.get("DistributionLicense", ""):
    sys.exit("%s: its licence is not public domain" % conf_path)
  root = os.path.join(os.path.dirname(conf_path), "..", conf["DataPath"])
  letter = {"BOOK": "b", "CHAPTER": "c", "VERSE": "v"}[conf.get("BlockType", "CHAPTER").upper()]
  size_bytes = 4 if conf["ModDrv"].endswith("4") else 2
  text_type = conf["ModDrv"].startswith("zText")
  found = []
  for testament in ("ot.", "nt."):
    prefix = os.path.join(root, testament + letter)
    if os.path.exists(prefix + "zs"):
      for entry in read_testament(prefix, size_bytes):
        lines = list(paragraphs(entry))
        # Joins the verses of a text; paragraphs of a commentary stand alone.
        found.extend([" ".join(lines)] if text_type and lines else lines)
  if text_type:
    texts = (text.replace("\n", " ") for text in text_tools.chunks(found, 400))
  else:
    # A comment on several verses is stored once for each of them.
    unique = dict.fromkeys(line for line in found if text_tools.is_prose(line, 12) and not line.endswith("See."))
    texts = text_tools.chunks(unique, 500)
  text_tools.write_part(out, source, texts)


main()
