#include "kernels/cpu/gemm_primitives.h"

#include <omp.h>
#include <sys/mman.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "kernels/base/check.h"
#include "kernels/cpu/onednn_versions.h"

namespace encore::cpu {

using dnnl::memory;

namespace {

// While a primitive is made, oneDNN asks for address space for its code, 256 KiB for each of up to a dozen kernels (of
// which it writes to a few pages). Without that space it does not report an error, it crashes.
constexpr size_t kSpaceToMakeOne = size_t(8) << 20;
// The space that primitives leave to everything else: files on their way to disk, buffers within a product.
constexpr size_t kSpaceForOthers = size_t(64) << 20;
constexpr size_t kFewest = 64;  // primitives that are never dropped: more than one product uses at a time

// True where the limits of the process (ulimit -v, ulimit -d) leave so many bytes.
bool space_left(size_t bytes) {
  void* p = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) return false;
  ::munmap(p, bytes);
  return true;
}

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
  if (prepared_.size() >= size_t(kMostPrimitives)) forget_oldest();
  while (prepared_.size() > kFewest && !space_left(kSpaceForOthers)) forget_oldest();
  if (!space_left(kSpaceToMakeOne))
    throw DeviceError("out of memory: the limit of the address space (ulimit -v) leaves no room for another kernel");
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

// A run packs weights during an evaluation between two steps; the same run resumed there has them unpacked. Both must
// give the same bits, and of oneDNN's kernels only the blocked ones sum in the same order either way.
bool Primitives::packable(Product p) {
  p.packed = false;
  if (!prepare(p).blocked) return false;
  p.packed = true;
  return prepare(p).blocked;
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
  size_t bytes = 0;
  for (const auto& [product, prepared] : prepared_) bytes += bytes_of(prepared);
  return bytes;
}

}  // namespace encore::cpu
