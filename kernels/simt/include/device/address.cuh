// Twin of kernels/cuda/device/address.cuh.
#pragma once

#include <simt/core.h>

namespace ptx {

inline uint32_t shared_address(const void* p, SIMT_LOC) {
  return simt::shared_address(p, SIMT_HERE);
}

}  // namespace ptx
