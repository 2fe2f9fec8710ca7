#!/usr/bin/env python3
"""Is selected text nearer to the task? Its masked-LM loss under a model adapted to the task's own text, beside random text.

    selection_nearer.py --data ../shared/data --work build/nearer

For chemprot (sentences of the biomedical corpus) and citation_intent (of the computer science corpus): adapts the model to
the task's training rows with tapt_train, chooses the 50 nearest sentences of each row by VAMPIRE and by TF-IDF, draws as
many at random, and measures all of them with mlm_eval under the adapted model and under the model before. The interval is
that of a bootstrap over sentences, both sides drawn anew: 10,000 resamples of the loss a token, and of the difference.
Steps that are done are not done again. Prints a Markdown table. Needs numpy.
"""
import argparse
import json
import pathlib
import subprocess
import time

import numpy

TASKS = {"chemprot": "biomed", "citation_intent": "cs"}
RESAMPLES = 10000


class Steps:
    def __init__(self, options):
        self.bin, self.data, self.work = options.bin, options.data, options.work
        self.model = options.model

    def run(self, program, done, *flags):
        """Runs a program unless `done` is there."""
        if done.exists():
            return
        start = time.perf_counter()
        log = self.work / f"{done.parent.name}-{done.name}.log"
        with open(log, "w") as out:
            command = [str(self.bin / program), *map(str, flags)]
            if subprocess.run(command, stdout=out, stderr=subprocess.STDOUT, check=False).returncode:
                raise SystemExit(f"{' '.join(command)} failed: see {log}")
        if not done.exists():
            done.touch()  # a run that was stopped has a model too
        print(f"<!-- {program} {done.name}: {time.perf_counter() - start:.0f} s -->", flush=True)

    def rows(self, task, split):
        return self.data / "tasks" / task / f"{split}.jsonl.zst"

    def corpus(self, task):
        return self.data / "corpora" / f"{TASKS[task]}.jsonl.zst"

    def adapt(self, task):
        run = self.work / f"tapt-{task}"
        resume = ["--resume"] if (run / "config.json").exists() else []
        self.run("tapt_train", run / "complete", "--model", self.model, "--train",
                 self.rows(task, "train"), "--dev", self.rows(task, "dev"), "--output", run, "--epochs", 30, "--lr", 1e-3,
                 "--seq-length", 128, "--batch-sequences", 64, *resume)
        return run / "model" / "last"

    def topics(self, task):
        """VAMPIRE over the sentences of the corpus and the task's own text."""
        run = self.work / f"vampire-{task}"
        self.run("vampire_train", run / "topics.json", "--train", self.corpus(task), self.rows(task, "train"), "--dev",
                 self.rows(task, "dev"), "--sentences", "--preset", "vampire-dsp", "--lr", 0.003, "--tfidf=false",
                 "--output", run)
        return run / "model" / "best"

    def select(self, task, name, *flags):
        """The chosen sentences alone, without the task's rows that a corpus begins with."""
        folder = self.work / f"{name}-{task}"
        self.run("select_data", folder / "ledger.json", "--task", self.rows(task, "train"), "--task-exclude",
                 self.rows(task, "dev"), self.rows(task, "test"), "--domain", self.corpus(task), "--sentences", "--output",
                 folder, *flags)
        chosen = self.work / f"{name}-{task}.jsonl"
        ledger = json.loads((folder / "ledger.json").read_text())["choices"][0]
        lines = [line for line in open(folder / ledger["file"], encoding="utf-8") if json.loads(line)["from"] == "domain"]
        assert len(lines) == ledger["chosen"]["texts"], (len(lines), ledger)
        chosen.write_text("".join(lines), encoding="utf-8")
        return chosen, len(lines)

    def losses(self, model, name, text):
        """Of every sentence with a target: summed loss and targets."""
        out = self.work / f"{text.stem}-{name}.losses"
        self.run("mlm_eval", out, "--model", model, "--data", text, "--seq-length", 128, "--per-document", out)
        rows = [json.loads(line) for line in open(out, encoding="utf-8")]
        targets = numpy.array([row["targets"] for row in rows], float)
        return numpy.array([row["loss"] for row in rows]) * targets, targets


def resampled(losses, rng):
    """The loss a token of RESAMPLES draws of as many sentences."""
    total, targets = losses
    out = numpy.empty(RESAMPLES)
    for i in range(RESAMPLES):
        rows = rng.integers(0, len(total), len(total))
        out[i] = total[rows].sum() / targets[rows].sum()
    return out


def interval(values):
    low, high = numpy.quantile(values, [0.025, 0.975])
    return f"[{low:.3f}, {high:.3f}]"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", type=pathlib.Path, default="build/bin")
    parser.add_argument("--model", type=pathlib.Path, default="models/encore-mini")
    parser.add_argument("--data", type=pathlib.Path, required=True, help="folder with tasks/ and corpora/")
    parser.add_argument("--work", type=pathlib.Path, required=True, help="folder that is kept")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    steps = Steps(options)
    table = ["| task | sentences | loss a token, adapted to the task | less than random | before adapting | less than random |",
             "|---|--:|--:|--:|--:|--:|"]
    for task in TASKS:
        models = {"adapted": steps.adapt(task), "before": options.model}
        knn = {"50NN by VAMPIRE": ("vampire50", ["--embedding", "vampire", "--vampire", steps.topics(task)]),
               "50NN by TF-IDF": ("tfidf50", [])}
        for title, (name, flags) in knn.items():
            chosen, count = steps.select(task, name, "--k", 50, *flags)
            drawn, _ = steps.select(task, f"rand-{name}", "--method", "rand", "--count", count)
            cells = []
            for model, path in models.items():
                rng = numpy.random.default_rng(1)
                near, far = steps.losses(path, model, chosen), steps.losses(path, model, drawn)
                means = [total.sum() / targets.sum() for total, targets in (near, far)]
                difference = resampled(far, rng) - resampled(near, rng)
                cells += [f"{means[0]:.3f} (random {means[1]:.3f})", f"{means[1] - means[0]:.3f} {interval(difference)}"]
            table.append(f"| {task}: {title} | {count:,} | {' | '.join(cells)} |")
    print("\n".join(table))


if __name__ == "__main__":
    main()
