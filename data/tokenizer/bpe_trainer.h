// Learns a byte-level BPE from text: the most frequent pair of neighbouring tokens becomes a token, again and again.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "data/tokenizer/tokenizer.h"

namespace encore {

// Puts the next document into `document` and returns true; false at the end. Called from one thread only.
using DocumentSource = std::function<bool(std::string& document)>;

struct BpeTrainerOptions {
  int vocab_size = 8192;      // with specials and the 256 bytes; at least 261
  int64_t min_frequency = 2;  // pairs rarer than this are not merged (the vocabulary may then stay smaller)
  int threads = 0;            // for cutting and counting words; 0: all of OpenMP's
  // Called at intervals with the phase and the part that is done, in [0, 1] where known, else -1.
  std::function<void(const char* phase, double done)> progress;
};

// Ids: <s> 0, <pad> 1, </s> 2, <unk> 3, the 256 bytes in order of their letters, the merges in order of learning,
// <mask>. Text is cut into words as Tokenizer::encode cuts it; special tokens in the text are ordinary text. Among
// pairs of equal count the one with the smaller ids (left, then right) comes first, so the result depends neither on
// threads nor on the order of documents. Without ties it equals that of Hugging Face's BpeTrainer. Error if vocab_size
// < 261 or there is no text.
Tokenizer train_bpe(const DocumentSource& source, const BpeTrainerOptions& options);

}  // namespace encore
