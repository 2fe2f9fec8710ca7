# shellcheck shell=bash
# Training, stop and resume, full disks, ranks. Sourced by end_to_end.sh. Leaves runs `whole` and `cut`.

fp32=(--dtype fp32 --threads 2)
train=("$bin/dapt_train" --model tiny --train train.txt --eval eval.txt --seq-length 64 --batch-sequences 16 --lr 2e-3
  --eval-every 10 --seed 7 "${fp32[@]}")
holds "dapt_train: 30 steps" "${train[@]}" --max-steps 30 --output whole
holds "log.jsonl: fields, and the loss falls" py <<'P'
import json
steps, evals = [], []
for line in open("whole/log.jsonl"):
    row = json.loads(line)
    (evals if "eval_loss" in row else steps).append(row)
assert [r["step"] for r in steps] == list(range(1, 31)), steps
for key in "step loss lr grad_norm tokens targets tokens_per_second seconds".split():
    assert all(isinstance(r[key], (int, float)) for r in steps), key
assert all("eval_name" in r for r in evals)
first, last = evals[0]["eval_loss"], evals[-1]["eval_loss"]
assert 6.5 < first < 7.3, first  # ln 1000 = 6.9: nothing learned yet
assert last < first - 0.3, (first, last)
P
holds "run folder: config, model, tokenizer, state, events" sh -c '
  test -s whole/config.json && test -s whole/model/last/model.safetensors && test -s whole/model/best/config.json &&
  test -s whole/model/last/vocab.json && test -s whole/model/last/tokenizer.json && ls whole/state/step-30/* &&
  ls whole/events.out.tfevents.*'

holds "--dry-run: an ETA, and no folder" sh -c '"$@" | grep "^  ETA " && [ ! -e dry ]' - \
  "${train[@]}" --max-steps 30 --output dry --dry-run
holds "report.html at the end, and again by report" sh -c 'test -s whole/report.html && rm whole/report.html &&
  "$0" whole && grep -q "Where the text went" whole/report.html && ! grep -q "no ledger.json" whole/report.html' "$bin/report"

# In a window that shrinks and grows, each line of the bar is narrower than the window. Through tee, lines are plain.
# The run is longer than it need be and stopped once both widths were seen: how fast the machine is decides nothing.
holds "a bar on a terminal that changes its width" py "${train[@]}" --max-steps 100000 --output bar <<'P'
import fcntl, os, pty, re, signal, struct, sys, termios, time
pid, fd = pty.fork()
if pid == 0:
    os.environ.pop("TERM", None)
    time.sleep(0.3)
    os.execv(sys.argv[1], sys.argv[1:])
def width(columns):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
def bars():
    return [len(b) for b in re.findall(r"[\r\n](?:\033\[J)?((?:\[[#.]+\] )?step \d+/100000[^\r\n]*)(?=\r)", text)]
width(30)
text = ""
narrow = asked = 0
while True:
    try:
        text += os.read(fd, 1 << 16).decode()
    except OSError:
        break
    seen = len(bars())
    if not narrow and seen > 1:
        narrow = seen
        width(100)
    if narrow and not asked and seen > narrow + 2:
        asked = 1
        os.kill(pid, signal.SIGTERM)
_, status = os.waitpid(pid, 0)
assert os.waitstatus_to_exitcode(status) == 75 and narrow, (status, text)
assert max(bars()[:narrow]) < 30 and 60 < max(bars()) < 100, bars()
P
holds "through tee: no control characters, on a terminal too" py "${train[@]}" --max-steps 10 --output teed <<'P'
import pty, shlex, sys
pty.spawn(["bash", "-o", "pipefail", "-c", " ".join(map(shlex.quote, sys.argv[1:])) + " | tee teed.txt"])
text = open("teed.txt", encoding="utf-8").read()
assert "step 10/10" in text and "report: " in text, text
assert all(c == "\n" or ord(c) >= 32 for c in text), repr(text)
P

# A run that SIGTERM stops while it logs must end with 75 and resume to the same bits. The signal comes with the fourth
# write into the log: a fast machine takes a tenth of a second for thirty steps, and no shell meets their middle for sure.
code=0
LD_PRELOAD=$failing ENCORE_FAIL=pwrite:4:SIGTERM:log.jsonl "${train[@]}" --max-steps 30 --output cut >out 2>err || code=$?
if [ $code -eq 75 ]; then ok "SIGTERM: saves and exits with 75"; else wrong "SIGTERM" "exit code $code: $(tail -n 1 err)"; fi
state=$(ls -d cut/state/step-* 2>/dev/null | tail -n 1)
refuse "a folder that holds a run" 'cut.*--resume' "${train[@]}" --max-steps 30 --output cut

# A disk that is full while saving, simulated by a limit on file sizes: 74, and the old state is intact.
find "$state" -type f -exec sha256sum {} + 2>/dev/null | sort >before.sum
fails_with 74 "no room for the state: exit 74" 'cut/' \
  bash -c 'ulimit -f 100; exec "$@"' - "${train[@]}" --max-steps 30 --output cut --resume
find "$state" -type f -exec sha256sum {} + 2>/dev/null | sort >after.sum
if [ -s before.sum ] && cmp -s before.sum after.sum; then ok "no room for the state: the last one is intact"; else
  wrong "no room for the state" "$state changed"; fi

holds "--resume" "$bin/dapt_train" --output cut --resume
holds "--resume: weights as without the stop" cmp whole/model/last/model.safetensors cut/model/last/model.safetensors
holds "--resume: log as without the stop" py <<'P'
import json
def losses(run):
    rows = [json.loads(line) for line in open(run + "/log.jsonl")]
    return [(r["step"], r.get("loss"), r.get("eval_loss")) for r in rows]
assert losses("whole") == losses("cut")
P

holds "config.json repeats the run" "$bin/dapt_train" --config whole/config.json --output again
holds "config.json repeats the run: the same weights" cmp whole/model/last/model.safetensors again/model/last/model.safetensors

# A disk that is really full: a small tmpfs, if mounting is permitted.
mkdir small
if mount -t tmpfs -o size=3500k none small 2>/dev/null; then
  mounted=$work/small
  fails_with 74 "full disk: exit 74" 'small/' "${train[@]}" --max-steps 30 --save-every 2 --keep 30 --output small/run
  state=$(ls -d small/run/state/step-* 2>/dev/null | grep -v tmp | sort -t- -k2 -n | tail -n 1)
  mkdir moved
  cp -r small/run moved/
  umount small && mounted=
  if [ -n "$state" ]; then
    holds "full disk: the run goes on elsewhere from its last state" \
      "$bin/dapt_train" --output moved/run --resume --keep 1
    holds "full disk: to the same weights" cmp whole/model/last/model.safetensors moved/run/model/last/model.safetensors
  else
    wrong "full disk" "no complete state was left"
  fi
else
  echo "skipped: full disk on a tmpfs (mounting needs root)"
fi

# ------------------------------------------------------------------------------------ a corpus larger than the memory
holds "a text four times the memory: killed, gone on with, trained on" \
  "$root/scripts/big_corpus_test.sh" --memory 128 --times 4 --steps 4 "$bin"
grep '^skipped' out

# ------------------------------------------------------------------------------------------------- two ranks over MPI
if command -v mpirun >/dev/null 2>&1; then
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
  export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_hwloc_base_binding_policy=none
  export PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe PRTE_MCA_hwloc_default_binding_policy=none  # Open MPI 5
  ranks=("$bin/dapt_train" --model tiny --train train.txt --eval eval.txt --seq-length 64 --batch-sequences 16
    --lr 2e-3 --max-steps 10 --seed 7 --dtype fp32)
  holds "mpirun -n 2: runs" mpirun -n 2 "${ranks[@]}" --output two --threads 1
  holds "one rank beside it" "${ranks[@]}" --output one
  holds "mpirun -n 2: the losses of one rank within 1e-5" py <<'P'
import json
def losses(run):
    rows = [json.loads(line) for line in open(run + "/log.jsonl")]
    return [r["loss"] for r in rows if "loss" in r], [r["eval_loss"] for r in rows if "eval_loss" in r]
for a, b in zip(losses("one"), losses("two")):
    assert len(a) == len(b) > 1
    assert all(abs(x - y) <= 1e-5 * abs(x) for x, y in zip(a, b)), list(zip(a, b))
P
else
  echo "skipped: mpirun is not installed"
fi

holds "tapt_train, whole words" "$bin/tapt_train" --model tiny --train train.txt --max-steps 4 --batch-sequences 8 \
  --seq-length 64 --masking whole-word --mode truncate --output tapt
holds "standard input as training text" bash -c '"$@" <train.txt' - "$bin/dapt_train" --model tiny --train - \
  --max-steps 2 --batch-sequences 8 --seq-length 64 --output from_stdin
