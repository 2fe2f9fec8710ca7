#include "data/sequences/masking.h"

#include <algorithm>

#include "data/tokenizer/tokenizer.h"
#include "kernels/base/check.h"
#include "kernels/base/rng.h"

namespace encore {

Masker make_masker(const MaskingOptions& options, const Tokenizer& tokenizer) {
  check(tokenizer.mask_id() >= 0, "the tokenizer has no <mask>; masked-LM training needs one");
  std::vector<uint8_t> special(size_t(tokenizer.vocab_size()));
  for (int32_t id = 0; id < tokenizer.vocab_size(); ++id)
    special[size_t(id)] = tokenizer.is_special(id) || !tokenizer.has_token(id);
  return Masker(options, tokenizer.mask_id(), std::move(special));
}

Masker::Masker(const MaskingOptions& options, int32_t mask_id, std::vector<uint8_t> special)
    : options_(options), mask_id_(mask_id), special_(std::move(special)) {
  const MaskingOptions& o = options_;
  check(o.mlm_probability > 0 && o.mlm_probability <= 1, "--mlm-probability {}: must be above 0 and at most 1",
        o.mlm_probability);
  check(o.mask_share >= 0 && o.random_share >= 0 && o.mask_share + o.random_share <= 1 + 1e-9,
        "share of <mask> {} and of random tokens {}: each must be at least 0, and both together at most 1",
        o.mask_share, o.random_share);
  check(mask_id >= 0 && size_t(mask_id) < special_.size(), "the id of <mask>, {}, is outside of the vocabulary of {}",
        mask_id, special_.size());
  for (size_t id = 0; id < special_.size(); ++id)
    if (!special_[id]) ordinary_ids_.push_back(int32_t(id));
  check(!ordinary_ids_.empty(), "the vocabulary holds nothing but special tokens");
}

void Masker::apply(std::span<int32_t> ids, std::span<const uint8_t> word_start, uint64_t key,
                   std::vector<int32_t>& positions, std::vector<int32_t>& labels) const {
  check(!options_.whole_word || word_start.size() == ids.size(),
        "whole-word masking: {} tokens, but word starts for {}", ids.size(), word_start.size());
  bool target = false, ordinary_before = false;
  double fate = 0;
  for (size_t i = 0; i < ids.size(); ++i) {
    const int32_t id = ids[i];
    check(id >= 0 && size_t(id) < special_.size(), "token id {} is outside of the vocabulary of {}", id,
          special_.size());
    if (special_[size_t(id)]) {
      ordinary_before = false;
      continue;
    }
    // What is left of a word that a sequence's start cut through is a word.
    if (!options_.whole_word || word_start[i] || !ordinary_before) {
      const PhiloxDraw d = draw(options_.seed, key, draw_site(0, Site::kMasking), uint32_t(i));
      target = uniform(d, 0) < options_.mlm_probability;
      fate = uniform(d, 1);
    }
    ordinary_before = true;
    if (!target) continue;
    positions.push_back(int32_t(i));
    labels.push_back(id);
    if (fate < options_.mask_share) {
      ids[i] = mask_id_;
    } else if (fate < options_.mask_share + options_.random_share) {
      const PhiloxDraw d = draw(options_.seed, key, draw_site(0, Site::kReplacement), uint32_t(i));
      const size_t pick = size_t(uniform(d) * double(ordinary_ids_.size()));
      ids[i] = ordinary_ids_[std::min(pick, ordinary_ids_.size() - 1)];
    }
  }
}

}  // namespace encore
