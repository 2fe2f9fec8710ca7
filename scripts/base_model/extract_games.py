"""Extracts stories and descriptions of free games: extract_games.py KIND FOLDER OUT.jsonl.

KIND: wesnoth (dialogue of campaigns), endless-sky (missions), crawl (descriptions)."""

import glob
import os
import re
import sys

import text_tools

_STRING = re.compile(
    r"^[ \t]*(?:message|story|description|note|caption)\s*=\s*((?:_?\s*\"(?:[^\"]|\"\")*\"[\s+]*)+)", re.M)


def wesnoth(folder):
  for path in sorted(glob.glob(os.path.join(folder, "**", "*.cfg"), recursive=True)):
    # Commented lines hold translators' notes and dropped scenes.
    text = re.sub(r"^\s*#.*$", "", text_tools.read_text(path), flags=re.M)
    lines = []
    for match in _STRING.finditer(text):
      line = "".join(re.findall(r"\"((?:[^\"]|\"\")*)\"", match.group(1))).replace('""', '"')
      line = re.sub(r"^[a-z_ ]+\^", "", re.sub(r"<[^>]*>", "", line))
      if "$" not in line and "{" not in line and len(line.split()) >= 3:
        lines.append(text_tools.squeeze(line))
    yield from (text for text in text_tools.chunks(lines, 600) if len(text.split()) >= 20)


def endless_sky(folder):
  for path in sorted(glob.glob(os.path.join(folder, "**", "*.txt"), recursive=True)):
    for block in re.split(r"\n(?=\S)", text_tools.read_text(path)):
      lines = []
      for line in block.split("\n"):
        match = re.match(r"\s+(?:(?:dialog|log|description|spaceport)\s+)?(?:`([^`]{30,})`|\"([^\"]{60,})\")\s*$", line)
        if match:
          text = text_tools.squeeze(match.group(1) or match.group(2))
          if "<" not in text and "&" not in text:
            lines.append(text)
      yield from (text for text in text_tools.chunks(lines, 600) if len(text.split()) >= 20)


def crawl(folder):
  # quotes.txt is left out: it quotes authors whose works are not all free.
  for path in sorted(glob.glob(os.path.join(folder, "*.txt"))):
    if os.path.basename(path) in ("quotes.txt", "tutorial.txt", "hints.txt"):
      continue
    text = re.sub(r"^#.*$", "", text_tools.read_text(path), flags=re.M)
    for entry in re.split(r"^%%%%.*$", text, flags=re.M):
      body = entry.strip().split("\n", 1)
      if len(body) < 2 or re.search(r"[{}@<>$\[]", body[1]):
        continue
      lines = [text_tools.squeeze(p) for p in re.split(r"\n\s*\n", body[1])]
      joined = "\n".join(line for line in lines if text_tools.is_prose(line))
      if len(joined.split()) >= 12:
        yield joined


def main():
  kind, folder, out = sys.argv[1:4]
  texts = {"wesnoth": wesnoth, "endless-sky": endless_sky, "crawl": crawl}[kind](folder)
  text_tools.write_part(out, kind, texts)


main()
