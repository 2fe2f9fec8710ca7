// TMA loads (sm_90): a box of a 2-D bf16 tensor into shared memory, 128-byte swizzle, zeros outside the tensor.
#pragma once

#include <cuda.h>
#include <cudaTypedefs.h>

#include <device/mbarrier.cuh>

namespace ptx {

using TensorMap = CUtensorMap;  // a kernel parameter: const __grid_constant__ TensorMap

// Host. rows x columns elements, row_bytes apart; base and row_bytes are multiples of 16, box_columns <= 64, box_rows
// <= 256. False when the driver refuses (or there is none). Found at run time, so nothing links libcuda.
inline bool make_tensor_map_bf16(TensorMap* map, const void* base, uint64_t columns, uint64_t rows, uint64_t row_bytes,
                                 uint32_t box_columns, uint32_t box_rows) {
  void* entry = nullptr;
  cudaDriverEntryPointQueryResult found;
  if (cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &entry, 12000, cudaEnableDefault, &found) !=
          cudaSuccess ||
      found != cudaDriverEntryPointSuccess) {
    return false;
  }
  const cuuint64_t sizes[2] = {columns, rows}, strides[1] = {row_bytes};
  const cuuint32_t box[2] = {box_columns, box_rows}, steps[2] = {1, 1};
  return reinterpret_cast<PFN_cuTensorMapEncodeTiled_v12000>(entry)(
             map, CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, 2, const_cast<void*>(base), sizes, strides, box, steps,
             CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B, CU_TENSOR_MAP_L2_PROMOTION_L2_128B,
             CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE) == CUDA_SUCCESS;
}

// The box whose first element is (row, column), to a 1024-byte aligned tile; its bytes count on `barrier`. One thread
// issues.
__device__ __forceinline__ void tma_load_2d(void* destination, const TensorMap* map, int column, int row,
                                            uint64_t* barrier) {
  asm volatile(
      "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4}], [%2];" ::"r"(
          shared_address(destination)),
      "l"(map), "r"(shared_address(barrier)), "r"(column), "r"(row)
      : "memory");
}

}  // namespace ptx
