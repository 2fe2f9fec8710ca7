#include "kernels/cpu/gemm_primitives.h"

#include <omp.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "kernels/cpu/onednn_versions.h"

namespace encore::cpu {

using dnnl::memory;

namespace {

// Batches are ragged, so almost every batch brings a new number of rows and with it new primitives. Measured: 0.3 ms to
// make one, 100 KB to keep it.
constexpr size_t kPrimitives = 1024, kPrimitiveBytes = size_t(100) << 10;

memory::data_type onednn_type(DType dtype) {
  return dtype == DType::kBF16 ? memory::data_type::bf16 : memory::data_type::f32;
}

}  // namespace

memory::desc matrix(int64_t rows, int64_t cols, DType dtype, int64_t row_stride, int64_t col_stride) {
  return memory::desc({rows, cols}, onednn_type(dtype), memory::dims{row_stride, col_stride});
}

const Prepared& Primitives::prepare(const Product& p) {
  const auto found = prepared_.find(p);
  if (found != prepared_.end()) {
    found->second.last_use = ++uses_;
    return found->second;
  }
  if (prepared_.size() >= kPrimitives) forget_oldest();
  omp_set_num_threads(p.threads);  // oneDNN makes the primitive for this number
  const memory::desc a = matrix(p.m, p.k, p.in, p.a_row, p.a_col), c = matrix(p.m, p.n, p.out, p.c_row, 1);
  const memory::desc b = p.packed ? memory::desc({p.k, p.n}, onednn_type(p.in), memory::format_tag::any)
                                  : matrix(p.k, p.n, p.in, p.b_row, p.b_col);
  const memory::desc bias = p.bias ? matrix(1, p.n, DType::kF32, p.n, 1) : memory::desc();
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  if (p.accumulate) {
    dnnl::post_ops sum;
    sum.append_sum(1.0f);
    attributes.set_post_ops(sum);
  }
  const dnnl::matmul::primitive_desc chosen = matmul_description(engine_, a, b, bias, c, attributes);
  return prepared_
      .emplace(p,
               Prepared{dnnl::matmul(chosen), chosen.src_desc(), chosen.weights_desc(), chosen.dst_desc(), bias,
                        chosen.scratchpad_desc(), std::string_view(chosen.impl_info_str()).starts_with("brg"), ++uses_})
      .first->second;
}

// Drops the quarter that was used longest ago.
void Primitives::forget_oldest() {
  std::vector<uint64_t> ages;
  for (const auto& [key, value] : prepared_) ages.push_back(value.last_use);
  std::nth_element(ages.begin(), ages.begin() + long(ages.size() / 4), ages.end());
  std::erase_if(prepared_,
                [limit = ages[ages.size() / 4]](const auto& entry) { return entry.second.last_use < limit; });
}

size_t Primitives::bytes() const {
  return prepared_.size() * kPrimitiveBytes;
}

}  // namespace encore::cpu
