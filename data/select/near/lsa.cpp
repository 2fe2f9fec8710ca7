#include "data/select/near/lsa.h"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <numbers>

#include "kernels/base/check.h"
#include "kernels/base/hash.h"
#include "kernels/base/rng.h"
#include "kernels/base/usable_cores.h"

namespace encore {
namespace {

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

constexpr int64_t kSpare = 10;        // dimensions of the subspace beyond those that are wanted
constexpr double kRankLimit = 1e-10;  // of the largest eigenvalue: smaller ones are rounding

Matrix random_matrix(int64_t rows, int64_t columns, uint64_t seed) {
  Matrix out(rows, columns);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c) {
      const PhiloxDraw d = draw(seed, uint64_t(r), draw_site(0, Site::kSubspace), uint32_t(c));
      out(r, c) = std::sqrt(-2 * std::log(1 - uniform(d, 0))) * std::cos(2 * std::numbers::pi * uniform(d, 1));
    }
  return out;
}

// A^T A X. Each thread has some columns of X, and goes through all rows.
Matrix gram_product(const SparseRows& a, const Matrix& x, int threads) {
  Matrix out = Matrix::Zero(x.rows(), x.cols());
#pragma omp parallel for num_threads(threads)
  for (int t = 0; t < threads; ++t) {
    const int64_t first = x.cols() * t / threads, n = x.cols() * (t + 1) / threads - first;
    Eigen::RowVectorXd y(n);
    for (int64_t r = 0; r < a.rows(); ++r) {
      y.setZero();
      const auto begin = size_t(a.row_start[size_t(r)]), end = size_t(a.row_start[size_t(r) + 1]);
      for (size_t i = begin; i < end; ++i) y += double(a.value[i]) * x.row(a.column[i]).segment(first, n);
      for (size_t i = begin; i < end; ++i) out.row(a.column[i]).segment(first, n) += double(a.value[i]) * y;
    }
  }
  return out;
}

Matrix orthonormal(const Matrix& x) {
  return Eigen::HouseholderQR<Eigen::MatrixXd>(x).householderQ() * Eigen::MatrixXd::Identity(x.rows(), x.cols());
}

}  // namespace

Lsa Lsa::fit(const SparseRows& rows, const LsaOptions& options) {
  check(rows.values() > 0, "no text holds a word: there is nothing to decompose");
  const int threads = loop_threads(options.threads);
  const int64_t size = std::min<int64_t>({options.dimensions + kSpare, rows.rows(), rows.columns});
  Matrix q = random_matrix(rows.columns, size, options.seed);
  for (int i = 0; i < options.iterations; ++i) q = orthonormal(gram_product(rows, q, threads));
  const Eigen::MatrixXd small = q.transpose() * gram_product(rows, q, threads);
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solved((small + small.transpose()) / 2);
  const auto& values = solved.eigenvalues();  // rising
  Lsa out;
  for (int64_t d = 0; d < std::min(options.dimensions, size); ++d) {
    const double value = values(size - 1 - d);
    if (value <= kRankLimit * values(size - 1)) break;
    out.singular_values_.push_back(std::sqrt(value));
  }
  const Matrix basis = q * solved.eigenvectors().rowwise().reverse().leftCols(out.dimensions());
  out.basis_.assign(basis.data(), basis.data() + basis.size());
  return out;
}

void Lsa::embed(const SparseRows& rows, int64_t row, float* out) const {
  std::vector<double> sum(singular_values_.size());
  for (int64_t i = rows.row_start[size_t(row)]; i < rows.row_start[size_t(row) + 1]; ++i) {
    const float* basis = basis_.data() + size_t(rows.column[size_t(i)]) * sum.size();
    for (size_t d = 0; d < sum.size(); ++d) sum[d] += double(rows.value[size_t(i)]) * double(basis[d]);
  }
  std::copy(sum.begin(), sum.end(), out);
}

uint64_t Lsa::fingerprint() const {
  return Hasher()
      .add(singular_values_.data(), singular_values_.size() * sizeof(double))
      .add(basis_.data(), basis_.size() * sizeof(float))
      .digest();
}

}  // namespace encore
