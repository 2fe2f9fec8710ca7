"""Chooses the WordNet glosses that the base model may read in pretraining.

A synset belongs to training if sha1("POS:OFFSET") falls in the first 70 of 100 parts, where POS is n,
v, a or r and OFFSET the eight digits of the data file. Pretraining never reads the other 30 %
(held_out), which serve as general text that the base model has not seen."""

import os
import re

import text_tools

TRAINING_PERCENT = 70
_FILES = {"n": "data.noun", "v": "data.verb", "a": "data.adj", "r": "data.adv"}
# Lexicographer files of animals, body parts and plants (lexnames 05, 08, 20) and verbs of the body (29).
_BIOLOGICAL_FILES = {"05", "08", "20", "29"}


def in_training(pos, offset):
  return text_tools.hash_share("%s:%s" % (pos, offset)) < TRAINING_PERCENT


def read_synsets(folder):
  """Yields (pos, offset, lexicographer file, words, gloss) from the data.* files of wordnet-base."""
  for pos, name in _FILES.items():
    with open(os.path.join(folder, name), encoding="utf-8") as stream:
      for line in stream:
        if line.startswith(" "):  # the licence at the top
          continue
        fields, _, gloss = line.partition(" | ")
        fields = fields.split()
        count = int(fields[3], 16)
        words = [re.sub(r"\([a-z]+\)$", "", w).replace("_", " ") for w in fields[4:4 + 2 * count:2]]
        yield pos, fields[0], fields[1], words, gloss.strip()


def definition(gloss):
  """The gloss without its examples."""
  return gloss.partition('; "')[0].rstrip("; ")


def document(words, gloss):
  """"word, word: definition; "example"" as one line."""
  return text_tools.squeeze("%s: %s" % (", ".join(words[:3]), gloss.rstrip("; ")))


def documents(folder, training):
  """Documents of one side of the split. Definitions that the held-out side has too are not used for training."""
  synsets = [s for s in read_synsets(folder) if s[2] not in _BIOLOGICAL_FILES]
  held_out_definitions = {definition(s[4]) for s in synsets if not in_training(s[0], s[1])}
  for pos, offset, _, words, gloss in synsets:
    if in_training(pos, offset) != training or (training and definition(gloss) in held_out_definitions):
      continue
    text = document(words, gloss)
    if len(text.split()) >= 6 and not text_tools.off_topic(text):
      yield text


def held_out(folder):
  return documents(folder, False)
