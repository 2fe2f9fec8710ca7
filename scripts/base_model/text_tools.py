"""Cleaning, filtering and grouping shared by the extractors of the base model's corpus."""

import hashlib
import json
import os
import re
import sys

# Words that mark a text as biomedical (or natural history) or as computing. One hit drops a short
# text; only frequent hits drop a long one, since any novel may mention a fever.
_BIOMEDICAL = (
    r"gen(?:e|es|ome|omes|omic|etics?|etically)|chromosom\w*|dna|rna|proteins?|enzym\w+|amino acids?|"
    r"receptors?|kinases?|antibod\w+|antigen\w*|bacteri\w+|virus(?:es)?|viral|microb\w+|microorganisms?|"
    r"fung(?:us|i|al)|cell (?:membrane|division|nucleus)|(?:blood|nerve|living|plant|animal|stem) cells?|"
    r"cellular|tissues?|tum[ou]+rs?|cancer\w*|carcinoma\w*|diseases?|syndromes?|infect\w+|inflammat\w+|"
    r"patholog\w+|clinical\w*|therap(?:y|ies|eutic\w*)|pharmac\w+|vaccin\w+|symptoms?|diagnos\w+|"
    r"surg(?:ery|ical|ically)|anatom\w+|physiolog\w+|nerves?|neur(?:on|al|o)\w*|muscles?|muscular|arter(?:y|ies|ial)|"
    r"veins?|glands?|glandular|hormon\w+|embryo\w*|larva\w*|genus|genera|species|subspecies|taxonom\w+|"
    r"mollus\w+|beetles?|moths?|shrubs?|herbaceous|perennial|flowering plants?|inflorescence|petals?|leaflets?|"
    r"[a-z]+(?:idae|aceae|itis|ectomy)|rodents?|crustaceans?|medic(?:ine|al|inal|ally)|biolog\w+|biochem\w+|"
    r"botan\w+|zoolog\w+|organisms?|molecul\w+|metaboli\w+|placenta|uterus|ovar(?:y|ies)|intestin\w+|"
    r"abdom\w+|thora(?:x|cic)|vertebra\w*|spinal|skeletal|cartilag\w+|epithel\w+|membranes?|plumage"
)
_COMPUTING = (
    r"software|comput(?:er|ers|ing|ational)|programming|algorithms?|operating systems?|source code|"
    r"open.source|databases?|browsers?|file ?systems?|microprocessors?|compilers?|servers?|unix|linux|"
    r"bytes?|megabytes?|gigabytes?|java(?:script)?|html|xml|internet protocol|data structures?|"
    r"plug-?ins?|operands?|firmware|e-?mails?|web ?sites?|mailing lists?|url"
)
_TOPIC = re.compile(r"\b(?:%s|%s)\b" % (_BIOMEDICAL, _COMPUTING), re.IGNORECASE)
_ASCII_QUOTES = {0x201C: '"', 0x201D: '"', 0x2018: "'", 0x2019: "'", 0xA0: " ", 0xAD: None, 0xFFFD: None}
_LONG_TEXT_WORDS = 150
_MAX_HITS_PER_THOUSAND = 8


def off_topic(text):
  """True for a text that is biomedical, natural history or computing by the keyword rule."""
  words = len(text.split())
  if words < _LONG_TEXT_WORDS:
    return _TOPIC.search(text) is not None
  hits = sum(1 for _ in _TOPIC.finditer(text))
  return hits * 1000 > _MAX_HITS_PER_THOUSAND * words


def squeeze(text):
  """Puts a paragraph on one line, with ASCII quotes and without the stray blanks of removed mark-up."""
  text = text.translate(_ASCII_QUOTES)
  text = re.sub(r"\s+", " ", text)
  text = re.sub(r"\(\s*[,;.]*\s*\)", "", text)
  text = re.sub(r"(?:\s*,)+\s*([,.;:!?])", r"\1", text)
  text = re.sub(r" +([,.;:!?])(?=\s|$)", r"\1", text)
  text = re.sub(r"\( +", "(", text)
  text = re.sub(r" +\)", ")", text)
  return re.sub(r" {2,}", " ", text).strip()


def is_prose(paragraph, min_words=4):
  """True unless the paragraph is a table row, a list of numbers or a fragment."""
  if len(paragraph.split()) < min_words:
    return False
  letters = sum(c.isalpha() or c == " " for c in paragraph)
  return letters >= 0.85 * len(paragraph)


def chunks(paragraphs, words=700):
  """Joins paragraphs into documents of at least `words` words (the last one may be shorter)."""
  held, size = [], 0
  for paragraph in paragraphs:
    held.append(paragraph)
    size += len(paragraph.split())
    if size >= words:
      yield "\n".join(held)
      held, size = [], 0
  if held:
    yield "\n".join(held)


def hash_share(text):
  """A number in [0, 100) that depends on the text alone."""
  return int(hashlib.sha1(text.encode("utf-8")).hexdigest()[:8], 16) % 100


def read_text(path):
  with open(path, "rb") as stream:
    data = stream.read()
  try:
    return data.decode("utf-8")
  except UnicodeDecodeError:
    return data.decode("latin-1")


def write_part(path, source, texts):
  """Writes one jsonl part; returns and reports how many documents and words it holds."""
  documents = words = dropped = 0
  temporary = path + ".tmp%d" % os.getpid()
  with open(temporary, "w", encoding="utf-8") as stream:
    for text in texts:
      if off_topic(text):
        dropped += 1
        continue
      stream.write(json.dumps({"text": text, "src": source}, ensure_ascii=False) + "\n")
      documents += 1
      words += len(text.split())
  os.replace(temporary, path)
  sys.stderr.write("%-14s %7d documents %9d words (%d off topic)\n" % (source, documents, words, dropped))
  if documents == 0:
    sys.exit("%s: nothing extracted; the package's layout may have changed" % source)
