"""What the scripts that write tables of code points share. A module, not a program."""
import sys


def ranges(kind):
    """[first, last, kind] of neighbours with one kind(code); a kind that is false is in no range."""
    found = []
    for code in range(0x110000):
        k = kind(code)
        if found and found[-1][2] == k and found[-1][1] == code - 1:
            found[-1][1] = code
        elif k:
            found.append([code, code, k])
    return found


def lines_of(pieces):
    """The pieces of a C++ list in lines of at most 118 letters, and its end."""
    lines, line = [], ""
    for piece in pieces:
        if len(line) + len(piece) > 118:
            lines.append(line)
            line = ""
        line += piece
    return lines + [line + "};"]


def write_or_check(file, text):
    """Writes the file; with --check on the command line compares it, and ends with 1 where it differs."""
    if "--check" in sys.argv[1:]:
        with open(file, encoding="ascii") as there:
            sys.exit(0 if there.read() == text else file + " is not what this script makes")
    with open(file, "w", encoding="ascii") as out:
        out.write(text)
