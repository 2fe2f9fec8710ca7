"""VAMPIRE's training step, 30,000 words and 81 dimensions, batches of 64 and of 512, two threads: Encore's vampire_bench
against PyTorch's fastest form (vampire_step.py). The bags are random by Zipf's law on both sides. The two run by turns,
three times, and the best of each counts.
"""
import json
import os
import subprocess
import sys

import peers

ROW = "vampire"
WORDS, LATENT, ENTRIES, THREADS = 30000, 81, 60, 2
STEPS = {64: 40, 512: 10}
peers.need(ROW, "torch")


def encore(batch):
    out = peers.WORK / f"vampire_{batch}.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    peers.run(peers.program("vampire_bench"), "--batch", batch, "--words", WORDS, "--latent", LATENT, "--entries",
              ENTRIES, "--steps", STEPS[batch], "--threads", THREADS, "--json", out)
    return json.loads(out.read_text())


def peer(batch):
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "vampire_step.py")
    arguments = map(str, (batch, WORDS + 1, LATENT, ENTRIES, max(5, STEPS[batch] // 2), THREADS))
    return json.loads(subprocess.run([sys.executable, script, *arguments], stdout=subprocess.PIPE, check=True).stdout)


def main():
    for batch in STEPS:
        load = os.getloadavg()[0]
        ours, theirs = [], []
        for _ in range(3):
            ours.append(encore(batch))
            theirs.append(peer(batch))
            peers.say(f"batch {batch}: Encore {ours[-1]['median_s'] * 1e3:.1f} ms, PyTorch "
                      f"{theirs[-1]['median_s'] * 1e3:.1f} ms ({theirs[-1]['best']})")
        best, other = min(ours, key=lambda r: r["median_s"]), min(theirs, key=lambda r: r["median_s"])
        peers.emit(f"{ROW}_{batch}", f"VAMPIRE, 30,000 words, 81 dimensions, batch {batch}", "documents/s",
                   {"value": batch / other["median_s"], "who": f"PyTorch {other['torch']}, {other['best']}",
                    "milliseconds": {name: 1e3 * s for name, s in other["all"].items()}},
                   {"value": batch / best["median_s"], "who": "vampire_bench", "threads": THREADS, **best},
                   must=3, aim=5, load_before=load)


main()
