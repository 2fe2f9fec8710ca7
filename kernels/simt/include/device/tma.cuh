// Twin of kernels/cuda/device/tma.cuh: 2-D bf16 tiles, 128-byte swizzle, zero fill outside the tensor.
#pragma once

#include <device/mbarrier.cuh>

namespace ptx {

struct alignas(64) TensorMap {
  const void* base;
  uint64_t columns, rows, row_bytes;
  uint32_t box_columns, box_rows;
  uint64_t reserved[11];
};
static_assert(sizeof(TensorMap) == 128);

}  // namespace ptx

namespace simt {
bool make_tensor_map(ptx::TensorMap*, const void* base, uint64_t columns, uint64_t rows, uint64_t row_bytes,
                     uint32_t box_columns, uint32_t box_rows);
void tma_load_2d(void* destination, const ptx::TensorMap&, int column, int row, uint64_t* barrier, Loc);
}  // namespace simt

namespace ptx {

inline bool make_tensor_map_bf16(TensorMap* map, const void* base, uint64_t columns, uint64_t rows, uint64_t row_bytes,
                                 uint32_t box_columns, uint32_t box_rows) {
  return simt::make_tensor_map(map, base, columns, rows, row_bytes, box_columns, box_rows);
}
inline void tma_load_2d(void* destination, const TensorMap* map, int column, int row, uint64_t* barrier, SIMT_LOC) {
  simt::tma_load_2d(destination, *map, column, row, barrier, SIMT_HERE);
}

}  // namespace ptx
