"""Finds the main loops of the attention kernels in a disassembly (SASS) or, without a disassembler, in PTX.

    loops.py LISTING KIND     KIND: sass | ptx; prints JSON {kernel: counts}
"""
import json
import re
import subprocess
import sys

NAMES = {
    "sass": {"function": r"^\.text\.(\w+):$", "label": r"^(\.L_x_\d+):$", "branch": r"BRA.*`\((\.L_x_\d+)\)",
             "mma": r"^HMMA", "ldmatrix": r"^LDSM", "copy": r"^LDGSTS", "barrier": r"^BAR",
             "exp2": r"^MUFU\.EX2", "local": r"^(LDL|STL)\b", "load": r"^LDG\.", "store": r"^STG\."},
    "ptx": {"function": r"^\.visible \.entry (\w+)\(", "label": r"^(\$L__BB\w+):$", "branch": r"bra\S*\s+(\$L__BB\w+);",
            "mma": r"^mma\.sync", "ldmatrix": r"^ldmatrix", "copy": r"^cp\.async\.cg", "barrier": r"^bar(rier)?\.",
            "exp2": r"^ex2", "local": r"^(ld|st)\.local", "load": r"^ld\.global", "store": r"^st\.global"},
}
WIDTH = {"sass": [(r"\.128\b", 16), (r"\.64\b", 8), (r"\.[US]16\b", 2), (r"\.[US]8\b", 1)],
         "ptx": [(r"\.v4\.\w32|\.v2\.\w64", 16), (r"\.v2\.\w32|\.\w64", 8), (r"\.v4\.\w16", 8), (r"\.\w16", 2),
                 (r"\.\w8\b", 1)]}


def instructions(lines, kind):
    """Labels as (None, label), instructions as (text, branch target or None)."""
    form = NAMES[kind]
    for line in lines:
        line = re.sub(r"//.*|^\s*/\*[0-9a-f]+\*/", "", line).strip()
        label = re.match(form["label"], line)
        if label:
            yield None, label[1]
        elif re.match(r"(@!?U?P\w+|@!?%p\d+)?\s*(BRA\b.*)?[A-Za-z]\w*[.\w:]*(\s|;)", line) and line.endswith(";"):
            target = re.search(form["branch"], line)
            text = re.sub(r"^@\S+\s+", "", line)
            if not text.startswith("."):
                yield text, target[1] if target else None


def functions(path, kind):
    name, body = None, []
    for line in open(path, encoding="utf-8", errors="replace"):
        start = re.match(NAMES[kind]["function"], line.strip())
        if start or line.startswith("\t.section") or line.startswith("}"):
            if name:
                yield name, list(instructions(body, kind))
            name, body = start[1] if start else None, []
        elif name:
            body.append(line)
    if name:
        yield name, list(instructions(body, kind))


def width_of(text, kind):
    for pattern, width in WIDTH[kind]:
        if re.search(pattern, text.split()[0]):
            return width
    return 4


def main_loop(code, kind):
    """The loop that holds all of the mma: first and last index, and the loops inside it that hold some."""
    place = {target: i for i, (text, target) in enumerate(code) if text is None}
    back = [(place[t], i) for i, (text, t) in enumerate(code) if text and t and place.get(t, i) < i]
    mma = [i for i, (text, _) in enumerate(code) if text and re.match(NAMES[kind]["mma"], text)]
    if not mma:
        return None
    around = [b for b in back if b[0] <= mma[0] and b[1] >= mma[-1]]
    if not around:
        return None
    # Blocks placed after the loop's end may belong to it; the widest loop around the products counts.
    outer = min(around, key=lambda b: b[1] - b[0])
    if len(around) > 1 and not any(re.match(NAMES[kind]["copy"], code[i][0] or "") for i in range(*outer)):
        outer = max(around, key=lambda b: b[1] - b[0])
    inner = [b for b in back if outer[0] <= b[0] and b[1] < outer[1] and b != outer and
             any(b[0] <= m <= b[1] for m in mma)]
    return outer, inner


def skipped(code, first, last, kind):
    """Indices that a full tile with all keys visible jumps over: code that a forward branch skips and that holds no
    product, copy, exponential or barrier."""
    form = NAMES[kind]
    place = {target: i for i, (text, target) in enumerate(code) if text is None}
    work = re.compile("|".join(form[k] for k in ("mma", "ldmatrix", "copy", "exp2", "barrier")))
    out = set()
    for i in range(first, last):
        text, target = code[i]
        end = place.get(target, -1) if text else -1
        if end > i and end <= last and not any(work.match(code[j][0] or "") for j in range(i + 1, end)):
            out.update(range(i + 1, end))
    return out


def count(code, kind):
    loop = main_loop(code, kind)
    if not loop:
        return None
    (first, last), inner = loop
    off = skipped(code, first, last, kind)
    form = NAMES[kind]
    result = {"issued": 0, "mma": 0, "ldmatrix": 0, "copy_16": 0, "copy_narrower": 0, "exp2": 0, "local": 0,
              "global_by_width": {}, "mask_path": len([i for i in off if code[i][0]])}
    for i in range(first, last + 1):
        text = code[i][0]
        if text is None:
            continue
        if re.match(form["local"], text):
            result["local"] += 1
        if i in off:
            continue
        times = 2 ** sum(1 for a, b in inner if a <= i <= b)  # the loop over the halves of a tile
        result["issued"] += times
        for key in ("mma", "ldmatrix", "exp2"):
            result[key] += times * bool(re.match(form[key], text))
        if re.match(form["copy"], text):
            wide = ".128" in text or ", 16" in text
            result["copy_16" if wide else "copy_narrower"] += times
        elif re.match(form["load"], text) or re.match(form["store"], text):
            width = str(width_of(text, kind))
            result["global_by_width"][width] = result["global_by_width"].get(width, 0) + times
    whole = {"local": 0, "load": {}, "store": {}}
    for text, _ in code:
        if text and re.match(form["local"], text):
            whole["local"] += 1
        for key in ("load", "store"):
            if text and re.match(form[key], text) and not re.match(form["copy"], text):
                width = str(width_of(text, kind))
                whole[key][width] = whole[key].get(width, 0) + 1
    result["whole_kernel"] = whole
    return result


def main():
    path, kind = sys.argv[1:]
    out = {}
    for name, code in functions(path, kind):
        plain = subprocess.run(["c++filt", name], capture_output=True, text=True, check=True).stdout.strip()
        plain = re.sub(r"encore::cuda::|^void |\(int\)", "", plain).split("(")[0]
        counts = count(code, kind)
        if counts:
            out[plain] = counts
    print(json.dumps(out, indent=1))


if __name__ == "__main__":
    main()
