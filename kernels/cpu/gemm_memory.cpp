#include "kernels/cpu/gemm_memory.h"

#include <algorithm>

#include "kernels/base/check.h"
#include "kernels/cpu/gemm_primitives.h"
#include "kernels/cpu/gemm_slices.h"

namespace encore::cpu {
namespace {

// Kernels that are not blocked copy both factors into blocks, in memory that oneDNN takes from malloc while it
// computes: at most this many rows and columns of the larger factor (gemm_driver.cpp of oneDNN 2.6).
constexpr int64_t kCopiedRows = 10000, kCopiedColumns = 384;

size_t copied_bytes(const Product& p) {
  const int64_t rows = std::min(std::max(p.m, p.n), kCopiedRows), columns = std::min(p.k, kCopiedColumns);
  return size_t(rows * columns) * size_of(p.in);
}

// The slices of one product, which run at the same time.
class Pass {
 public:
  Pass(const std::vector<ProductSlice>& slices, Primitives& primitives, int threads) {
    size_t each = 0;
    for (const ProductSlice& slice : slices) {
      Product p = slice.product;
      const Prepared& prepared = primitives.prepare(p);
      each = std::max(each, prepared.scratch.get_size() + (prepared.blocked ? 0 : copied_bytes(p)));
      if (!primitives.packable(p)) continue;
      p.packed = true;
      packed += primitives.prepare(p).b.get_size();
    }
    workspace = each * std::min(slices.size(), size_t(threads));
  }
  size_t workspace = 0, packed = 0;
};

}  // namespace

LinearMemory linear_memory(const LinearShape& s, int threads) {
  char nothing = 0;  // the tensors have shapes; nothing is read or written
  const Tensor x(&nothing, s.dtype, s.rows, s.in), w(&nothing, s.dtype, s.out, s.in),
      y(&nothing, s.dtype, s.rows, s.out);
  const Tensor dw(&nothing, DType::kF32, s.out, s.in);
  Primitives primitives{dnnl::engine(dnnl::engine::kind::cpu, 0)};
  const Pass forward(slices_of_weight_product(x, w, true, {}, y, false, threads), primitives, threads);
  LinearMemory memory{.packed_forward = forward.packed, .workspace = forward.workspace};
  if (s.training) {
    const Pass input(slices_of_weight_product(y, w, false, {}, x, false, threads), primitives, threads);
    const Pass weight(slices_of_gradient(y, x, dw, threads), primitives, threads);
    memory.packed_backward = input.packed;
    memory.workspace = std::max({forward.workspace, input.workspace, weight.workspace});
  }
  memory.kernels = int64_t(primitives.size());
  memory.kernel_bytes = primitives.bytes();
  return memory;
}

}  // namespace encore::cpu
