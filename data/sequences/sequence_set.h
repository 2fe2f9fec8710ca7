// One side of a corpus as numbered training examples.
//
//   document   one text of the corpus (a line, a jsonl row, ...)
//   sequence   a unit of attention: tokens of one document between special tokens, at most seq_length in all (with
//              LayoutOptions::cross_document_attention: pieces of several documents, each followed by </s>)
//   example    one row of a batch: one sequence, or in mode `full` as many sequences as fill seq_length tokens
//
// Sequences and examples are numbered 0.. in corpus order; both numberings depend on the corpus, the tokenizer and the
// options alone.
#pragma once

#include <cstdint>

#include "data/sequences/objective.h"
#include "kernels/base/packed_batch.h"

namespace encore {

class SequenceSet {
 public:
  virtual ~SequenceSet() = default;
  virtual int64_t examples() const = 0;
  virtual int64_t sequences() const = 0;
  virtual int64_t seq_length() const = 0;
  // Tokens of one example, with special tokens.
  virtual int64_t example_tokens(int64_t example) const = 0;
  virtual int64_t example_sequences(int64_t example) const = 0;
  // Appends an example to the batch: ids as they are shown, cu_seqlens, example keys (example_key(epoch, sequence
  // number)), targets. The caller calls finish().
  virtual void append(int64_t example, uint64_t epoch, const Objective&, PackedBatch&) const = 0;
  // Number, over both sides, of the document that a sequence starts in: for messages and losses by document.
  virtual int64_t document_of(int64_t sequence) const = 0;
  virtual int64_t first_sequence(int64_t example) const = 0;
};

}  // namespace encore
