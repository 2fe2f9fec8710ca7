// oneDNN's matrix-product primitives, made once for each shape and kept.
#pragma once

#include <cstdint>
#include <dnnl.hpp>
#include <unordered_map>

#include "kernels/cpu/gemm_product.h"

namespace encore::cpu {

// A matrix as oneDNN describes it; strides in elements.
dnnl::memory::desc matrix(int64_t rows, int64_t cols, DType dtype, int64_t row_stride, int64_t col_stride);

struct Prepared {
  dnnl::matmul primitive;
  dnnl::memory::desc a, b, c, bias, scratch;
  bool blocked;       // one of oneDNN's brgemm kernels
  uint64_t last_use;  // a running number
};

class Primitives {
 public:
  explicit Primitives(const dnnl::engine& engine) : engine_(engine) {}

  // The result stays valid until 500 other products were prepared: then the oldest are dropped. Throws dnnl::error.
  const Prepared& prepare(const Product&);
  size_t bytes() const;  // an estimate

 private:
  void forget_oldest();

  dnnl::engine engine_;
  std::unordered_map<Product, Prepared, ProductHash> prepared_;
  uint64_t uses_ = 0;
};

}  // namespace encore::cpu
