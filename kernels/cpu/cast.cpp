#include "kernels/ops/cast.h"

#include <cstring>

#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/rows.h"
#include "kernels/cpu/vec/cast.h"

namespace encore {
namespace {

void cast_piece(const Tensor& x, const Tensor& y, int64_t row, int64_t first, int64_t count) {
  if (x.dtype == y.dtype) {
    const size_t size = size_of(x.dtype);
    const char* from = static_cast<const char*>(x.data) + size_t(row * x.ld + first) * size;
    char* to = static_cast<char*>(y.data) + size_t(row * y.ld + first) * size;
    if (to != from) std::memcpy(to, from, size_t(count) * size);
  } else if (y.dtype == DType::kBF16) {
    ENCORE_VEC_CALL(cast_to_bf16)(x.row<float>(row) + first, y.row<uint16_t>(row) + first, count);
  } else {
    ENCORE_VEC_CALL(cast_to_f32)(x.row<uint16_t>(row) + first, y.row<float>(row) + first, count);
  }
}

}  // namespace

void CpuBackend::cast(const Cast& a) {
  Tensor x = a.x, y = a.y;
  if (x.contiguous() && y.contiguous()) x = x.reshaped(1, x.size()), y = y.reshaped(1, y.size());
  // A single long row is split among the threads too.
  constexpr int64_t kPiece = 65536;
  const int64_t pieces = (x.cols + kPiece - 1) / kPiece;
  cpu::parallel_rows(threads_, x.rows * pieces, std::min(x.cols, kPiece), [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t first = i % pieces * kPiece;
      cast_piece(x, y, i / pieces, first, std::min(kPiece, x.cols - first));
    }
  });
}

}  // namespace encore
