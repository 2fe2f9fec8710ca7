// Nearest rows by cosine: the inner product of rows of length 1. A row of zeros stays one, and has cosine 0.
//
// The order is that of `before` (neighbours.h) over cosines in double precision, whatever the search in single
// precision finds. Its candidates are more than k, and are scored again. Those left out have a single-precision score
// of at most the last candidate's; where that, and the largest error of single precision, does not keep them below
// rank k, as where many rows are equal, the query is scored against all rows once more.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "data/select/near/neighbours.h"
#include "data/select/near/vector_search.h"

namespace encore {

struct NearestOptions {
  int64_t k = 0;    // at most the number of rows
  int threads = 0;  // 0: one for each core
  // Rows are taken in blocks of so many bytes: only one block, and what the system keeps of a mapped file, is in
  // memory.
  size_t block_bytes = size_t(128) << 20;
  // Candidates come from an index of 8 bits a number instead: sooner and approximate, for many rows. They are scored
  // and ordered as the others.
  bool index = false;
  std::function<void(int64_t rows)> progress;  // gets the number of rows that were searched since its last call
};

struct NearestRows {
  Neighbours neighbours;
  int64_t scanned = 0;  // queries that were scored against all rows
  // With an index: of the true neighbours of some queries, spread evenly, the share that it found.
  double recall = 1;
};

// Throws Error for k beyond the rows, numbers that are not finite (naming the row), rows of different widths.
NearestRows nearest_rows(VectorSearch&, VectorSearch::Vectors queries, VectorSearch::Vectors rows,
                         const NearestOptions&);

// Throws Error naming the first row that holds NaN or an infinity; what: "vectors.npy".
void check_finite(VectorSearch::Vectors rows, const std::string& what);

}  // namespace encore
