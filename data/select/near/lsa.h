// Latent semantic analysis: the truncated singular value decomposition A = U S V^T of TF-IDF rows. A text's vector is
// its row of U S = A V, up to the signs of its numbers.
#pragma once

#include <cstdint>
#include <vector>

#include "data/select/bags/sparse_rows.h"

namespace encore {

struct LsaOptions {
  int64_t dimensions = 81;
  int iterations = 6;  // of subspace iteration (Halko, Martinsson and Tropp 2011, algorithm 4.4)
  uint64_t seed = 0;
  int threads = 0;  // 0: one for each core; the result does not depend on it
};

class Lsa {
 public:
  // Of rows of weights. Dimensions beyond the rank of the matrix are left out; rows and words bound it.
  static Lsa fit(const SparseRows&, const LsaOptions&);

  int64_t dimensions() const { return int64_t(singular_values_.size()); }
  const std::vector<double>& singular_values() const { return singular_values_; }  // falling
  // The vector of a row: [dimensions]; zeros for an empty one.
  void embed(const SparseRows&, int64_t row, float* out) const;
  // Depends on every number of it.
  uint64_t fingerprint() const;

 private:
  std::vector<double> singular_values_;
  std::vector<float> basis_;  // V: [columns, dimensions]
};

}  // namespace encore
