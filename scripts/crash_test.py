"""Does the work of scripts/crash_test.sh: crash_test.py KILLS SEED BIN_DIR TABLE_FILE (empty: none)."""
import collections
import datetime
import json
import os
import pathlib
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import zlib

ROOT = pathlib.Path(__file__).resolve().parent.parent
CLOCK = {"seconds", "tokens_per_second", "eval_seconds"}  # figures that depend on the clock
SAVE_EVERY, EVAL_EVERY, KEEP = 2, 3, 2
MODEL = {"architectures": ["RobertaForMaskedLM"], "model_type": "roberta", "vocab_size": 1000, "hidden_size": 64,
         "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 128, "max_position_embeddings": 130,
         "type_vocab_size": 1, "layer_norm_eps": 1e-5, "hidden_act": "gelu", "hidden_dropout_prob": 0.1,
         "attention_probs_dropout_prob": 0.1, "initializer_range": 0.02, "pad_token_id": 1, "bos_token_id": 0,
         "eos_token_id": 2}


def must(words, **more):
    done = subprocess.run(words, capture_output=True, text=True, **more)
    if done.returncode != 0:
        sys.exit("crash_test: exit code %d from %s\n%s" % (done.returncode, " ".join(map(str, words)), done.stderr))
    return done


def prepare(work, binaries):
    (work / "config.json").write_text(json.dumps(MODEL))
    text = ROOT / "examples/gene_ontology/train.txt"
    must([binaries / "train_tokenizer", "--data", text, "--vocab-size", "1000", "--output", work / "tok"])
    must([binaries / "init_model", "--config", work / "config.json", "--tokenizer", work / "tok", "--seed", "1",
          "--output", work / "model"])
    lines = text.read_text().splitlines(keepends=True)
    (work / "train.txt").write_text("".join(lines[:600]))
    (work / "eval.txt").write_text("".join((ROOT / "examples/gene_ontology/eval.txt").read_text()
                                           .splitlines(keepends=True)[:60]))


def command(work, binaries, output, steps):
    return [str(w) for w in (
        binaries / "dapt_train", "--model", work / "model", "--train", work / "train.txt", "--eval", work / "eval.txt",
        "--output", output, "--resume", "--max-steps", steps, "--seq-length", 64, "--batch-sequences", 16,
        "--tokens-per-batch", 512, "--lr", "2e-3", "--seed", 7, "--dtype", "fp32", "--threads", 1, "--save-every",
        SAVE_EVERY, "--eval-every", EVAL_EVERY, "--keep", KEEP, "--cache-dir", work / "cache")]


def log_lines(run):
    try:
        return (run / "log.jsonl").read_text().splitlines(keepends=True)
    except FileNotFoundError:
        return []


def temporaries(folder):
    try:
        return [name for name in os.listdir(folder) if ".tmp-" in name]
    except FileNotFoundError:
        return []


def doing(run, lines_at_start):
    """The activity of the halted process, as its folder shows it."""
    for name in temporaries(run / "state"):
        return "removing an old state" if ".tmp-removed-" in name else "writing a state"
    for name in temporaries(run / "model"):
        return "writing model/best" if name.startswith("best") else "writing model/last"
    if temporaries(run):
        return "starting"
    lines = log_lines(run)
    if lines and not lines[-1].endswith("\n"):
        return "writing the log"
    if not lines or len(lines) == lines_at_start:
        return "starting"
    last = json.loads(lines[-1])
    step = last["step"]
    if "eval_loss" not in last and step % EVAL_EVERY == 0:
        return "evaluating"
    if step % SAVE_EVERY == 0 and not (run / ("state/step-%d" % step)).exists():
        return "between log and state"
    return "training step"


def torn(run):
    """The files and folders of a run that have their final name and are not whole. There must never be any."""
    found = []

    def look(folder, table):
        try:
            files = table(json.loads((folder / ("state.json" if folder.parent.name == "state" else "checksums.json"))
                                     .read_text()))
            for name, file in files.items():
                data = (folder / name).read_bytes()
                if len(data) != file["bytes"] or "%08x" % zlib.crc32(data) != file["crc32"]:
                    found.append(str(folder.relative_to(run) / name))
        except (OSError, ValueError, KeyError) as e:
            found.append("%s: %r" % (folder.relative_to(run), e))

    def look_at_weights(file):
        # The checksum is that of the file without its own eight digits (model/safetensors.h).
        try:
            data = file.read_bytes()
            at = data.index(b'"encore_crc32":"') + 16
            if b"%08x" % zlib.crc32(data[at + 8:], zlib.crc32(data[:at])) != data[at:at + 8]:
                found.append(str(file.relative_to(run)))
        except (OSError, ValueError) as e:
            found.append("%s: %r" % (file.relative_to(run), e))

    for folder in run.glob("state/step-*"):
        if folder.name[5:].isdigit():
            look(folder, lambda whole: whole["state"]["files"])
    for folder in run.glob("model/*"):
        if folder.name in ("best", "last"):
            look(folder, lambda whole: whole["files"])
            look_at_weights(folder / "model.safetensors")
    for name in ("config.json", "ledger.json"):
        try:
            json.loads((run / name).read_text())
        except FileNotFoundError:
            pass
        except ValueError:
            found.append(name)
    return found


def events(run):
    """[(step, tag, value)] of the TensorBoard file: TFRecord frames around tensorflow.Event messages."""
    files = sorted(run.glob("events.out.tfevents.*"))
    assert len(files) == 1, files
    data, at, found = files[0].read_bytes(), 0, []
    while at < len(data):
        size, = struct.unpack_from("<Q", data, at)
        assert at + 16 + size <= len(data), "%s: torn at byte %d" % (files[0], at)
        message = dict_of(data[at + 12:at + 12 + size])
        at += 16 + size
        for summary in message.get(5, []):
            for value in dict_of(summary).get(1, []):
                fields = dict_of(value)
                tag = fields[1][0].decode()
                if tag.split("/")[-1] not in CLOCK:
                    found.append((message[2][0], tag, fields[2][0]))
    return found


def dict_of(data):
    """{field number: [values]} of a protocol-buffer message; strings and messages stay bytes, as do fixed widths."""
    fields, at = collections.defaultdict(list), 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value
    while at < len(data):
        key = varint()
        kind = key & 7
        if kind == 0:
            fields[key >> 3].append(varint())
            continue
        size = {1: 8, 5: 4}.get(kind) or varint()
        fields[key >> 3].append(data[at:at + size])
        at += size
    return fields


def timeless(run):
    return [{k: v for k, v in json.loads(line).items() if k not in CLOCK} for line in log_lines(run)]


def differences(whole, killed, steps):
    names = ["state/step-%d/%s" % (steps, f) for f in ("weights.f32", "adam_m.f32", "adam_v.f32")]
    for which in ("best", "last"):
        names += ["model/%s/%s" % (which, p.name) for p in sorted((whole / "model" / which).iterdir())]
    rows = []
    for name in names:
        same = (killed / name).exists() and (whole / name).read_bytes() == (killed / name).read_bytes()
        rows.append((name, same))
    rows.append(("log.jsonl, %d lines" % len(log_lines(whole)), timeless(whole) == timeless(killed)))
    rows.append(("TensorBoard events, %d values" % len(events(whole)), events(whole) == events(killed)))
    state = [json.loads((r / ("state/step-%d/state.json" % steps)).read_text())["state"] for r in (whole, killed)]
    for s in state:
        for key in ("seconds", "log", "events_file", "events"):  # figures that depend on the clock
            s.pop(key)
    rows.append(("state.json", state[0] == state[1]))
    leftovers = [str(p.relative_to(killed)) for p in killed.rglob("*.tmp-*")] + \
                [str(p.relative_to(killed)) for p in killed.rglob("*.superseded")]
    rows.append(("nothing left over" + "".join(": " + x for x in leftovers), not leftovers))
    states = set(os.listdir(killed / "state"))
    expected = {"step-%d" % (steps - i * SAVE_EVERY) for i in range(KEEP)}
    best = "step-%d" % state[0]["best_step"]  # kept in addition, whatever its step
    rows.append(("states kept: " + ", ".join(sorted(states)), states | {best} == expected | {best}))
    return rows


def machine():
    model = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    return "%s, %d cores" % (model, os.cpu_count())


def main():
    kills, seed, binaries, table = int(sys.argv[1]), int(sys.argv[2]), pathlib.Path(sys.argv[3]).resolve(), sys.argv[4]
    rng = random.Random(seed)
    os.environ["OMP_WAIT_POLICY"] = "passive"
    work = pathlib.Path(tempfile.mkdtemp(prefix="encore_crash."))
    try:
        prepare(work, binaries)
        # Draws a moment between the start of the program and a few steps later, so that each attempt gets a little further.
        steps = max(24, 2 * kills)
        start = time.monotonic()
        must(command(work, binaries, work / "whole", steps))
        whole_seconds = time.monotonic() - start
        start = time.monotonic()
        must(command(work, binaries, work / "whole", steps))  # done already: measures the start-up time
        start_seconds = time.monotonic() - start
        step_seconds = max(1e-4, (whole_seconds - start_seconds) / steps)

        run, words, tally, done, attempts = work / "killed", command(work, binaries, work / "killed", steps), \
            collections.Counter(), 0, 0
        damage = []
        begun = time.monotonic()
        while done < kills:
            attempts += 1
            lines = len(log_lines(run))
            left = steps - max([0] + [int(p.name[5:]) for p in (run / "state").glob("step-*") if p.name[5:].isdigit()])
            # Shares the remaining steps out among the remaining kills, so that no moment lies beyond the end.
            reach = start_seconds + step_seconds * min(6.0, 1.5 * left / (kills - done))
            with open(work / "err", "w") as err:
                process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=err)
                time.sleep(rng.uniform(0.1 * start_seconds, reach))
                process.send_signal(signal.SIGSTOP)
                time.sleep(0.002)
                if process.poll() is not None:
                    if process.returncode != 0:
                        sys.exit("crash_test: exit code %d on resuming (seed %d): %s" %
                                 (process.returncode, seed, (work / "err").read_text()))
                    # The machine was faster than measured, and the run ended before all kills were made: another begins.
                    wrong = [name for name, same in differences(work / "whole", run, steps) if not same]
                    damage += ["after kill %d: %s" % (done, name) for name in wrong]
                    if damage or attempts > 20 + 3 * kills:
                        break
                    shutil.rmtree(run)
                    continue
                what = doing(run, lines)
                process.kill()
                process.wait()
            tally[what] += 1
            done += 1
            damage += ["after kill %d: %s" % (done, name) for name in torn(run)]
            if damage:
                break  # later kills would only fail because of it
        rows = [("after each kill: what stands under its own name is whole" + "".join("; " + d for d in damage),
                 not damage)]
        if not damage:
            must(words)
            rows += differences(work / "whole", run, steps)
        text = report(kills, done, seed, steps, tally, rows, time.monotonic() - begun)
        print(text)
        if table:
            pathlib.Path(table).write_text(text + "\n")
        good = all(same for _, same in rows) and done == kills
        if not good:
            keep = work.with_name(work.name + ".kept")
            work.rename(keep)
            print("crash_test: FAILED (%s); the runs stay in %s" %
                  ("%d kills of %d" % (done, kills) if done < kills else "not equal", keep), file=sys.stderr)
        return 0 if good else 1
    finally:
        shutil.rmtree(work, ignore_errors=True)


def report(kills, done, seed, steps, tally, rows, seconds):
    lines = ["# kill -9 at %d random moments" % done, "",
             "scripts/crash_test.sh --kills %d --seed %d, %s" % (kills, seed, datetime.date.today().isoformat()),
             "%s; %d steps, a state every %d steps, an evaluation every %d, --keep %d; %.0f s" %
             (machine(), steps, SAVE_EVERY, EVAL_EVERY, KEEP, seconds), "",
             "| killed while | times |", "|---|--:|"]
    lines += ["| %s | %d |" % item for item in tally.most_common()]
    lines += ["| **all** | **%d** |" % done, "", "| compared with the run that was left alone | equal |", "|---|---|"]
    lines += ["| %s | %s |" % (name, "yes" if same else "NO") for name, same in rows]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
