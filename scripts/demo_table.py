"""Prints the result of scripts/demo.sh as a table: demo_table.py RUN, or demo_table.py --losses RUN NAME for one model.

Reads RUN/{base,adapted}_{domain,general,computing}.json (mlm_eval --json) and RUN/finetune_{base,adapted}/results.json,
writes RUN/table.md. Exit code 1 if the adapted model did not win: lower loss on the domain, and a macro-F1 on test that
is higher by more than the larger of the two sample standard deviations over the seeds."""

import json
import os
import sys

TEXTS = (("domain", "Gene Ontology definitions"), ("general", "WordNet glosses"), ("computing", "FOLDOC entries"))
SCORES = (("macro_f1", "macro-F1"), ("accuracy", "accuracy"))


def read(*parts):
  path = os.path.join(*parts)
  try:
    with open(path, encoding="utf-8") as stream:
      return json.load(stream)
  except (OSError, ValueError) as error:
    sys.exit("demo_table.py: %s: %s" % (path, error))


def print_losses(run, name):
  for text, what in TEXTS:
    result = read(run, "%s_%s.json" % (name, text))
    print("  %-28s %.3f nats a masked token, perplexity %.1f (%d masked tokens)"
          % (what, result["loss"], result["perplexity"], result["targets"]))


def table(run):
  lines = ["| | base | adapted | difference |", "|---|--:|--:|--:|"]
  for text, what in TEXTS:
    base, adapted = (read(run, "%s_%s.json" % (name, text))["loss"] for name in ("base", "adapted"))
    lines.append("| masked-LM loss, %s (%s) | %.3f | %.3f | %+.3f |" % (text, what, base, adapted, adapted - base))
    if text == "domain":
      won = adapted < base
  results = [read(run, "finetune_%s" % name, "results.json") for name in ("base", "adapted")]
  seeds = len(results[0]["seeds"])
  for key, what in SCORES:
    base, adapted = (r["test"][key] for r in results)
    gain = adapted["mean"] - base["mean"]
    spread = max(base["std_sample"], adapted["std_sample"])
    lines.append("| %s on test, %d seeds, mean ± std | %.4f ± %.4f | %.4f ± %.4f | %+.4f%s |" % (
        what, seeds, base["mean"], base["std_sample"], adapted["mean"], adapted["std_sample"], gain,
        " (%.1f std)" % (gain / spread) if spread > 0 else ""))
    if key == "macro_f1":
      won = won and gain > spread
  return lines, won


def main():
  if sys.argv[1:2] == ["--losses"] and len(sys.argv) == 4:
    print_losses(sys.argv[2], sys.argv[3])
    return 0
  if len(sys.argv) != 2:
    sys.exit("usage: demo_table.py RUN | demo_table.py --losses RUN NAME")
  lines, won = table(sys.argv[1])
  with open(os.path.join(sys.argv[1], "table.md"), "w", encoding="utf-8") as stream:
    stream.write("\n".join(lines) + "\n")
  print("\n".join(lines))
  print("\nThe adapted model %s: lower domain loss, and macro-F1 higher by more than one standard deviation."
        % ("wins" if won else "did NOT win on both"))
  return 0 if won else 1


sys.exit(main())
