#include "data/select/near/nearest_rows.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "data/select/near/unit_rows.h"
#include "kernels/base/check.h"
#include "kernels/base/human.h"
#include "kernels/base/spread.h"
#include "kernels/base/usable_cores.h"

namespace encore {
namespace {

using Vectors = VectorSearch::Vectors;

constexpr int64_t kSpareCandidates = 64;  // candidates beyond k
constexpr int64_t kSampleOfList = 48;     // rows from which each part of an index is learned
constexpr int64_t kCheckedQueries = 32;

const float* row_of(const Vectors& vectors, int64_t row) {
  return vectors.data + row * vectors.columns;
}

// A candidate with its score in single precision.
struct Candidate {
  float score;
  int64_t id;
};

class Search {
 public:
  Search(VectorSearch& library, Vectors queries, Vectors rows, const NearestOptions& options)
      : library_(library), queries_(queries), rows_(rows), options_(options), threads_(loop_threads(options.threads)) {
    check(queries.columns == rows.columns, "the queries have {} numbers each, and the corpus {}: embed both alike",
          queries.columns, rows.columns);
    check(options.k >= 1 && options.k <= rows.rows, "k is {}, and the corpus has {} texts: choose a smaller k",
          with_commas(options.k), with_commas(rows.rows));
    library.use_threads(threads_);
    take_queries();
  }

  NearestRows run() {
    NearestRows out;
    if (!live_.empty()) {
      if (options_.index) {
        search_index();
      } else {
        search_blocks();
      }
      score_again();
      out.scanned = options_.index ? 0 : scan_the_doubtful();
      if (options_.index) out.recall = measure_recall();
    }
    out.neighbours.of.resize(size_t(queries_.rows));
    for (size_t i = 0; i < live_.size(); ++i) out.neighbours.of[size_t(live_[i])] = std::move(found_[i]);
    out.neighbours.queries_without = queries_.rows - int64_t(live_.size());
    return out;
  }

 private:
  // The queries that have a direction, and their rows of length 1.
  void take_queries() {
    for (int64_t q = 0; q < queries_.rows; ++q) {
      const double norm = exact_norm(row_of(queries_, q), queries_.columns);
      check(std::isfinite(norm), "query {}: holds NaN, an infinity or numbers beyond single precision", q);
      if (norm == 0) continue;
      live_.push_back(q);
      query_norms_.push_back(norm);
      unit_queries_.resize(unit_queries_.size() + size_t(queries_.columns));
      write_unit_row(row_of(queries_, q), norm, queries_.columns,
                     unit_queries_.data() + unit_queries_.size() - size_t(queries_.columns));
    }
    found_.resize(live_.size());
    candidates_.resize(live_.size());
  }

  Vectors unit_queries() const {
    return {.data = unit_queries_.data(), .rows = int64_t(live_.size()), .columns = queries_.columns};
  }
  int64_t block_rows() const {
    return std::max<int64_t>(1, int64_t(options_.block_bytes / sizeof(float)) / std::max<int64_t>(1, rows_.columns));
  }

  // Calls visit(first row, unit rows) for the rows, block by block.
  template <class Visit>
  void for_each_block(const Visit& visit) {
    std::vector<float> unit;
    for (int64_t first = 0; first < rows_.rows; first += block_rows()) {
      const int64_t n = std::min(block_rows(), rows_.rows - first);
      unit.resize(size_t(n * rows_.columns));
      int64_t bad = rows_.rows;
#pragma omp parallel for num_threads(threads_) reduction(min : bad)
      for (int64_t r = 0; r < n; ++r) {
        const float* row = row_of(rows_, first + r);
        const double norm = exact_norm(row, rows_.columns);
        if (!std::isfinite(norm)) bad = std::min(bad, first + r);
        write_unit_row(row, norm, rows_.columns, unit.data() + r * rows_.columns);
      }
      check(bad == rows_.rows, "row {} of the corpus holds NaN, an infinity or numbers beyond single precision", bad);
      visit(first, Vectors{.data = unit.data(), .rows = n, .columns = rows_.columns});
      if (options_.progress) options_.progress(n);
    }
  }

  int64_t wanted() const {
    return std::min(options_.k + kSpareCandidates, rows_.rows);
  }

  void search_blocks() {
    std::vector<float> scores;
    std::vector<int64_t> ids;
    for_each_block([&](int64_t first, Vectors block) {
      const int64_t k = std::min(wanted(), block.rows);
      scores.resize(live_.size() * size_t(k));
      ids.resize(scores.size());
      library_.nearest(unit_queries(), block, {.k = k, .score = scores.data(), .id = ids.data()});
      take_candidates(scores.data(), ids.data(), k, first);
    });
  }

  // Merges what was found in a block into the candidates.
  void take_candidates(const float* scores, const int64_t* ids, int64_t k, int64_t first) {
    const auto higher = [](const Candidate& a, const Candidate& b) { return a.score > b.score; };
#pragma omp parallel for num_threads(threads_)
    for (size_t q = 0; q < live_.size(); ++q) {
      std::vector<Candidate>& mine = candidates_[q];
      const auto middle = std::ssize(mine);
      for (int64_t i = 0; i < k; ++i)
        if (const int64_t at = int64_t(q) * k + i; ids[at] >= 0)
          mine.push_back({.score = scores[at], .id = first + ids[at]});
      std::sort(mine.begin() + middle, mine.end(), higher);
      std::inplace_merge(mine.begin(), mine.begin() + middle, mine.end(), higher);
      if (int64_t(mine.size()) > wanted()) mine.resize(size_t(wanted()));
    }
  }

  void search_index() {
    const auto lists = std::clamp<int64_t>(int64_t(std::sqrt(double(rows_.rows))), 1, 4096);
    learn_index(lists);
    for_each_block([&](int64_t, Vectors block) { library_.add_to_index(block); });
    std::vector<float> scores(live_.size() * size_t(wanted()));
    std::vector<int64_t> ids(scores.size());
    library_.nearest_in_index(unit_queries(), lists / 12 + 1,
                              {.k = wanted(), .score = scores.data(), .id = ids.data()});
    take_candidates(scores.data(), ids.data(), wanted(), 0);
  }

  void learn_index(int64_t lists) {
    const int64_t n = std::min(rows_.rows, lists * kSampleOfList);
    std::vector<float> sample(size_t(n * rows_.columns));
    for (int64_t i = 0; i < n; ++i) {
      const float* row = row_of(rows_, int64_t(double(i) * double(rows_.rows) / double(n)));
      write_unit_row(row, exact_norm(row, rows_.columns), rows_.columns, sample.data() + i * rows_.columns);
    }
    library_.learn_index({.data = sample.data(), .rows = n, .columns = rows_.columns}, lists);
  }

  Neighbour scored(size_t query, int64_t id) const {
    const float* row = row_of(rows_, id);
    return {.score = exact_cosine(row_of(queries_, live_[query]), query_norms_[query], row,
                                  exact_norm(row, rows_.columns), rows_.columns),
            .id = id};
  }

  void keep_nearest(std::vector<Neighbour>& list) const {
    std::sort(list.begin(), list.end(), before);
    if (int64_t(list.size()) > options_.k) list.resize(size_t(options_.k));
  }

  void score_again() {
#pragma omp parallel for num_threads(threads_) schedule(dynamic, 8)
    for (size_t q = 0; q < live_.size(); ++q) {
      for (const Candidate& candidate : candidates_[q]) found_[q].push_back(scored(q, candidate.id));
      keep_nearest(found_[q]);
    }
  }

  // Scores the queries again against all rows where a row that is no candidate may belong to the k nearest. Returns
  // their number.
  int64_t scan_the_doubtful() {
    const double error = single_precision_error(rows_.columns);
    std::vector<size_t> doubtful;
    for (size_t q = 0; q < live_.size(); ++q)
      if (int64_t(candidates_[q].size()) < rows_.rows &&
          double(candidates_[q].back().score) + error >= found_[q].back().score)
        doubtful.push_back(q);
    if (!doubtful.empty()) scan(doubtful);
    return int64_t(doubtful.size());
  }

  // Finds the k nearest of these queries, whose rank k has the score found_.back() or a higher one.
  void scan(const std::vector<size_t>& doubtful) {
    const double error = single_precision_error(rows_.columns);
    std::vector<std::vector<Neighbour>> lists(doubtful.size());
    for_each_block([&](int64_t first, Vectors block) {
#pragma omp parallel for num_threads(threads_) schedule(dynamic, 1)
      for (size_t i = 0; i < doubtful.size(); ++i) {
        const size_t q = doubtful[i];
        const float* query = unit_queries_.data() + q * size_t(queries_.columns);
        const double least = found_[q].back().score - error;
        for (int64_t r = 0; r < block.rows; ++r)
          if (double(fast_product(query, row_of(block, r), block.columns)) >= least)
            lists[i].push_back(scored(q, first + r));
        keep_nearest(lists[i]);
      }
    });
    for (size_t i = 0; i < doubtful.size(); ++i) found_[doubtful[i]] = std::move(lists[i]);
  }

  // The share of the true neighbours that an index found, of some queries.
  double measure_recall() {
    const auto n = int64_t(live_.size()), checked = std::min(n, kCheckedQueries);
    std::vector<float> some;
    std::vector<size_t> which;
    for (int64_t i = 0; i < checked; ++i) {
      which.push_back(size_t(spread(i, n, checked)));
      const float* query = row_of(queries_, live_[which.back()]);
      some.insert(some.end(), query, query + queries_.columns);
    }
    NearestOptions exact = options_;
    exact.index = false;
    exact.progress = nullptr;
    const NearestRows truth =
        Search(library_, {.data = some.data(), .rows = checked, .columns = queries_.columns}, rows_, exact).run();
    int64_t common = 0, all = 0;
    for (int64_t i = 0; i < checked; ++i) {
      const std::vector<Neighbour>& found = found_[which[size_t(i)]];
      for (const Neighbour& neighbour : truth.neighbours.of[size_t(i)]) {
        ++all;
        common += std::any_of(found.begin(), found.end(), [&](const Neighbour& f) { return f.id == neighbour.id; });
      }
    }
    return all > 0 ? double(common) / double(all) : 1;
  }

  VectorSearch& library_;
  Vectors queries_, rows_;
  const NearestOptions& options_;
  int threads_;
  std::vector<int64_t> live_;  // numbers of the queries with a direction; the lists below go by these
  std::vector<double> query_norms_;
  std::vector<float> unit_queries_;  // [live, columns]
  std::vector<std::vector<Candidate>> candidates_;
  std::vector<std::vector<Neighbour>> found_;
};

}  // namespace

NearestRows nearest_rows(VectorSearch& library, Vectors queries, Vectors rows, const NearestOptions& options) {
  return Search(library, queries, rows, options).run();
}

void check_finite(Vectors rows, const std::string& what) {
  for (int64_t r = 0; r < rows.rows; ++r)
    for (int64_t c = 0; c < rows.columns; ++c)
      check(std::isfinite(row_of(rows, r)[c]), "{}: row {}, column {} is {}: every number must be finite", what, r, c,
            row_of(rows, r)[c]);
}

}  // namespace encore
