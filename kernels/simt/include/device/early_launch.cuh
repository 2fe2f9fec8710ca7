// Twin of kernels/cuda/device/early_launch.cuh. Launches run one after another here; only the wait of an early launch
// is checked.
#pragma once

#include <cuda_runtime.h>

namespace ptx {

inline void wait_for_earlier_launches() {
  simt::wait_for_earlier_launches();
}
inline void allow_next_launch() {}

}  // namespace ptx
