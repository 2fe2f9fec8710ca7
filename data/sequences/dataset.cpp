#include "data/sequences/dataset.h"

#include <algorithm>

#include "kernels/base/check.h"
#include "kernels/base/hash.h"
#include "kernels/base/rng.h"

namespace encore {
namespace {

class CachedSequences final : public SequenceSet {
 public:
  CachedSequences(std::shared_ptr<const TokenCache> cache, const HeldOutChoice& choice, bool held_out,
                  SequenceLayout layout, const LayoutOptions& options, SpecialsTemplate::Single around)
      : cache_(std::move(cache)),
        choice_(choice),
        held_out_(held_out),
        layout_(std::move(layout)),
        seq_length_(options.seq_length),
        across_(options.cross_document_attention),
        around_(std::move(around)) {}

  int64_t examples() const override { return layout_.examples(); }
  int64_t sequences() const override { return int64_t(layout_.sequences.size()); }
  int64_t seq_length() const override { return seq_length_; }
  int64_t first_sequence(int64_t example) const override {
    return layout_.example_start.empty() ? example : int64_t(layout_.example_start[example]);
  }
  int64_t example_sequences(int64_t example) const override {
    return first_sequence(example + 1) - first_sequence(example);
  }
  int64_t document_of(int64_t sequence) const override {
    return TokenCacheReader(*cache_).document_of(int64_t(layout_.sequences[sequence].start));
  }

  int64_t example_tokens(int64_t example) const override {
    int64_t tokens = 0;
    const int64_t first = first_sequence(example);
    for (int64_t s = first; s < first + example_sequences(example); ++s)
      tokens += across_ ? int64_t(layout_.lengths_across[s]) : int64_t(layout_.sequences[s].length + around_.size());
    return tokens;
  }

  void append(int64_t example, uint64_t epoch, const Objective& objective, PackedBatch& batch) const override {
    const int64_t first = first_sequence(example);
    TokenCacheReader reader(*cache_);
    for (int64_t s = first; s < first + example_sequences(example); ++s)
      append_sequence(reader, s, example_key(epoch, uint64_t(s)), objective, batch);
  }

 private:
  // Calls visit(begin, end) for each stretch of the run that lies in one document.
  template <class Visit>
  void for_pieces(TokenCacheReader& reader, TokenRun run, Visit&& visit) const {
    int64_t begin = int64_t(run.start), left = int64_t(run.length);
    for (int64_t d = reader.document_of(begin); left > 0; ++d) {
      if (choice_(reader, d) != held_out_) continue;
      begin = std::max(begin, reader.document_start(d));
      const int64_t end = std::min(reader.document_start(d + 1), begin + left);
      if (end > begin) visit(begin, end);
      left -= end - begin;
    }
  }

  void append_sequence(TokenCacheReader& reader, int64_t sequence, uint64_t key, const Objective& objective,
                       PackedBatch& batch) const {
    if (batch.cu_seqlens.empty()) batch.cu_seqlens.push_back(0);
    const size_t row0 = batch.ids.size(), target0 = batch.target_rows.size();
    std::vector<uint8_t> word_start;
    const auto add_specials = [&](const std::vector<int32_t>& ids) {
      batch.ids.insert(batch.ids.end(), ids.begin(), ids.end());
      word_start.resize(word_start.size() + ids.size(), 1);
    };
    add_specials(around_.before);
    const auto add_piece = [&](int64_t begin, int64_t end) {
      reader.append(begin, end, batch.ids, word_start);
      add_specials(around_.after);
    };
    const TokenRun run = layout_.sequences[sequence];
    if (across_)
      for_pieces(reader, run, add_piece);
    else
      add_piece(int64_t(run.start), int64_t(run.start + run.length));
    objective.apply({.ids = std::span(batch.ids).subspan(row0), .word_starts = word_start, .key = key},
                    batch.target_rows, batch.target_labels);
    for (size_t t = target0; t < batch.target_rows.size(); ++t) batch.target_rows[t] += int32_t(row0);
    batch.cu_seqlens.push_back(int32_t(batch.ids.size()));
    batch.example_keys.push_back(key);
  }

  std::shared_ptr<const TokenCache> cache_;
  HeldOutChoice choice_;
  bool held_out_;
  SequenceLayout layout_;
  int64_t seq_length_;
  bool across_;
  SpecialsTemplate::Single around_;
};

Ledger make_ledger(const TokenCache& cache, const SequenceLayout& train, const SequenceLayout& held_out) {
  Ledger ledger;
  for (const SourceFile& file : cache.files()) ledger.files.push_back({file.path, file.documents, file.text_bytes});
  ledger.documents_in = cache.documents();
  TokenCacheReader reader(cache);
  for (int64_t d = 0; d < cache.documents(); ++d)
    ledger.documents_empty += reader.document_start(d) == reader.document_start(d + 1);
  ledger.documents_train = train.documents;
  ledger.documents_held_out = held_out.documents;
  ledger.tokens_in = cache.tokens();
  ledger.tokens_train = train.tokens;
  ledger.tokens_held_out = held_out.tokens;
  ledger.tokens_truncated = train.truncated + held_out.truncated;
  ledger.tokens_repeated = train.repeated + held_out.repeated;
  ledger.specials_added = train.specials + held_out.specials;
  ledger.sequences_train = int64_t(train.sequences.size());
  ledger.examples_train = train.examples();
  ledger.sequences_held_out = int64_t(held_out.sequences.size());
  ledger.examples_held_out = held_out.examples();
  ledger.from_cache = cache.reused();
  ledger.documents_continued = cache.continued_documents();
  return ledger;
}

}  // namespace

Dataset Dataset::open(const DatasetOptions& options, const Tokenizer& tokenizer) {
  const LayoutOptions& o = options.layout;
  check_layout_options(o, tokenizer);
  const auto cache = TokenCache::open(options.cache, tokenizer);
  const HeldOutChoice choice(*cache, o.held_out);
  const SpecialsTemplate::Single& around = tokenizer.specials().single;
  SequenceLayout train = lay_out(*cache, choice, false, o, around);
  SequenceLayout held_out = lay_out(*cache, choice, true, o, around);

  Dataset dataset;
  dataset.ledger_ = make_ledger(*cache, train, held_out);
  Hasher hash;
  hash.add(cache->content_fingerprint()).add(uint64_t(o.mode)).add(uint64_t(o.seq_length));
  hash.add(uint64_t(o.stride)).add(uint64_t(o.cross_document_attention));
  hash.add(&o.held_out, sizeof o.held_out);
  dataset.fingerprint_ = hash.digest();
  const auto side = [&](bool out, SequenceLayout&& layout) {
    return std::make_shared<CachedSequences>(cache, choice, out, std::move(layout), o, around);
  };
  dataset.train_ = side(false, std::move(train));
  dataset.held_out_ = side(true, std::move(held_out));
  return dataset;
}

}  // namespace encore
