#!/usr/bin/env python3
"""Collects the results of scripts/gpu_check.sh's parts into one JSON and one table; prints the ends of the table.

    report.py WORK OUT MODE DEVICE

Standard library only. WORK holds parts.tsv, a log for each part, and the JSON of those that write one.
"""
import glob
import json
import os
import re
import sys
import time

# The project's goals on an H100, by benchmark: (key, least).
MUST = {
    "attention_forward/base/512/bf16/p=0": ("TFLOP/s", 282),
    "attention_backward/base/512/bf16/p=0": ("TFLOP/s", 198),
    "layernorm_forward/base/bf16/plain": ("GB/s", 2400),
    "layernorm_backward/base/bf16/plain": ("GB/s", 2200),
    "cross_entropy/bf16": ("GB/s", 2900),
    "adamw/fp32": ("GB/s", 2800),
    "gelu_forward/base/bf16": ("GB/s", 2700),
    "gelu_backward/base/bf16": ("GB/s", 2700),
}
MUST_TOKENS = 600_000  # base, 512, no attention dropout
MUST_RATIO = 1.8  # times PyTorch + transformers, compiled
LOG_LINES = 120


def load(path):
    try:
        with open(path) as file:
            return json.load(file)
    except (OSError, ValueError):
        return None


def parts_of(work):
    parts = []
    with open(os.path.join(work, "parts.tsv")) as file:
        for line in file:
            name, result, seconds, limit = line.rstrip("\n").split("\t")
            try:
                with open(os.path.join(work, name + ".log"), errors="replace") as log:
                    lines = log.read().splitlines()
            except OSError:
                lines = []
            parts.append({"name": name, "result": result, "seconds": float(seconds), "limit": float(limit),
                          "log": lines[-LOG_LINES:]})
    return parts


def name_of(entry):
    """The name without Google Benchmark's suffixes."""
    return re.sub(r"/iterations:\d+/manual_time$", "", entry.get("run_name", entry["name"]))


def op_rows(ops, peers, on_card):
    """[{"name", "encore": entry, "peer": the fastest entry, "ratio"}]"""
    fastest = {}
    for entry in (peers or {}).get("benchmarks", []):
        if "median_us" in entry:
            name = name_of(entry)
            if name not in fastest or entry["median_us"] < fastest[name]["median_us"]:
                fastest[name] = entry
    rows = []
    for entry in (ops or {}).get("benchmarks", []):
        name = name_of(entry)
        row = {"name": name, "encore": entry, "peer": fastest.get(name)}
        if row["peer"] and entry.get("median_us"):
            row["ratio"] = row["peer"]["median_us"] / entry["median_us"]
        if on_card and name in MUST:
            key, least = MUST[name]
            row["must"] = {"key": key, "least": least, "reached": entry.get(key, 0) >= least}
        rows.append(row)
    return rows


def step_rows(work, peers):
    rows = []
    for path in sorted(glob.glob(os.path.join(work, "step_*.json"))):
        step = load(path)
        if not step:
            continue
        row = {"encore": step, "peers": {}}
        for name, timing in ((peers or {}).get("parts") or {}).items():
            found = re.fullmatch(r"mlm step roberta-(\w+) (\d+)x(\d+) (\w+) attention dropout ([\d.]+)", name)
            # Peers' batches may differ; rates are compared at equal shape, length and dropout.
            if found and found[1] == step["shape"] and int(found[3]) == step["length"] and \
                    abs(float(found[5]) - step["attention_dropout"]) < 1e-6:
                row["peers"][found[4]] = timing["tokens_per_second"]
        if row["peers"]:
            row["ratio"] = step["tokens_per_second"] / max(row["peers"].values())
        rows.append(row)
    rows.sort(key=lambda r: -r["encore"]["tokens_per_second"])
    return rows


def table(headings, rows):
    lines = ["| " + " | ".join(headings) + " |", "|" + "---|" * len(headings)]
    return lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows] + [""]


def number(value, digits=0):
    return "" if value is None else f"{value:,.{digits}f}"


def said(part):
    """The most informative line of a part."""
    lines = [line for line in part["log"] if line.strip()]
    if part["result"] == "skipped":
        return lines[-1].replace("skipped: ", "") if lines else ""
    if part["result"] == "ok":
        return ""
    telling = [line for line in lines if re.search(r"FAIL|rror|DIFFERS|ended with|not usable", line)] or lines[-1:]
    return telling[0].strip()[:140].replace("|", "/") if telling else ""


def rate(entry):
    if "TFLOP/s" in entry:
        return f"{entry['TFLOP/s']:,.1f} TFLOP/s"
    return f"{entry['GB/s']:,.0f} GB/s" if "GB/s" in entry else ""


def share(entry):
    key = "of_matmul" if "of_matmul" in entry else "of_copy"
    return f"{100 * entry[key]:.0f} % of {key[3:]}" if key in entry else ""


def markdown(report):
    facts = [line for p in report["parts"] if p["name"] == "facts" for line in p["log"]]
    where = "" if report["device"] == "cuda" else f" ({report['mode']}, {report['device']})"
    out = [f"# GPU check, {report['date']}{where}", ""]
    out += ["    " + line for line in facts] + [""]
    out += table(["part", "result", "s", ""], [[p["name"], p["result"], number(p["seconds"], 1), said(p)]
                                               for p in report["parts"]])
    if report["steps"]:
        out += ["## Tokens a second of one masked-LM step", ""]
        rows = []
        for r in report["steps"]:
            e = r["encore"]
            graph = "" if e.get("cuda_graph") else ", no graph"
            rows.append([f"{e['shape']} {e['dtype']}{graph}", f"{e['sequences']} x {e['length']}", f"{e['attention_dropout']:.1f}",
                         number(e["tokens_per_second"]), f"{1e3 * e['p10_s']:.1f} - {1e3 * e['p90_s']:.1f}",
                         number(e["model_tflop_s"], 1), number(r["peers"].get("eager")), number(r["peers"].get("compiled")),
                         number(r.get("ratio"), 2)])
        out += table(["shape", "batch", "attention dropout", "tokens/s", "ms (p10 - p90)", "TFLOP/s of the model",
                      "PyTorch eager", "compiled", "times the faster"], rows)
    if report["unwatched"]:
        unwatched = report["unwatched"]
        out += [f"`dapt_train` on real text, {unwatched['tokens_per_second']:,.0f} tokens/s: the device worked for "
                f"{100 * unwatched['busy']:.1f} % of {unwatched['steps']} steps (must: 97).", ""]
    if report["busy"]:
        step = report["busy"]["profile"]
        out += [f"Busy {100 * report['busy']['busy']:.1f} % of a step. Its ops:", ""]
        ops = sorted(step["ops"].items(), key=lambda kv: -kv[1]["seconds"])
        out += table(["op", "calls a step", "ms a step", "% of the step", "rate"],
                     [[name, f"{o['calls'] / step['count']:.0f}", number(1e3 * o["seconds"] / step["count"], 3),
                       number(100 * o["seconds"] / step["seconds"], 1),
                       f"{o['flops'] / o['seconds'] * 1e-12:,.1f} TFLOP/s" if o["flops"] else
                       f"{o['bytes'] / max(o['seconds'], 1e-12) * 1e-9:,.0f} GB/s"] for name, o in ops])
    if report["ops"]:
        out += ["## Ops", "", "Rates count what must move or be computed; shares are of this card's own peaks.", ""]
        rows = []
        for r in report["ops"]:
            e, peer = r["encore"], r["peer"] or {}
            if "median_us" not in e:
                rows.append([r["name"], "FAILED: " + e.get("error_message", "")[:80].replace("|", "/"), "", "", "", "", ""])
                continue
            must = r.get("must")
            rows.append([r["name"], number(e["median_us"], 1), f"{e['p10_us']:.1f} - {e['p90_us']:.1f}", rate(e), share(e),
                         f"{peer['label']}: {peer['median_us']:,.1f} us, {r['ratio']:.2f} x" if peer else "",
                         f"{must['least']:,} {must['key']}: {'reached' if must['reached'] else 'missed'}" if must else ""])
        out += table(["op", "median us", "p10 - p90", "rate", "share", "fastest in PyTorch, times slower",
                      "must (H100)"], rows)
    for dtype, run in report["dapt"].items():
        limits = run["limits"]
        out += [f"{len(run['seeds'])} x {run['steps']} steps on real text, {dtype}: {run['rms']:.2e} from the recorded runs (root "
                f"mean square, at most {limits['rms']:.2e}), at worst {run['worst']:.2e} (at most {limits['worst']:.2e}); "
                f"{run['tokens_per_second']:,.0f} tokens/s.", ""]
    if report["task"]:
        f1 = report["task"]["test"]["macro_f1"]["mean"]
        times = [line for p in report["parts"] if p["name"] == "task" for line in p["log"] if line.startswith("seconds_")]
        out += [f"Task-adaptive pretraining and fine-tuning on citation_intent: macro F1 {f1:.3f}; {', '.join(times)}.", ""]
    return "\n".join(out) + "\n"


def write(path, text):
    with open(path + ".tmp", "w") as out:
        out.write(text)
    os.replace(path + ".tmp", path)


def main():
    work, folder, mode, device = sys.argv[1:5]
    peer_steps, peer_ops = load(os.path.join(work, "peer_steps.json")), load(os.path.join(work, "peer_ops.json"))
    ops = load(os.path.join(work, "ops.json"))
    report = {"date": time.strftime("%Y-%m-%d"), "mode": mode, "device": device, "parts": parts_of(work),
              "peaks": (load(os.path.join(work, "peaks.json")) or {}).get("context"),
              "steps": step_rows(work, peer_steps), "busy": load(os.path.join(work, "busy.json")),
              "unwatched": load(os.path.join(work, "unwatched.json")),
              "ops": op_rows(ops, peer_ops, device == "cuda"), "peer_steps": peer_steps,
              "dapt": {d: r for d in ("bf16", "fp32") if (r := load(os.path.join(work, f"dapt_{d}.json")))},
              "task": load(os.path.join(work, "task_results.json"))}
    stem = os.path.join(folder, report["date"] + "_gpu_check")
    write(stem + ".json", json.dumps(report, indent=1) + "\n")
    text = markdown(report)
    write(stem + ".md", text)
    for row in report["steps"]:
        e = row["encore"]
        ratio = f", {row['ratio']:.2f} x PyTorch" if "ratio" in row else ""
        graph = "" if e.get("cuda_graph") else " no graph"
        print(f"step {e['shape']}{graph} {e['sequences']} x {e['length']} attention dropout {e['attention_dropout']:.1f}: "
              f"{e['tokens_per_second']:,.0f} tokens/s{ratio}")
        if device == "cuda" and e["shape"] == "base" and e["length"] == 512 and e["attention_dropout"] == 0:
            print(f"  must: {MUST_TOKENS:,} tokens/s, {MUST_RATIO} x PyTorch compiled")
    for row in report["ops"]:
        if "must" in row:
            m = row["must"]
            print(f"{row['name']}: {row['encore'].get(m['key'], 0):,.0f} {m['key']}, must {m['least']:,}"
                  f" ({'reached' if m['reached'] else 'missed'})")
    print(f"written: {stem}.json and {stem}.md")


if __name__ == "__main__":
    main()
