#include "data/select/near/tfidf_neighbours.h"

#include <algorithm>
#include <cmath>

#include "kernels/base/check.h"
#include "kernels/base/human.h"
#include "kernels/base/usable_cores.h"

namespace encore {
namespace {

double rounded(double score) {
  constexpr double kSteps = 1e12;
  return std::nearbyint(score * kSteps) / kSteps;
}

}  // namespace

TfIdfNeighbours::TfIdfNeighbours(std::vector<double> inverse_frequencies, const SparseRows& queries, int64_t k,
                                 int threads)
    : inverse_frequencies_(std::move(inverse_frequencies)),
      k_(k),
      threads_(loop_threads(threads)),
      queries_(size_t(queries.rows())),
      found_(size_t(queries.rows())) {
  for (size_t q = 0; q < queries_.size(); ++q) append_weights(queries, int64_t(q), queries_[q]);
}

void TfIdfNeighbours::append_weights(const SparseRows& counts, int64_t row, std::vector<Entry>& out) const {
  const size_t first = out.size();
  double squares = 0;
  for (int64_t i = counts.row_start[size_t(row)]; i < counts.row_start[size_t(row) + 1]; ++i) {
    const int32_t column = counts.column[size_t(i)];
    const double weight = double(counts.value[size_t(i)]) * inverse_frequencies_[size_t(column)];
    squares += weight * weight;
    out.push_back({.index = column, .weight = weight});
  }
  for (size_t i = first; i < out.size(); ++i) out[i].weight /= std::sqrt(squares);
}

TfIdfNeighbours::Postings TfIdfNeighbours::postings_of(const SparseRows& counts) const {
  Postings out{.start = std::vector<int64_t>(inverse_frequencies_.size() + 1), .entry = {}};
  out.entry.resize(counts.column.size());
  for (const int32_t column : counts.column) ++out.start[size_t(column) + 1];
  for (size_t c = 1; c < out.start.size(); ++c) out.start[c] += out.start[c - 1];
  std::vector<int64_t> next(out.start.begin(), out.start.end() - 1);
  std::vector<Entry> row;
  for (int64_t r = 0; r < counts.rows(); ++r) {
    row.clear();
    append_weights(counts, r, row);
    for (const Entry& word : row)
      out.entry[size_t(next[size_t(word.index)]++)] = {.index = int32_t(r), .weight = word.weight};
  }
  return out;
}

// scores: of the block's rows, zeros.
void TfIdfNeighbours::search(size_t query, const Postings& postings, int64_t rows, std::vector<double>& scores) {
  if (queries_[query].empty()) return;
  for (const Entry& word : queries_[query])
    for (int64_t i = postings.start[size_t(word.index)]; i < postings.start[size_t(word.index) + 1]; ++i)
      scores[size_t(postings.entry[size_t(i)].index)] += word.weight * postings.entry[size_t(i)].weight;
  std::vector<Neighbour>& mine = found_[query];
  // Rows of this block come behind those of equal score before it.
  const bool full = std::ssize(mine) == k_;
  const double least = full ? mine.back().score : -1;
  for (int64_t r = 0; r < rows; ++r) {
    const double score = rounded(scores[size_t(r)]);
    scores[size_t(r)] = 0;
    if (score > least) mine.push_back({.score = score, .id = rows_ + r});
  }
  if (std::ssize(mine) > k_) {
    std::nth_element(mine.begin(), mine.begin() + k_, mine.end(), before);
    mine.resize(size_t(k_));
  }
  std::sort(mine.begin(), mine.end(), before);
}

void TfIdfNeighbours::add(const SparseRows& counts) {
  const Postings postings = postings_of(counts);
  const int64_t rows = counts.rows();
#pragma omp parallel num_threads(threads_)
  {
    std::vector<double> scores(static_cast<size_t>(rows));
#pragma omp for schedule(dynamic, 4)
    for (size_t q = 0; q < queries_.size(); ++q) search(q, postings, rows, scores);
  }
  rows_ += rows;
}

Neighbours TfIdfNeighbours::take() {
  check(k_ >= 1 && k_ <= rows_, "k is {}, and the corpus has {} texts: choose a smaller k", with_commas(k_),
        with_commas(rows_));
  Neighbours out{.of = std::move(found_)};
  for (const auto& query : queries_) out.queries_without += query.empty();
  return out;
}

}  // namespace encore
