// Byte-level BPE, the subword model of GPT-2 and RoBERTa: a stretch of text is cut into words by GPT-2's pattern
// (data/tokenizer/pretokenizer.h); a word's bytes are merged, lowest rank first, leftmost among equals.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <utility>

#include "data/tokenizer/bpe_merge.h"
#include "data/tokenizer/subword_model.h"
#include "data/tokenizer/vocabulary.h"

namespace encore {

class ByteLevelBpe final : public SubwordModel {
 public:
  using Merges = std::vector<std::pair<std::string, std::string>>;  // rank order, in letters

  // What stands for a byte that the vocabulary lacks.
  struct MissingBytes {
    int32_t unk = -1;   // -1: such bytes are left out
    bool fuse = false;  // neighbouring ones are one
  };
  // The vocabulary must outlive the model. Throws Error, which begins with `source`, for a merge of tokens that the
  // vocabulary lacks.
  ByteLevelBpe(const Vocabulary&, const Merges&, MissingBytes, const std::string& source);

  void encode(std::string_view stretch, std::vector<int32_t>& ids, std::vector<uint8_t>* word_starts) const override;
  void decode(std::span<const int32_t> ids, std::string& text) const override;
  std::string_view kind() const override { return "byte-level bpe 1"; }
  void add_to(Fingerprint&) const override;
  size_t merge_count() const override { return merges_.size(); }
  std::vector<std::string> notes() const override;
  std::map<std::string, std::string> files() const override;
  void describe(nlohmann::ordered_json& tokenizer_json, bool add_prefix_space) const override;

  const std::vector<std::pair<int32_t, int32_t>>& merges() const { return merges_; }  // rank order
  const MergeTable& merge_table() const { return merge_table_; }
  int32_t byte_id(uint8_t byte) const { return byte_ids_[byte]; }  // -1 where the vocabulary lacks it
  MissingBytes missing_bytes() const { return missing_; }
  uint64_t serial() const { return serial_; }  // distinct for every object of this process, never 0

 private:
  std::vector<std::string> merge_lines() const;
  int absent_bytes() const;  // of those that UTF-8 has

  const Vocabulary& vocabulary_;
  std::vector<std::pair<int32_t, int32_t>> merges_;
  MergeTable merge_table_;
  std::array<int32_t, 256> byte_ids_;
  MissingBytes missing_;
  uint64_t serial_;
};

}  // namespace encore
