// Rows of length 1 in single precision, and cosines in double precision.
#pragma once

#include <immintrin.h>

#include <cmath>
#include <cstdint>
#include <vector>

#include "data/select/near/vector_search.h"

namespace encore {

// Added in the order of the columns, so that equal rows have equal norms and equal cosines to any other.
inline double exact_product(const float* a, const float* b, int64_t columns) {
  double sum = 0;
  for (int64_t c = 0; c < columns; ++c) sum += double(a[c]) * double(b[c]);
  return sum;
}

inline double exact_norm(const float* row, int64_t columns) {
  return std::sqrt(exact_product(row, row, columns));
}

// norms: of both rows; 0 gives 0.
inline double exact_cosine(const float* a, double norm_a, const float* b, double norm_b, int64_t columns) {
  const double norms = norm_a * norm_b;
  return norms > 0 ? exact_product(a, b, columns) / norms : 0;
}

// Writes the row of length 1; zeros where its norm is 0.
inline void write_unit_row(const float* row, double norm, int64_t columns, float* out) {
  for (int64_t c = 0; c < columns; ++c) out[c] = norm > 0 ? float(double(row[c]) / norm) : 0;
}

// The largest difference between the inner product of two such rows in single precision, added in any order, and the
// cosine in double precision: each row and each sum lose half a unit in the last place of 24 bits for each term.
inline double single_precision_error(int64_t columns) {
  return double(columns + 8) * 0x1p-24;
}

// An inner product in single precision.
inline float fast_product(const float* a, const float* b, int64_t columns) {
  __m256 sums[4] = {};
  int64_t c = 0;
  for (; c + 32 <= columns; c += 32)
    for (int i = 0; i < 4; ++i)
      sums[i] = _mm256_fmadd_ps(_mm256_loadu_ps(a + c + 8 * i), _mm256_loadu_ps(b + c + 8 * i), sums[i]);
  for (; c + 8 <= columns; c += 8) sums[0] = _mm256_fmadd_ps(_mm256_loadu_ps(a + c), _mm256_loadu_ps(b + c), sums[0]);
  float parts[8];
  _mm256_storeu_ps(parts, _mm256_add_ps(_mm256_add_ps(sums[0], sums[1]), _mm256_add_ps(sums[2], sums[3])));
  float sum = 0;
  for (const float part : parts) sum += part;
  for (; c < columns; ++c) sum += a[c] * b[c];
  return sum;
}

}  // namespace encore
