// Register fragments of a 16x16 bf16 operand, as mma.m16n8k16 and wgmma hold it.
#pragma once

#include <bit>
#include <cstdint>

namespace simt {

inline float low_bf16(uint32_t x) {
  return std::bit_cast<float>(x << 16);
}
inline float high_bf16(uint32_t x) {
  return std::bit_cast<float>(x & 0xffff0000u);
}

inline void unpack_a(float (&a)[16][16], int lane, const uint32_t* registers) {
  for (int r = 0; r < 4; ++r) {
    const int row = lane / 4 + 8 * (r % 2), column = 2 * (lane % 4) + 8 * (r / 2);
    a[row][column] = low_bf16(registers[r]);
    a[row][column + 1] = high_bf16(registers[r]);
  }
}

}  // namespace simt
