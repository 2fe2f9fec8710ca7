"""Cuts single books into documents: extract_books.py KIND IN OUT.jsonl.

KIND: anarchism (a folder of html), devil (dictd file), gutenberg (a plain text of that project)."""

import glob
import gzip
import html.parser
import os
import re
import sys

import text_tools


class Paragraphs(html.parser.HTMLParser):
  """Text of p, blockquote and li elements, without the links and headings between them."""

  def __init__(self):
    super().__init__()
    self.found = []
    self._open = []
    self._text = ""

  def _flush(self):
    text = text_tools.squeeze(self._text)
    if text:
      self.found.append(text)
    self._text = ""

  def handle_starttag(self, tag, attrs):
    if tag in ("p", "blockquote", "li", "h1", "h2", "h3", "h4", "div"):
      self._flush()
      self._open = [tag]

  def handle_endtag(self, tag):
    if tag in ("p", "blockquote", "li", "h1", "h2", "h3", "h4", "div"):
      self._flush()
      self._open = []

  def handle_data(self, data):
    if self._open and self._open[0] in ("p", "blockquote", "li"):
      self._text += data


def anarchism(folder):
  for path in sorted(glob.glob(os.path.join(folder, "*.html"))):
    if re.search(r"biblio|links|index|new\.html|license|copy", os.path.basename(path)):
      continue
    parser = Paragraphs()
    parser.feed(text_tools.read_text(path))
    lines = []
    for line in parser.found:
      line = re.sub(r"\s*\[[^\[\]]*\bp+\.? ?[^\[\]]*\]", "", line)  # [Title, p. 128]
      line = re.sub(r"\s*\[(?:Op\. Cit|Ibid)[^\[\]]*\]", "", line, flags=re.I)
      line = re.sub(r"\s*\. \. \.\s*", " ... ", line)
      line = text_tools.squeeze(line)
      if text_tools.is_prose(line, 8):
        lines.append(line)
    yield from text_tools.chunks(lines)


def devil(path):
  with gzip.open(path, "rt", encoding="latin-1") as stream:
    text = stream.read()
  for entry in re.split(r"\n(?=[A-Z][A-Z' -]{2,}, *[a-z.]+)", text)[1:]:
    paragraphs = [text_tools.squeeze(re.sub(r"[{}]", "", p)) for p in re.split(r"\n\s*\n", entry)]
    joined = "\n".join(p for p in paragraphs if text_tools.is_prose(p, 3))
    if len(joined.split()) >= 8:
      yield joined


def gutenberg(path):
  text = text_tools.read_text(path).replace("\r", "")
  start = re.search(r"\*\*\* ?START OF.*?\*\*\*", text, flags=re.S)
  end = re.search(r"\*\*\* ?END OF", text)
  text = text[start.end() if start else 0:end.start() if end else len(text)]
  text = re.sub(r"\[(?:Illustration|Footnote|Sidenote)[^\]]*\]|\[[A-Z]\]|[_=]", "", text)
  lines = [text_tools.squeeze(p) for p in re.split(r"\n\s*\n", text)]
  yield from text_tools.chunks([line for line in lines if text_tools.is_prose(line, 8)])


def main():
  kind, source, out = sys.argv[1:4]
  texts = {"anarchism": anarchism, "devil": devil, "gutenberg": gutenberg}[kind](source)
  names = {"anarchism": "anarchist-faq", "devil": "devil", "gutenberg": "opticks"}
  text_tools.write_part(out, names[kind], texts)


main()
