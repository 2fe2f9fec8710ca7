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

  // The vocabulary must outlive the model. unk: stands for a byte that the vocabulary lacks; -1: such bytes are left
  // out. Throws Error, which begins with `source`, for a merge of tokens that the vocabulary lacks.
  ByteLevelBpe(const Vocabulary&, const Merges&, int32_t unk, const std::string& source);

  void encode(std::string_view stretch, std::vector<int32_t>& ids, std::vector<uint8_t>* word_starts) const override;
  void decode(std::span<const int32_t> ids, std::string& text) const override;
  std::string_view kind() const override { return "byte-level bpe 1"; }
  void add_to(Fingerprint&) const override;
  size_t merge_count() const override { return merges_.size(); }
  std::map<std::string, std::string> files() const override;
  void describe(nlohmann::ordered_json& tokenizer_json, bool add_prefix_space) const override;

  const std::vector<std::pair<int32_t, int32_t>>& merges() const { return merges_; }  // rank order
  const MergeTable& merge_table() const { return merge_table_; }
  int32_t byte_id(uint8_t byte) const { return byte_ids_[byte]; }  // unk where the vocabulary lacks it
  uint64_t serial() const { return serial_; }                      // distinct for every object of this process, never 0

 private:
  std::vector<std::string> merge_lines() const;

  const Vocabulary& vocabulary_;
  std::vector<std::pair<int32_t, int32_t>> merges_;
  MergeTable merge_table_;
  std::array<int32_t, 256> byte_ids_;
  uint64_t serial_;
};

}  // namespace encore
