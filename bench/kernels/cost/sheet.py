"""Writes the static cost sheet from the counts: bench/kernels/cost.json and cost.md.

    sheet.py write COUNTS.json [LOOPS.json]    all counts; without LOOPS the recorded loops stay
    sheet.py check COUNTS.json [LOOPS.json]    compares a subset with the record; exit code 1 if it differs
"""
import json
import pathlib
import re
import sys

from occupancy import occupancy
from reasons import BYTES, CONFLICTS, ISSUED

HERE = pathlib.Path(__file__).resolve().parent
SHEET, RECORD = HERE.parent / "cost.md", HERE.parent / "cost.json"
PTXAS = HERE.parents[1] / "ptxas.json"
COPY, MMA = 3.0e12, 798e12  # bytes and bf16 flops a second, measured on an H100
MOST_BYTES, MOST_CONFLICTS = 1.05, 0.02


def short(kernel):
    return kernel.replace("encore::cuda::", "").replace("void ", "").replace("__nv_bfloat16", "bf16")


def registers_of(kernel):
    """{arch: (registers, static shared memory)} as ptxas reported them."""
    out = {}
    for arch, sources in json.load(open(PTXAS)).items():
        for kernels in sources.values():
            for name, found in kernels.items():
                if short(name) == short(kernel):
                    out[arch] = (found["registers"], found["static_shared"])
    return out


def moved(line):
    """Bytes moved to or from memory, and bytes that loads and stores request."""
    kernels = line["kernels"]
    distinct = sum(32 * (k.get("global_load_distinct", 0) + k.get("global_store_distinct", 0)) for k in kernels)
    issued = sum(k.get("global_load_bytes", 0) + k.get("global_store_bytes", 0) + k.get("global_atomic_bytes", 0)
                 for k in kernels)
    return distinct + line["memset_bytes"], issued + line["memset_bytes"]


def wavefronts(k):
    """Shared-memory wavefronts, and the share that bank conflicts add."""
    phases, extra = k.get("ldmatrix_phases", 0), k.get("ldmatrix_conflicts", 0)
    ordinary, ideal = k.get("shared_wavefronts", 0), k.get("shared_ideal_wavefronts", 0)
    return phases + extra + ordinary, extra + ordinary - ideal


used = set()  # patterns of reasons that a figure has needed


def reason(table, key, needed, faults, what):
    """The mark of the reason for a figure over its bound; every such figure must have one."""
    if not needed:
        return ""
    for pattern, _, mark in table:
        if re.search(pattern, key):
            used.add(pattern)
            return f" ({mark})"
    faults.append(f"{key}: {what}, and bench/kernels/cost/reasons.py has no reason for it")
    return " (?)"


def quantity(x):
    return f"{x:,.0f}" if x >= 100 else f"{x:.3g}"


def op_rows(counts, faults):
    rows = []
    for line in counts:
        memory, issued = moved(line)
        floor = line["contract_bytes"]
        mma = sum(k.get("mma_flops", 0) + k.get("wgmma_flops", 0) for k in line["kernels"])
        by_bytes, by_mma = floor / COPY * 1e6, line["flops"] / MMA * 1e6 if mma else 0
        key = f"{line['op']}, {line['variant']}"
        bad = reason(BYTES, key, memory > MOST_BYTES * floor, faults, f"moves {memory / floor:.3f} of its floor")
        again = reason(ISSUED, key, issued > MOST_BYTES * memory, faults, f"asks for {issued / memory:.3f} of what moves")
        flops = quantity(line["flops"] / 1e9) + (f" ({quantity(mma / 1e9)})" if mma else "")
        length = str(line["length"]) if line["length"] else "any"
        rows.append(f"| {line['op']} | {line['variant']} | {length} | {quantity(floor / 1e6)} | "
                    f"{quantity(memory / 1e6)} | {memory / floor:.3f}{bad} | {issued / memory:.2f}{again} | {flops} | "
                    f"{quantity(max(by_bytes, by_mma))} {'mma' if by_mma > by_bytes else 'copy'} |")
    return rows


def widths(k):
    total = sum(k.get(f"global_width_{w}", 0) for w in (1, 2, 4, 8, 16))
    return " ".join(f"{w}: {100 * k[f'global_width_{w}'] / total:.1f} %" for w in (16, 8, 4, 2, 1)
                    if k.get(f"global_width_{w}", 0))


def kernel_rows(counts, faults):
    seen = {}
    for line in counts:
        for k in line["kernels"]:
            seen.setdefault((short(k["kernel"]), k["threads"], k["dynamic_shared"]), []).append((line, k))
    rows = []
    for (name, threads, dynamic), uses in sorted(seen.items()):
        found = registers_of(name)
        cells = []
        for arch in ("sm_80", "sm_90a"):
            if arch not in found:
                faults.append(f"{name}: not in bench/ptxas.json for {arch}")
                continue
            registers, static = found[arch]
            share, limit = occupancy(arch, registers, threads, static + dynamic)
            cells.append(f"{registers} | {100 * share:.0f} %, {limit}")
        static = found.get("sm_90a", (0, 0))[1]
        worst = max(uses, key=lambda u: (wavefronts(u[1])[1] / max(wavefronts(u[1])[0], 1), wavefronts(u[1])[0]))
        total, extra = wavefronts(worst[1])
        share = extra / total if total else 0
        why = reason(CONFLICTS, name, share > MOST_CONFLICTS, faults, f"{100 * share:.1f} % of its wavefronts are conflicts")
        shared = f"{quantity(total)} | {100 * share:.2f} %{why}" if total else "none | "
        rows.append(f"| {name} | {threads} | {static} + {dynamic} | {' | '.join(cells)} | {shared} | {widths(worst[1])} |")
    return rows


def loop_rows(loops):
    rows = []
    for arch, kernels in sorted(loops["kernels"].items()):
        for name, c in sorted(kernels.items()):
            load, store = c["whole_kernel"]["load"], c["whole_kernel"]["store"]
            rows.append(
                f"| {name} | {arch} | {c['issued']} | {c['mma']} | {100 * c['mma'] / c['issued']:.1f} % | "
                f"{c['ldmatrix']} | {c['exp2']} | {c['copy_16']} + {c['copy_narrower']} | {c['whole_kernel']['local']} | "
                f"{' '.join(f'{w}: {n}' for w, n in sorted(store.items(), key=lambda x: -int(x[0])))} | "
                f"{' '.join(f'{w}: {n}' for w, n in sorted(load.items(), key=lambda x: -int(x[0])))} |")
    return rows


def check_attention(counts, loops, faults):
    """Checks attention's main loops: no bank conflict, no local memory, tiles moved 16 bytes at a time."""
    for line in counts:
        for k in line["kernels"]:
            if "attention" in k["kernel"] and "f32" not in k["kernel"] and wavefronts(k)[1]:
                faults.append(f"{short(k['kernel'])}: {wavefronts(k)[1]} wavefronts of bank conflicts")
    for arch, kernels in loops["kernels"].items():
        for name, c in kernels.items():
            if c["whole_kernel"]["local"] or c["copy_narrower"]:
                faults.append(f"{name} for {arch}: accesses local memory, or copies less than 16 bytes at a time")


def render(record, faults):
    counts, loops = record["counts"], record["loops"]
    text = [(HERE / "intro.md").read_text().rstrip()]
    head = ("| op | variant | tokens a sequence | floor, MB | moved, MB | moved / floor | asked / moved | GFLOP (mma) | "
            "H100 floor, µs |\n|---|---|---:|---:|---:|---:|---:|---:|---:|")
    titles = {"base": "RoBERTa-base", "large": "RoBERTa-large", "768 columns": "Other head sizes, 768 columns",
              "vampire": "VAMPIRE, 512 documents, 30,001 words, 81 latent variables"}
    text.append("## Bytes, flops and the floor of time, op by op")
    for model in dict.fromkeys(line["model"] for line in counts):
        rows = op_rows([line for line in counts if line["model"] == model], faults)
        text.append(f"### {titles[model]}\n\n{head}\n" + "\n".join(rows))
    text.append("Why more moves than the floor:\n\n" + "\n".join(f"- ({mark}) {why}" for _, why, mark in BYTES))
    text.append("Why more is asked for than moves (the rest comes from L1 or L2):\n\n" +
                "\n".join(f"- ({mark}) {why}" for _, why, mark in ISSUED))
    text.append("## Kernels\n\n| kernel | threads | shared memory, B | registers sm_80 | occupancy | registers sm_90a | "
                "occupancy | wavefronts | conflicts | global accesses by bytes a lane |\n"
                "|---|---:|---:|---:|---:|---:|---:|---:|---:|---|\n" + "\n".join(kernel_rows(counts, faults)))
    if CONFLICTS:
        text.append("Why there are conflicts:\n\n" + "\n".join(f"- ({mark}) {why}" for _, why, mark in CONFLICTS))
    text.append(f"## Main loops of attention in bf16\n\n{(HERE / 'loops.md').read_text().strip()}\n\n"
                f"Read from {loops['from']}.\n\n"
                "| kernel | for | instructions | mma | share of mma | ldmatrix | exp2 | copies of 16 B + narrower | local "
                "memory | stores by width | loads by width |\n|---|---|---:|---:|---:|---:|---:|---:|---:|---|---|\n" +
                "\n".join(loop_rows(loops)))
    check_attention(counts, loops, faults)
    for pattern, _, mark in BYTES + ISSUED + CONFLICTS:
        if pattern not in used:
            faults.append(f"reasons.py: reason ({mark}) is not needed any more")
    return "\n\n".join(text) + "\n"


def same_counts(known, fresh, faults):
    name = lambda line: (line["op"], line["variant"], line["model"], line["length"])
    recorded = {name(line): line for line in known}
    for line in fresh:
        before = recorded.get(name(line))
        if before is None:
            faults.append(f"{name(line)} is not recorded")
        elif before != line:
            for a, b in zip(before["kernels"], line["kernels"]):
                off = [f"{k} {a.get(k)} -> {b.get(k)}" for k in sorted(a.keys() | b.keys()) if a.get(k) != b.get(k)]
                if off:
                    faults.append(f"{name(line)}: {short(b['kernel'])}: {', '.join(off[:4])}")
            if [k["kernel"] for k in before["kernels"]] != [k["kernel"] for k in line["kernels"]]:
                faults.append(f"{name(line)}: other kernels are launched")


def main():
    mode, counts = sys.argv[1], json.load(open(sys.argv[2]))
    known = json.load(open(RECORD)) if RECORD.exists() else {"loops": {"from": "nothing yet", "kernels": {}}}
    loops = json.load(open(sys.argv[3])) if len(sys.argv) > 3 else known["loops"]
    faults = []
    if mode == "write":
        record = {"counts": counts, "loops": loops}
        text = render(record, faults)
        for path, content in ((RECORD, json.dumps(record, indent=1) + "\n"), (SHEET, text)):
            fresh = path.with_suffix(path.suffix + ".new")
            fresh.write_text(content)
            fresh.rename(path)
    else:
        same_counts(known["counts"], counts, faults)
        if loops["kernels"] != known["loops"]["kernels"] and loops["from"].split()[-1] == known["loops"]["from"].split()[-1]:
            faults.append("the main loops of attention are not those recorded")
        if render(known, faults) != SHEET.read_text():
            faults.append("bench/kernels/cost.md is not what bench/kernels/cost.json and bench/ptxas.json give")
    for fault in dict.fromkeys(faults):
        print("cost sheet:", fault)
    print(f"cost sheet: {len(counts)} ops {'counted' if mode == 'write' else 'compared'}, {len(set(faults))} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
