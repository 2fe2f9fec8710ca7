#!/usr/bin/env python3
"""Loads an Encore model folder in Hugging Face transformers and compares logits and token ids.

    scripts/check_hf.py MODEL_DIR [--bin build/bin] [--seed 1]

Checks that from_pretrained reports no missing, unexpected or mismatched key, that the logits of `trace` on random
ragged input agree in fp32, and that AutoTokenizer gives the ids of `tokenize`. Exit code 0: all checks hold, or
transformers is not installed (it says so); 1: something differs; 2: the folder or a program is missing.
"""
import argparse
import json
import os
import random
import subprocess
import sys
import tempfile

TEXTS = [
    "The kinase phosphorylates its substrate.", "  two spaces,\ttab\nand a line", "don't I'll we've", "naïve café 漢字 🙂",
    "x" * 200, "1234567890 3.14", "", " ", "a <mask> in the text", "</s> inside <s>", "emoji 👩‍🔬 joined", "\u00a0nbsp\u2003em",
]


def compare_logits(model, config, folder, programs, seed):
    """Largest absolute and relative difference between trace's logits and transformers' over one ragged batch."""
    import torch
    from safetensors.torch import load_file

    draw = random.Random(seed)
    longest = config.max_position_embeddings - config.pad_token_id - 1
    lengths = sorted({1, 2, 7, 33, min(longest, 97), longest if longest <= 600 else 128})
    draw.shuffle(lengths)
    ids = [[draw.randrange(config.vocab_size) for _ in range(min(n, longest))] for n in lengths]
    ids = [[i if i != config.pad_token_id else (i + 1) % config.vocab_size for i in row] for row in ids]
    classifier = "SequenceClassification" in config.architectures[0]
    batch = {"input_ids": ids}
    if classifier:
        batch["class_labels"] = [draw.randrange(config.num_labels) for _ in ids]
    else:
        batch["labels"] = [[draw.randrange(config.vocab_size) if draw.random() < 0.3 or len(row) < 3 else -100
                            for _ in row] for row in ids]
    with tempfile.TemporaryDirectory() as temporary:
        batch_file, out_file = temporary + "/batch.json", temporary + "/out.safetensors"
        with open(batch_file, "w") as f:
            json.dump(batch, f)
        subprocess.run([programs + "/trace", "--model", folder, "--batch", batch_file, "--output", out_file,
                        "--device", "cpu", "--dtype", "fp32"], check=True, stdout=subprocess.DEVNULL)
        ours = load_file(out_file)["logits"]
    theirs = []
    with torch.no_grad():
        for i, row in enumerate(ids):
            logits = model(torch.tensor([row])).logits
            if classifier:
                theirs.append(logits)
            else:
                theirs.append(logits[0, [j for j, label in enumerate(batch["labels"][i]) if label != -100]])
    theirs = torch.cat(theirs)
    if ours.shape != theirs.shape:
        return float("inf"), float("inf")
    absolute = (ours - theirs).abs().max().item()
    return absolute, absolute / max(theirs.abs().max().item(), 1e-30)


def compare_tokens(folder, programs):
    """Texts whose ids differ between AutoTokenizer and tokenize."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    with tempfile.TemporaryDirectory() as temporary:
        data = temporary + "/texts.jsonl"
        with open(data, "w") as f:
            for text in TEXTS:
                f.write(json.dumps({"text": text}) + "\n")
        out = subprocess.run([programs + "/tokenize", "--model", folder, "--data", data], check=True,
                             stdout=subprocess.PIPE, text=True).stdout
    ours = [json.loads(line) for line in out.splitlines()]
    theirs = [tokenizer(text)["input_ids"] for text in TEXTS]
    if len(ours) != len(theirs):
        return [f"{len(ours)} documents out of {len(theirs)}"]
    return [repr(text) for text, a, b in zip(TEXTS, ours, theirs) if a != b]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", metavar="MODEL_DIR")
    parser.add_argument("--bin", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "build", "bin"),
                        help="folder of Encore's programs")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tolerance", type=float, default=2e-5,
                        help="largest logit difference, relative to the largest logit")
    args = parser.parse_args()
    try:
        import torch
        import transformers
    except ImportError:
        print("skipped: transformers is not installed")
        return 0
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    if not os.path.exists(os.path.join(args.model, "config.json")):
        print(f"{args.model}: no config.json", file=sys.stderr)
        return 2
    config = transformers.AutoConfig.from_pretrained(args.model)
    classifier = "SequenceClassification" in config.architectures[0]
    loader = transformers.AutoModelForSequenceClassification if classifier else transformers.AutoModelForMaskedLM
    model, info = loader.from_pretrained(args.model, output_loading_info=True)
    print(f"{type(model).__name__}, stored as {model.dtype}, transformers {transformers.__version__}")
    wrong = False
    for kind in ("missing_keys", "unexpected_keys", "mismatched_keys", "error_msgs", "conversion_errors"):
        found = info.get(kind) or []
        if found:
            wrong = True
            print(f"FAILED {kind}: {sorted(map(str, found))}")
    if not wrong:
        print("keys: none missing, unexpected or mismatched")

    model = model.to(torch.float32).eval()
    if os.path.exists(args.bin + "/trace"):
        absolute, relative = compare_logits(model, config, args.model, args.bin, args.seed)
        good = relative <= args.tolerance
        wrong |= not good
        print(f"{'logits' if good else 'FAILED logits'}: largest difference {absolute:.3g} ({relative:.3g} of the largest)")
    else:
        print(f"no {args.bin}/trace: logits not compared", file=sys.stderr)
        return 2
    if os.path.exists(os.path.join(args.model, "tokenizer.json")) or os.path.exists(os.path.join(args.model, "vocab.json")):
        if os.path.exists(args.bin + "/tokenize"):
            different = compare_tokens(args.model, args.bin)
            wrong |= bool(different)
            print(f"FAILED token ids: {', '.join(different)}" if different else f"token ids: {len(TEXTS)} texts alike")
        else:
            print("no tokenize program: token ids not compared")
    else:
        print("no tokenizer in the folder: token ids not compared")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
