#include "train/text_batches.h"

#include <set>

#include "kernels/base/check.h"

namespace encore {

TextBatches::TextBatches(std::shared_ptr<const SequenceSet> set, std::shared_ptr<const Objective> objective,
                         const TextBatchOptions& options, int ranks)
    : set_(std::move(set)),
      objective_(std::move(objective)),
      options_(options),
      order_(set_->examples(), options.batch_sequences, options.total_examples, options.seed) {
  check(options.batch_sequences >= ranks, "--batch-sequences {} is less than one for each of the {} ranks",
        options.batch_sequences, ranks);
  check(options.tokens_per_batch >= set_->seq_length(),
        "--tokens-per-batch {} has no room for one example of --seq-length {}", options.tokens_per_batch,
        set_->seq_length());
}

double TextBatches::epochs_after(int64_t steps) const {
  return double(std::min(steps * options_.batch_sequences, options_.total_examples)) / double(set_->examples());
}

std::vector<PackedBatch> TextBatches::micro_batches(int64_t step, int rank, int ranks) const {
  std::vector<PackedBatch> batches;
  for (const auto& part : encore::micro_batches(order_.examples(step, rank, ranks), *set_, options_.tokens_per_batch))
    batches.push_back(make_batch(part, *set_, *objective_));
  return batches;
}

std::vector<int64_t> TextBatches::micro_batch_tokens(int64_t step, int rank, int ranks) const {
  std::vector<int64_t> lengths;
  for (const auto& part : encore::micro_batches(order_.examples(step, rank, ranks), *set_, options_.tokens_per_batch)) {
    int64_t tokens = 0;
    for (const ExampleRef& e : part) tokens += set_->example_tokens(e.example);
    lengths.push_back(tokens);
  }
  return lengths;
}

std::string TextBatches::members(int64_t step) const {
  std::set<int64_t> documents;
  for (const ExampleRef& ref : order_.examples(step)) {
    const int64_t first = set_->first_sequence(ref.example), count = set_->example_sequences(ref.example);
    for (int64_t s = first; s < first + count; ++s) documents.insert(set_->document_of(s));
  }
  return "documents of the batch: " + name_some({documents.begin(), documents.end()});
}

}  // namespace encore
