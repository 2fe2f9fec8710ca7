// Twin of kernels/cuda/device/cluster.cuh.
#pragma once

#include <cuda_runtime.h>

namespace ptx {

inline constexpr bool kHasClusters = true;

inline unsigned cluster_rank() {
  return simt::cluster_rank();
}
inline unsigned cluster_size() {
  return simt::cluster_size();
}
inline void cluster_arrive(SIMT_LOC) {
  simt::cluster_arrive(SIMT_HERE);
}
inline void cluster_wait(SIMT_LOC) {
  simt::cluster_wait(SIMT_HERE);
}
inline void cluster_store_async(float2* p, uint64_t* b, unsigned rank, float2 value, SIMT_LOC) {
  simt::cluster_store_async(p, b, rank, &value, sizeof value, SIMT_HERE);
}

}  // namespace ptx
