// Unlabelled text as training sequences: files -> documents -> token cache -> sequences -> batches.
#pragma once

#include <cstdint>
#include <memory>

#include "data/cache/token_cache.h"
#include "data/sequences/ledger.h"
#include "data/sequences/sequence_layout.h"
#include "data/sequences/sequence_set.h"

namespace encore {

struct DatasetOptions {
  TokenCacheOptions cache;
  LayoutOptions layout;
};

class Dataset {
 public:
  // Opens or builds the token cache and lays out the sequences. Throws Error naming file and line or key: a missing
  // or empty file, text that is not UTF-8, a row without the text field, a truncated archive, seq_length out of range.
  static Dataset open(const DatasetOptions&, const Tokenizer&);

  const Ledger& ledger() const { return ledger_; }
  std::shared_ptr<const SequenceSet> train() const { return train_; }
  std::shared_ptr<const SequenceSet> held_out() const { return held_out_; }  // empty set when held_out == 0
  uint64_t fingerprint() const { return fingerprint_; }  // of corpus, tokenizer and options; a resumed run compares it

 private:
  Ledger ledger_;
  std::shared_ptr<const SequenceSet> train_, held_out_;
  uint64_t fingerprint_ = 0;
};

}  // namespace encore
