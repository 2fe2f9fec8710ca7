// Twin of kernels/cuda/device/wgmma.cuh: modelled warp by warp (rows 16w..16w+15 of the warpgroup's tile). Operands are
// read and results written at the wait at the latest; until then the accumulators hold NaN.
#pragma once

#include <device/fence.cuh>

namespace simt {
struct WgmmaOperands {
  float* d;
  const uint32_t* a;  // registers, or null: descriptor_a
  uint64_t descriptor_a, descriptor_b;
  int n;
  bool accumulate, transpose_b;
};
void wgmma(const WgmmaOperands&, Loc);
void wgmma_fence(Loc);
void wgmma_commit(Loc);
void wgmma_wait(int groups_in_flight, Loc);
}  // namespace simt

namespace ptx {

inline constexpr bool kHasWgmma = true;

inline uint64_t wgmma_descriptor_swizzle128(uint32_t address, uint32_t leading_bytes, uint32_t stride_bytes) {
  return uint64_t(address & 0x3ffff) >> 4 | uint64_t((leading_bytes & 0x3ffff) >> 4) << 16 |
         uint64_t((stride_bytes & 0x3ffff) >> 4) << 32 | uint64_t(1) << 62;
}
template <int N, int kTransposeB>
inline void wgmma_m64k16_ss(float (&d)[N / 2], uint64_t a, uint64_t b, bool accumulate, SIMT_LOC) {
  static_assert(N == 64 || N == 128 || N == 256);
  simt::wgmma({d, nullptr, a, b, N, accumulate, kTransposeB != 0}, SIMT_HERE);
}
template <int N, int kTransposeB>
inline void wgmma_m64k16_rs(float (&d)[N / 2], const uint32_t (&a)[4], uint64_t b, bool accumulate, SIMT_LOC) {
  static_assert(N == 64 || N == 128 || N == 256);
  simt::wgmma({d, a, 0, b, N, accumulate, kTransposeB != 0}, SIMT_HERE);
}
inline void wgmma_fence(SIMT_LOC) {
  simt::wgmma_fence(SIMT_HERE);
}
template <class T>
inline void wgmma_pin(T&) {}
inline void wgmma_commit(SIMT_LOC) {
  simt::wgmma_commit(SIMT_HERE);
}
template <int N>
inline void wgmma_wait(SIMT_LOC) {
  simt::wgmma_wait(N, SIMT_HERE);
}
template <int N>
inline void setmaxnreg_increase() {
  static_assert(N % 8 == 0 && N >= 24 && N <= 256);
}
template <int N>
inline void setmaxnreg_decrease() {
  static_assert(N % 8 == 0 && N >= 24 && N <= 256);
}

}  // namespace ptx
