// Twin of kernels/cuda/device/ldmatrix.cuh: exact lane maps, bounds, alignment, bank conflicts counted.
#pragma once

#include <device/address.cuh>

namespace simt {
void ldmatrix(uint32_t* registers, int matrices, bool transpose, uint32_t row, Loc);
}

namespace ptx {

inline void ldmatrix_x1(uint32_t& r, uint32_t row, SIMT_LOC) {
  simt::ldmatrix(&r, 1, false, row, SIMT_HERE);
}
inline void ldmatrix_x2(uint32_t (&r)[2], uint32_t row, SIMT_LOC) {
  simt::ldmatrix(r, 2, false, row, SIMT_HERE);
}
inline void ldmatrix_x4(uint32_t (&r)[4], uint32_t row, SIMT_LOC) {
  simt::ldmatrix(r, 4, false, row, SIMT_HERE);
}
inline void ldmatrix_x2_trans(uint32_t (&r)[2], uint32_t row, SIMT_LOC) {
  simt::ldmatrix(r, 2, true, row, SIMT_HERE);
}
inline void ldmatrix_x4_trans(uint32_t (&r)[4], uint32_t row, SIMT_LOC) {
  simt::ldmatrix(r, 4, true, row, SIMT_HERE);
}

}  // namespace ptx
