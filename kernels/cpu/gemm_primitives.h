// oneDNN's matrix-product primitives, made once for each shape and kept.
#pragma once

#include <cstdint>
#include <dnnl.hpp>
#include <unordered_map>

#include "kernels/cpu/gemm_product.h"
#include "kernels/cpu/onednn_versions.h"

namespace encore::cpu {

// A matrix as oneDNN describes it; strides in elements.
dnnl::memory::desc matrix(int64_t rows, int64_t cols, DType dtype, int64_t row_stride, int64_t col_stride);

struct Prepared {
  dnnl::matmul primitive;
  dnnl::memory::desc a, b, c, bias, scratch;
  bool blocked;       // one of oneDNN's brgemm kernels
  uint64_t last_use;  // a running number
};

// Batches are ragged, so almost every batch brings a new number of rows and with it new primitives: 0.3 ms to make one
// (oneDNN 2.6.3).
constexpr int64_t kMostPrimitives = 1024;

inline size_t bytes_of(const Prepared& p) {
  return p.blocked ? kBlockedBytes : kOtherBytes;
}

class Primitives {
 public:
  explicit Primitives(const dnnl::engine& engine) : engine_(engine) {}

  // The result stays valid until 40 other products were prepared: the oldest are dropped when there are too many, or
  // when they leave too little address space. Throws dnnl::error, and DeviceError when there is no space for one.
  const Prepared& prepare(const Product&);
  // True where the product's b may be kept packed.
  bool packable(Product);
  size_t size() const { return prepared_.size(); }
  size_t bytes() const;  // an estimate

 private:
  void forget_oldest();

  dnnl::engine engine_;
  std::unordered_map<Product, Prepared, ProductHash> prepared_;
  uint64_t uses_ = 0;
};

}  // namespace encore::cpu
