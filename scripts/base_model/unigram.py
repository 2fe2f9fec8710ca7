#!/usr/bin/env python3
"""Unigram loss of held-out text: the loss of a model that knows only the frequency of each token.

    tokenize --model DIR --data TRAIN --no-special > train.ids
    tokenize --model DIR --data HELD_OUT --no-special > held_out.ids
    unigram.py train.ids held_out.ids VOCAB_SIZE

Counts frequencies on the first file, adds one to each token, and prints the nats a token of the second file.
"""
import json
import math
import sys


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    vocab = int(sys.argv[3])
    counts = [1] * vocab
    with open(sys.argv[1]) as lines:
        for line in lines:
            for token in json.loads(line):
                counts[token] += 1
    total = sum(counts)
    loss = tokens = 0
    with open(sys.argv[2]) as lines:
        for line in lines:
            for token in json.loads(line):
                loss -= math.log(counts[token] / total)
                tokens += 1
    print(json.dumps({"unigram_loss": loss / tokens, "tokens": tokens, "train_tokens": total - vocab,
                      "uniform_loss": math.log(vocab)}))


if __name__ == "__main__":
    main()
