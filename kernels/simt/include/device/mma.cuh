// Twin of kernels/cuda/device/mma.cuh: exact fragment layout, products summed in k order in fp32.
#pragma once

#include <cuda_bf16.h>
#include <simt/core.h>

#include <bit>
#include <cmath>

namespace simt {
void mma_m16n8k16_bf16(float* d, const uint32_t* a, uint32_t b0, uint32_t b1, Loc);
}

namespace ptx {

inline void mma_m16n8k16_bf16(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1, SIMT_LOC) {
  simt::mma_m16n8k16_bf16(d, a, b0, b1, SIMT_HERE);
}
inline uint32_t pack_bf16x2(float low, float high) {
  return std::bit_cast<uint32_t>(__floats2bfloat162_rn(low, high));
}
inline float rcp_approx(float x) {
  return 1 / x;
}
inline float exp2_approx(float x) {
  return std::exp2(x);
}

}  // namespace ptx
