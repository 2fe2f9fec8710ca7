// Matrix products in double precision, and as plain loops in single precision for the tolerance.
#pragma once

#include <vector>

namespace encore::reference {

// c [m, n] = a b, a [m, k] and b [k, n] given by element: a(i, p), b(p, j). Sum is the type of the running sum.
template <class Sum, class A, class B>
std::vector<double> product(int64_t m, int64_t n, int64_t k, A&& a, B&& b) {
  std::vector<double> c(size_t(m * n));
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j) {
      Sum sum = 0;
      for (int64_t p = 0; p < k; ++p) sum += Sum(a(i, p)) * Sum(b(p, j));
      c[size_t(i * n + j)] = double(sum);
    }
  return c;
}

}  // namespace encore::reference
