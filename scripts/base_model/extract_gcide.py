"""Makes a document of each entry of GCIDE (Webster 1913 and additions): extract_gcide.py DICT.dz OUT.jsonl."""

import gzip
import re
import sys

import text_tools

# Field marks of natural history, medicine, chemistry and computing: "(Zo\"ol.)", "(Bot. & Zool.)".
_FIELD = re.compile(
    r"\((?:[A-Z][\w.\" ]*(?:&|,|and) *)?(?:Old |Org\. |Physiol\. |Med\. |Comp\. |Human |Animal |Veg\. )*"
    r"(?:Zo\"?ol|Bot|Med|Anat|Biol|Physiol|Chem|Surg|Pathol|Paleon|Pharm|Far|Hort|Biochem|Nat\. Hist|"
    r"Computers?|Comp|Microbiol|Immunol|Genetics|Psychiatry|Vet|Embryol|Histol|Ornith|Dentistry|"
    r"Mycol|Bacteriol|Ecology|Physiology|Medicine|Anatomy|Biology)\b[^)]{0,25}\)")
_TAXON = re.compile(r"\(\{?[A-Z][a-z]+ [a-z]+\}?")
_HEAD = re.compile(r"^(\S.*?)\s*\\")
_TAG = re.compile(r"\[[^\[\]]*(?:Webster|WordNet|PJC|Century|Suppl|RP|Stedman)[^\[\]]*\]")


def undo_codes(text):
  text = re.sub(r"\[[A-Z][a-z]*\.\]", " ", text)  # [R.], [Obs.]
  text = re.sub(r"\[(ae|oe|AE|OE)\]", r"\1", text)
  text = re.sub(r"\[[^\w\[\]]{0,2}([A-Za-z])[^\w\[\]]{0,2}\]", r"\1", text)
  text = re.sub(r"\[[^\[\]]*\]", " ", text)  # remains of etymologies
  return re.sub(r"[{}]", "", text)


def drop_attributions(text):
  text = re.sub(r"\s*--(?=[A-Z(])[^\"]{1,45}$", "", text)
  return re.sub(r"\s*--(?=[A-Z(])[^\"]{1,45}?\.(?=\s+[A-Z\"(]|\s*$)", "", text)


def split_header(lines):
  """The header: the first line, and further lines until its brackets are closed."""
  header = lines[0]
  used = 1
  while used < len(lines) and lines[used].strip():
    if header.count("[") <= header.count("]") and header.count("(") <= header.count(")"):
      break
    header += " " + lines[used].strip()
    used += 1
  return header, lines[used:]


def senses(lines):
  """Paragraphs of an entry, without those with WordNet's source tag (held out elsewhere)."""
  pending = []
  for paragraph in re.split(r"\n\s*\n", "\n".join(lines)):
    joined = re.sub(r"\s+", " ", paragraph).strip()
    if not joined:
      continue
    tags = _TAG.findall(joined)
    pending.append(joined)
    if tags:
      if not any("WordNet" in tag for tag in tags):
        yield from pending
      pending = []
  if not any("WordNet" in paragraph for paragraph in pending):
    yield from pending


def clean(paragraph):
  if _FIELD.search(paragraph) or _TAXON.search(paragraph):
    return ""
  text = _TAG.sub(" ", paragraph)
  if re.match(r"Syn:", text):
    return ""
  text = drop_attributions(undo_codes(text).strip())
  text = re.sub(r"^(?:Note|Usage):\s*", "", text)
  text = re.sub(r"^\(?[0-9a-z]{1,2}[.)]\s+", "", text)
  text = re.sub(r"\s\([a-z]\)\s", " ", text)
  text = re.sub(r"\([A-Z][A-Za-z.&\" ]{1,24}\.\)", "", text)  # the other field marks: (Law), (Naut.)
  text = re.sub(r"\s*[;,.]?\s*-- ?(?=(?:opposed|called|said|used|followed|sometimes|usually)\b)", ", ", text)
  text = re.sub(r"\s*\b(?:See|Cf\.|Compare)(?: also| under)? [A-Z][^.]{0,50}\.$", "", text)
  text = text_tools.squeeze(text)
  if text and text[-1] not in ".!?\"":
    text += "."
  return text if len(text.split()) >= 3 else ""


def entry_text(lines):
  head = _HEAD.match(lines[0])
  if not head:
    return ""
  header, rest = split_header(lines)
  if _FIELD.search(header):
    return ""
  body = [text for text in map(clean, senses(rest)) if text]
  text = "%s: %s" % (undo_codes(head.group(1)), " ".join(body))
  return text if len(text.split()) >= 8 else ""


def entries(stream):
  lines = []
  for line in stream:
    line = line.rstrip()
    if line and not line[0].isspace():
      if lines:
        yield lines
      lines = []
    if line or lines:
      lines.append(line)
  yield lines


def main():
  with gzip.open(sys.argv[1], "rt", encoding="utf-8", errors="replace") as stream:
    texts = (entry_text(lines) for lines in entries(stream) if not lines[0].startswith("00-database"))
    text_tools.write_part(sys.argv[2], "gcide", (text for text in texts if text))


main()
