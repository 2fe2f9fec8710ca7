"""Extracts the training share of WordNet's glosses: extract_wordnet.py FOLDER OUT.jsonl."""

import sys

import text_tools
import wordnet_split

text_tools.write_part(sys.argv[2], "wordnet", wordnet_split.documents(sys.argv[1], True))
