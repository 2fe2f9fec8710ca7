#include "train/labelled_batches.h"

#include <algorithm>
#include <numeric>

#include "data/sequences/batching.h"
#include "kernels/base/check.h"

namespace encore {

std::vector<Rows> cut_by_tokens(const ClassificationSet& set, const Rows& rows, int64_t budget) {
  std::vector<Rows> pieces;
  int64_t tokens = 0;
  for (int64_t row : rows) {
    if (pieces.empty() || tokens + set.length(row) > budget) {
      pieces.emplace_back();
      tokens = 0;
    }
    pieces.back().push_back(row);
    tokens += set.length(row);
  }
  return pieces;
}

Rows rows_by_length(const ClassificationSet& set) {
  Rows rows(static_cast<size_t>(set.size()));
  std::iota(rows.begin(), rows.end(), 0);
  std::stable_sort(rows.begin(), rows.end(), [&](int64_t a, int64_t b) { return set.length(a) < set.length(b); });
  return rows;
}

int64_t count_tokens(const ClassificationSet& set, const Rows& rows) {
  return std::accumulate(rows.begin(), rows.end(), int64_t(0),
                         [&](int64_t sum, int64_t row) { return sum + set.length(row); });
}

int64_t longest_row(const ClassificationSet& set) {
  int64_t longest = 0;
  for (int64_t i = 0; i < set.size(); ++i) longest = std::max(longest, set.length(i));
  return longest;
}

LabelledBatches::LabelledBatches(const ClassificationSet& set, const LabelledBatchOptions& options)
    : set_(set), options_(options), steps_per_epoch_((set.size() + options.batch_size - 1) / options.batch_size) {
  check(set.size() > 0, "there are no rows to train on");
}

Rows LabelledBatches::rows(int64_t step, int rank, int ranks) const {
  const int64_t begin = step % steps_per_epoch_ * options_.batch_size;
  const int64_t count = std::min(options_.batch_size, set_.size() - begin);
  const Permutation order(uint64_t(set_.size()), options_.seed, epoch_of(step));
  Rows rows;
  for (int64_t i = begin + count * rank / ranks; i < begin + count * (rank + 1) / ranks; ++i)
    rows.push_back(int64_t(order(uint64_t(i))));
  return rows;
}

std::vector<Rows> LabelledBatches::pieces(int64_t step, int rank, int ranks) const {
  return cut_by_tokens(set_, rows(step, rank, ranks), options_.tokens_per_batch);
}

std::vector<PackedBatch> LabelledBatches::micro_batches(int64_t step, int rank, int ranks) const {
  std::vector<PackedBatch> batches;
  for (const Rows& piece : pieces(step, rank, ranks))
    batches.push_back(make_classification_batch(set_, piece, epoch_of(step)));
  return batches;
}

std::vector<int64_t> LabelledBatches::micro_batch_tokens(int64_t step, int rank, int ranks) const {
  std::vector<int64_t> lengths;
  for (const Rows& piece : pieces(step, rank, ranks)) lengths.push_back(count_tokens(set_, piece));
  return lengths;
}

std::string LabelledBatches::step_name(int64_t step) const {
  return fmt::format("seed {}, epoch {}, step {}", options_.seed, epoch_of(step) + 1, step + 1);
}

std::string LabelledBatches::members(int64_t step) const {
  Rows numbers = rows(step, 0, 1);
  for (int64_t& row : numbers) ++row;
  return "rows of the batch, counted from 1: " + name_some(numbers);
}

}  // namespace encore
