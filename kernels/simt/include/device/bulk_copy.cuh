// Twin of kernels/cuda/device/bulk_copy.cuh.
#pragma once

#include <device/mbarrier.cuh>

namespace simt {
void bulk_load(void* destination, const void* source, uint32_t bytes, uint64_t* barrier, Loc);
}  // namespace simt

namespace ptx {

inline void bulk_load(void* destination, const void* source, uint32_t bytes, uint64_t* barrier, SIMT_LOC) {
  simt::bulk_load(destination, source, bytes, barrier, SIMT_HERE);
}

}  // namespace ptx
