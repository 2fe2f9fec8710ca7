// Twin of kernels/cuda/device/mbarrier.cuh: the barrier lives in its 8 bytes; a wait blocks the CUDA thread.
#pragma once

#include <device/fence.cuh>

namespace simt {
void mbarrier_init(uint64_t*, uint32_t arrivals, Loc);
void mbarrier_arrive(uint64_t*, uint32_t expected_bytes, Loc);
void mbarrier_wait_parity(uint64_t*, uint32_t parity, Loc);
}  // namespace simt

namespace ptx {

inline void mbarrier_init(uint64_t* b, uint32_t arrivals, SIMT_LOC) {
  simt::mbarrier_init(b, arrivals, SIMT_HERE);
}
inline void mbarrier_arrive(uint64_t* b, SIMT_LOC) {
  simt::mbarrier_arrive(b, 0, SIMT_HERE);
}
inline void mbarrier_arrive_expect_tx(uint64_t* b, uint32_t bytes, SIMT_LOC) {
  simt::mbarrier_arrive(b, bytes, SIMT_HERE);
}
inline void mbarrier_wait_parity(uint64_t* b, uint32_t parity, SIMT_LOC) {
  simt::mbarrier_wait_parity(b, parity, SIMT_HERE);
}

}  // namespace ptx
