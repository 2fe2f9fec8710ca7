// Texts in memory as sequences, without a token cache: for samples.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/sequences/sequence_set.h"
#include "data/tokenizer/tokenizer.h"

namespace encore {

// The same sequences as Dataset makes of a file of these texts with SequenceMode::kSplit and no overlap.
class TextSet final : public SequenceSet {
 public:
  // seq_length: in tokens, special tokens counted. Throws Error as check_layout_options does.
  TextSet(const std::vector<std::string>& texts, const Tokenizer&, int64_t seq_length);

  int64_t tokens() const { return int64_t(ids_.size()); }  // of the texts, without special tokens

  int64_t examples() const override { return int64_t(windows_.size()); }
  int64_t sequences() const override { return examples(); }
  int64_t seq_length() const override { return seq_length_; }
  int64_t example_tokens(int64_t example) const override;
  int64_t example_sequences(int64_t) const override { return 1; }
  void append(int64_t example, uint64_t epoch, const Objective&, PackedBatch&) const override;
  int64_t document_of(int64_t sequence) const override { return windows_[size_t(sequence)].document; }
  int64_t first_sequence(int64_t example) const override { return example; }

 private:
  struct Window {
    int64_t begin, end;  // tokens of ids_
    int64_t document;
  };
  int64_t seq_length_;
  SpecialsTemplate::Single around_;
  std::vector<int32_t> ids_;
  std::vector<uint8_t> word_starts_;
  std::vector<Window> windows_;
};

}  // namespace encore
