// Twin of kernels/cuda/device/cp_async.cuh: options().async decides when copies land, at the latest at the wait.
#pragma once

#include <device/address.cuh>

namespace simt {
void cp_async_16(uint32_t destination, const void* source, int bytes, Loc);
void cp_async_commit(Loc);
void cp_async_wait(int groups_in_flight, Loc);
}  // namespace simt

namespace ptx {

inline void cp_async_16(uint32_t destination, const void* source, int bytes = 16, SIMT_LOC) {
  simt::cp_async_16(destination, source, bytes, SIMT_HERE);
}
inline void cp_async_commit(SIMT_LOC) {
  simt::cp_async_commit(SIMT_HERE);
}
template <int N>
inline void cp_async_wait(SIMT_LOC) {
  static_assert(N >= 0);
  simt::cp_async_wait(N, SIMT_HERE);
}

}  // namespace ptx
