// Twin of kernels/cuda/device/named_barrier.cuh.
#pragma once

#include <simt/core.h>

namespace ptx {

inline void named_barrier_sync(int id, int threads, SIMT_LOC) {
  simt::named_barrier(id, threads, true, SIMT_HERE);
}
inline void named_barrier_arrive(int id, int threads, SIMT_LOC) {
  simt::named_barrier(id, threads, false, SIMT_HERE);
}

}  // namespace ptx
