#!/usr/bin/env python3
"""Writes data/select/words/letter_classes.cpp: what Python's str.lower() and its patterns \\w and \\d make of each code point.

  scripts/letter_classes.py            writes the file
  scripts/letter_classes.py --check    compares it; exit code 1 where it differs

Everything is asked of this Python itself, which must have Unicode 14.0.0 (Python 3.11, Debian 12's).
"""
import re
import sys
import unicodedata

import code_points

VERSION = "14.0.0"
FILE = "data/select/words/letter_classes.cpp"
WORD, DIGIT, CASED, IGNORABLE = 1, 2, 4, 8
SIGMA, FINAL_SIGMA = "\u03a3", "\u03c2"
TWO_LETTERS = {0x130: "i\u0307"}  # the one code point whose lower case has two


def classes(code):
    c = chr(code)
    word = WORD if re.match(r"\w", c) else 0
    digit = DIGIT if re.match(r"\d", c) else 0
    # A sigma is final if the first letter before it that is not case-ignorable is cased, and the first one after it is
    # not. So the form of the sigma tells the class of its neighbour.
    cased = (c + SIGMA).lower()[-1] == FINAL_SIGMA
    cased_or_ignorable = ("a" + SIGMA + c + "a").lower()[1] != FINAL_SIGMA
    ignorable = cased_or_ignorable and not cased
    return word | digit | (CASED if cased else 0) | (IGNORABLE if ignorable else 0)


def case_ranges():
    """[first, last, step, distance]: every step-th letter from first to last has its lower case at this distance."""
    found = []
    for code in range(0x110000):
        lower = chr(code).lower()
        if code in TWO_LETTERS:
            assert lower == TWO_LETTERS[code]
            continue
        assert len(lower) == 1, hex(code)
        distance = ord(lower) - code
        if distance == 0:
            continue
        if found:
            first, last, step, d = found[-1]
            if d == distance and code - last in ((1, 2) if first == last else (step,)):
                found[-1] = [first, code, code - last, d]
                continue
        found.append([code, code, 1, distance])
    return found


def text():
    return "\n".join([
        "// Made by scripts/letter_classes.py from Python's own str.lower(), \\w and \\d; not edited by hand.",
        '#include "data/select/words/letter_classes.h"', "", "namespace encore {", "namespace {", "", "// clang-format off",
        "constexpr LetterRange kLetters[] = {",
        *code_points.lines_of("{0x%x,0x%x,%d}," % tuple(r) for r in code_points.ranges(classes)), "",
        "constexpr CaseRange kCases[] = {", *code_points.lines_of("{0x%x,0x%x,%d,%d}," % tuple(r) for r in case_ranges()),
        "// clang-format on", "", "}  // namespace", "", "std::span<const LetterRange> letter_ranges() {",
        "  return kLetters;", "}", "", "std::span<const CaseRange> case_ranges() {", "  return kCases;", "}", "",
        "}  // namespace encore", ""])


def main():
    if unicodedata.unidata_version != VERSION:
        sys.exit("letter_classes.py: this Python has Unicode %s, not %s: use Python 3.11"
                 % (unicodedata.unidata_version, VERSION))
    code_points.write_or_check(FILE, text())


main()
