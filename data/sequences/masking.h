// Dynamic masking: the objectives whose targets are hidden, replaced or kept.
//
// BERT's 80/10/10 (Devlin et al., 2019) as Hugging Face's DataCollatorForLanguageModeling does it: each token that is
// not special is a target with probability p; a target becomes <mask> (0.8), a random id (0.1) or stays (0.1).
#pragma once

#include <cstdint>
#include <memory>

#include "data/sequences/objective.h"

namespace encore {

class Tokenizer;

// What is drawn at a time.
enum class MaskUnit : uint8_t {
  kToken,  // TokenMasking
  kWord,   // WholeWordMasking
};

struct MaskingOptions {
  double mlm_probability = 0.15;
  double mask_share = 0.8;    // of the targets
  double random_share = 0.1;  // of the targets; the rest is kept
  MaskUnit unit = MaskUnit::kToken;
  uint64_t seed = 0;
};

// The draws that both ways of masking share.
class MaskDraws {
 public:
  // special: [vocab_size] 1 = never a target, never drawn as a random id. Throws Error for probabilities out of range.
  MaskDraws(const MaskingOptions&, int32_t mask_id, std::vector<uint8_t> special);

  struct Draw {
    bool target = false;
    double fate = 0;  // uniform in [0, 1): decides between <mask>, random and kept
  };
  // For the token, or for the word that begins, at `position` of the sequence.
  Draw draw_at(uint64_t key, size_t position) const;
  // Makes the token at `position` a target.
  void add_target(const Objective::Sequence&, size_t position, double fate, std::vector<int32_t>& positions,
                  std::vector<int32_t>& labels) const;
  // Throws Error for an id outside of the vocabulary.
  bool is_special(int32_t id) const;
  double probability() const { return options_.mlm_probability; }

 private:
  int32_t shown(int32_t id, double fate, uint64_t key, size_t position) const;

  MaskingOptions options_;
  int32_t mask_id_;
  std::vector<uint8_t> special_;
  std::vector<int32_t> ordinary_ids_;  // the candidates of random replacement
};

// Each token is drawn for itself.
class TokenMasking final : public Objective {
 public:
  explicit TokenMasking(MaskDraws draws) : draws_(std::move(draws)) {}
  void apply(const Sequence&, std::vector<int32_t>& positions, std::vector<int32_t>& labels) const override;
  int64_t target_bound(int64_t tokens) const override;

 private:
  MaskDraws draws_;
};

// One draw and one of the three fates a word (a GPT-2 pre-token); random ids are drawn for each token.
class WholeWordMasking final : public Objective {
 public:
  explicit WholeWordMasking(MaskDraws draws) : draws_(std::move(draws)) {}
  // Throws Error where word_starts has another size than ids.
  void apply(const Sequence&, std::vector<int32_t>& positions, std::vector<int32_t>& labels) const override;
  int64_t target_bound(int64_t tokens) const override;

 private:
  MaskDraws draws_;
};

// The objective that the options name. special: as for MaskDraws.
std::shared_ptr<const Objective> make_masking(const MaskingOptions&, int32_t mask_id, std::vector<uint8_t> special);
// With the tokenizer's <mask>. Its special tokens, and ids without a token, are special. Throws Error without <mask>.
std::shared_ptr<const Objective> make_masking(const MaskingOptions&, const Tokenizer&);

}  // namespace encore
