// Twin of kernels/cuda/device/fence.cuh: edges of the race detector's second clock.
#pragma once

#include <simt/core.h>

namespace simt {
void fence_proxy_async(Loc);
}

namespace ptx {

inline void fence_proxy_async(SIMT_LOC) {
  simt::fence_proxy_async(SIMT_HERE);
}
inline void fence_mbarrier_init() {}

}  // namespace ptx
