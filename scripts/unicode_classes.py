#!/usr/bin/env python3
"""Writes data/tokenizer/unicode_ranges.cpp: the classes of code points that token ids depend on.

  scripts/unicode_classes.py            writes the file
  scripts/unicode_classes.py --check    compares it; exit code 1 where it differs

The version of Unicode is that of Hugging Face's tokenizers (0.23: 16.0.0). The general categories come from a Python
whose unicodedata has this version (Python 3.14), or from the package unicodedata2 of the same version.
"""
import sys

import code_points

VERSION = "16.0.0"
FILE = "data/tokenizer/unicode_ranges.cpp"

try:
    import unicodedata2 as unicodedata
except ImportError:
    import unicodedata

# Alphabetic, but neither letters, marks nor numbers (Other_Alphabetic of PropList.txt): letters in circles and squares.
OTHER_ALPHABETIC = [(0x24B6, 0x24E9), (0x1F130, 0x1F149), (0x1F150, 0x1F169), (0x1F170, 0x1F189)]
JOIN_CONTROL = {0x200C, 0x200D}
KINDS = {"L": "kLetter", "N": "kWordNumber", "O": "kOtherNumber", "M": "kOtherWord"}


def kind(code):
    category = unicodedata.category(chr(code))
    if category[0] == "L":
        return "L"
    if category[0] == "N":
        return "O" if category == "No" else "N"
    if category[0] == "M" or category == "Pc" or code in JOIN_CONTROL:
        return "M"
    return "M" if any(first <= code <= last for first, last in OTHER_ALPHABETIC) else None


def text():
    lines = [
        "// Made by scripts/unicode_classes.py from the Unicode Character Database; not edited by hand.",
        '#include "data/tokenizer/unicode_ranges.h"',
        "",
        "namespace encore {",
        "namespace {",
        "",
        "constexpr auto L = UnicodeKind::kLetter, N = UnicodeKind::kWordNumber, O = UnicodeKind::kOtherNumber,",
        "               M = UnicodeKind::kOtherWord;",
        "",
        "// clang-format off",
        "constexpr UnicodeRange kRanges[] = {",
    ]
    lines += code_points.lines_of("{0x%x,0x%x,%s}," % tuple(r) for r in code_points.ranges(kind))
    lines += ["// clang-format on", "", "}  // namespace", "",
              "const char* unicode_version() {", '  return "%s";' % VERSION, "}", "",
              "std::span<const UnicodeRange> unicode_ranges() {", "  return kRanges;", "}", "",
              "}  // namespace encore", ""]
    return "\n".join(lines)


def main():
    if unicodedata.unidata_version != VERSION:
        sys.exit("unicode_classes.py: this Python has Unicode %s, not %s: use Python 3.14 or the package unicodedata2 %s"
                 % (unicodedata.unidata_version, VERSION, VERSION))
    code_points.write_or_check(FILE, text())


main()
