#!/usr/bin/env bash
# Kills a run again and again, resumes it each time, and compares its result with that of a run that was never killed.
#
#   scripts/crash_test.sh [--kills N] [--seed S] [--bin DIR] [--table FILE]
#
# --kills N      kill -9 at N random moments (50), each followed by --resume
# --seed S       draws the moments (default: from the clock, and printed)
# --bin DIR      the folder of dapt_train (build/bin)
# --table FILE   also writes the table there, with the machine and the date
#
# The run is a tiny model with a state every second step, an evaluation every third and --keep 2, so that many moments
# fall into saves, evaluations and the removal of old states. Before each kill, SIGSTOP halts the process to see what it
# is doing; after it, every state, model folder and JSON file under its final name must be whole. At the end, weights,
# both Adam moments, model/best and model/last, and every figure of log.jsonl and of the TensorBoard file but those of
# the clock must be equal to the bit. Exit code 0 only then.
set -u
cd "$(dirname "$0")/.." || exit 1
kills=50 seed= bin=build/bin table=
while [ $# -gt 0 ]; do
  case $1 in
    --kills | --seed | --bin | --table)
      [ $# -gt 1 ] || { echo "crash_test.sh: $1 needs a value" >&2; exit 2; }
      case $1 in --kills) kills=$2 ;; --seed) seed=$2 ;; --bin) bin=$2 ;; --table) table=$2 ;; esac
      shift 2 ;;
    *) echo "crash_test.sh: unknown argument '$1': usage: crash_test.sh [--kills N] [--seed S] [--bin DIR] [--table FILE]" >&2
      exit 2 ;;
  esac
done
[ -x "$bin/dapt_train" ] || { echo "crash_test.sh: no dapt_train in $bin: build it first (cmake --build --preset release)" >&2; exit 2; }
exec python3 scripts/crash_test.py "$kills" "${seed:-$(date +%N)}" "$bin" "$table"
