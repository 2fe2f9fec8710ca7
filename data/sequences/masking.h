// Dynamic masking for masked-LM training: a pure function of (seed, epoch, sequence, position).
//
// BERT's 80/10/10 (Devlin et al., 2019) as Hugging Face's DataCollatorForLanguageModeling does it: each token that is
// not special is a target with probability p; a target becomes <mask> (0.8), a random id (0.1) or stays (0.1).
// Whole-word masking: the draw and the 80/10/10 decision are one per word (a GPT-2 pre-token), random ids per token.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace encore {

class Tokenizer;

struct MaskingOptions {
  double mlm_probability = 0.15;
  double mask_share = 0.8;    // of the targets
  double random_share = 0.1;  // of the targets; the rest is kept
  bool whole_word = false;
  uint64_t seed = 0;
};

class Masker {
 public:
  // special: [vocab_size] 1 = never masked, never drawn as a random id. Throws Error for probabilities out of range.
  Masker(const MaskingOptions&, int32_t mask_id, std::vector<uint8_t> special);

  // Masks one sequence in place (ids with their specials). For each target its position and true id are appended.
  // word_start: [ids.size()] 1 = a word begins here; read only for whole_word.
  // key: example_key(epoch, sequence number).
  void apply(std::span<int32_t> ids, std::span<const uint8_t> word_start, uint64_t key, std::vector<int32_t>& positions,
             std::vector<int32_t>& labels) const;

  const MaskingOptions& options() const { return options_; }

 private:
  MaskingOptions options_;
  int32_t mask_id_;
  std::vector<uint8_t> special_;
  std::vector<int32_t> ordinary_ids_;  // what random replacement draws from
};

// With the tokenizer's <mask>; its special tokens, and holes in its numbering, are special. Throws Error without
// <mask>.
Masker make_masker(const MaskingOptions&, const Tokenizer&);

}  // namespace encore
