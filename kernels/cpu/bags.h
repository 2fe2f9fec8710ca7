// Bags of words for the ops of the CPU backend: checks of their lists, shares of rows with equal work, and the sum of a
// term of the loss.
#pragma once

#include <algorithm>

#include "kernels/cpu/rows.h"
#include "kernels/ops/bags.h"
#include "kernels/ops/list_checks.h"

namespace encore::cpu {

inline void check_lists(const char* op, const Bags& bags, int64_t words) {
  check_runs(op, "row_start", values(bags.row_start), bags.column.cols);
  check_index(op, "column", values(bags.column), words);
}
inline void check_lists(const char* op, const BagsByWord& bags, int64_t documents) {
  check_runs(op, "word_start", values(bags.word_start), bags.document.cols);
  check_index(op, "document", values(bags.document), documents);
}

// f(begin, end) for parts of the runs that have about the same number of entries, of `cols` elements each. A result
// must not depend on where the parts end.
template <class F>
void parallel_runs(int threads, std::span<const int32_t> start, int64_t cols, F f) {
  const int64_t entries = start.back(), runs = int64_t(start.size()) - 1;
  const int64_t workers = entries * cols < kWorthThreads ? 1 : threads;
  const auto first_of = [&](int64_t part) {
    if (part == workers) return runs;
    const int32_t entry = int32_t(part * entries / workers);
    return part == 0 ? 0 : std::lower_bound(start.begin(), start.end() - 1, entry) - start.begin();
  };
#pragma omp parallel for schedule(static) num_threads(threads) if (workers > 1)
  for (int64_t i = 0; i < workers; ++i) f(first_of(i), first_of(i + 1));
}

// In rising order of the documents.
inline void add_term(const LossTerm& term, const Tensor& of_documents) {
  double sum = 0;
  for (int64_t r = 0; r < of_documents.cols; ++r) sum += double(of_documents.ptr<float>()[r]);
  if (term.sum) *term.sum.ptr<double>() += sum;
  if (term.loss) *term.loss.ptr<double>() += double(term.scale) * sum;
}

}  // namespace encore::cpu
