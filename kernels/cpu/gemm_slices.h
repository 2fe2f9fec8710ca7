// How a product is cut into slices, one for each thread.
#pragma once

#include <vector>

#include "kernels/base/tensor.h"
#include "kernels/cpu/gemm_product.h"

namespace encore::cpu {

// c (+)= a b (+ bias), of the columns or rows of one slice.
struct ProductSlice {
  Product product;
  Tensor a, b, bias, c;
};

// c [M, N] = a [M, K] w' (+ bias) (+ c if accumulate); w' is the transpose of w [N, K], or w [K, N] itself.
std::vector<ProductSlice> slices_of_weight_product(const Tensor& a, const Tensor& w, bool transposed,
                                                   const Tensor& bias, const Tensor& c, bool accumulate, int threads);
// c [N, K] += a^T b; a [M, N], b [M, K].
std::vector<ProductSlice> slices_of_gradient(const Tensor& a, const Tensor& b, const Tensor& c, int threads);

}  // namespace encore::cpu
