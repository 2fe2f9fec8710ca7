#include "data/sequences/text_set.h"

#include <algorithm>

#include "data/sequences/sequence_layout.h"
#include "kernels/base/rng.h"

namespace encore {

TextSet::TextSet(const std::vector<std::string>& texts, const Tokenizer& tokenizer, int64_t seq_length)
    : seq_length_(seq_length) {
  check_layout_options({.mode = SequenceMode::kSplit, .seq_length = seq_length}, tokenizer);
  around_ = tokenizer.specials().single;
  const int64_t room = seq_length - int64_t(around_.size());
  for (size_t d = 0; d < texts.size(); ++d) {
    int64_t begin = tokens();
    tokenizer.encode_words(texts[d], ids_, word_starts_);
    for (; begin < tokens(); begin += room)
      windows_.push_back({.begin = begin, .end = std::min(begin + room, tokens()), .document = int64_t(d)});
  }
}

int64_t TextSet::example_tokens(int64_t example) const {
  const Window& window = windows_[size_t(example)];
  return window.end - window.begin + int64_t(around_.size());
}

void TextSet::append(int64_t example, uint64_t epoch, const Objective& objective, PackedBatch& batch) const {
  const Window& window = windows_[size_t(example)];
  if (batch.cu_seqlens.empty()) batch.cu_seqlens.push_back(0);
  const size_t row0 = batch.ids.size(), target0 = batch.target_rows.size();
  std::vector<uint8_t> word_starts(around_.before.size(), 1);
  word_starts.insert(word_starts.end(), word_starts_.begin() + window.begin, word_starts_.begin() + window.end);
  word_starts.resize(word_starts.size() + around_.after.size(), 1);
  batch.ids.insert(batch.ids.end(), around_.before.begin(), around_.before.end());
  batch.ids.insert(batch.ids.end(), ids_.begin() + window.begin, ids_.begin() + window.end);
  batch.ids.insert(batch.ids.end(), around_.after.begin(), around_.after.end());
  const uint64_t key = example_key(epoch, uint64_t(example));
  objective.apply({.ids = std::span(batch.ids).subspan(row0), .word_starts = word_starts, .key = key},
                  batch.target_rows, batch.target_labels);
  for (size_t t = target0; t < batch.target_rows.size(); ++t) batch.target_rows[t] += int32_t(row0);
  batch.cu_seqlens.push_back(int32_t(batch.ids.size()));
  batch.example_keys.push_back(key);
}

}  // namespace encore
