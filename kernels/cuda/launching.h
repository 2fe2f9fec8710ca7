// Shared by the .cu files of the ops: dispatch by dtype, tensors and dropout as kernels take them, grids.
#pragma once

#include <device_port.h>

#include <algorithm>

#include "kernels/cuda/cuda_backend.h"
#include "kernels/cuda/rows/draws.cuh"

namespace encore::cuda {

// The device's name of an element type.
template <class T>
struct DeviceType {
  using type = T;
};
template <>
struct DeviceType<bf16> {
  using type = __nv_bfloat16;
};

// f.operator()<T>() with the device's type of a float dtype.
template <class F>
void dispatch_device(DType dtype, F&& f) {
  if (dtype == DType::kF32)
    f.template operator()<float>();
  else
    f.template operator()<__nv_bfloat16>();
}

template <class T>
Rows<T> rows_of(const Tensor& t) {
  const bool wide = reinterpret_cast<uintptr_t>(t.data) % 16 == 0 && (t.rows <= 1 || t.ld * sizeof(T) % 16 == 0);
  return {static_cast<T*>(t.data), t.ld, wide};
}

inline RowDraws draws_of(const RowDropout& d) {
  const uint32_t threshold = row_dropout_threshold(d.p);
  if (threshold == 0)
    return {
        .threshold = 0, .scale = 1.f, .seed = 0, .site = 0, .sequence = nullptr, .position = nullptr, .keys = nullptr};
  return {.threshold = threshold,
          .scale = row_dropout_scale(d.p),
          .seed = d.seed,
          .site = d.site,
          .sequence = d.rows.sequence.ptr<int32_t>(),
          .position = d.rows.position.ptr<int32_t>(),
          .keys = d.rows.example_keys.ptr<uint64_t>()};
}

inline int64_t div_up(int64_t n, int64_t by) {
  return (n + by - 1) / by;
}
inline unsigned grid_size(int64_t blocks) {
  return unsigned(std::clamp<int64_t>(blocks, 1, 0x7fffffff));
}

// Parts in which rows are summed: they depend on the number of rows and on the device alone, so that a sum is the same
// every time.
struct RowParts {
  RowParts(int64_t rows, int64_t fewest, int64_t most)
      : rows(rows), size(std::max(fewest, div_up(rows, most))), count(div_up(rows, size)) {}
  int64_t rows, size, count;
};

}  // namespace encore::cuda
