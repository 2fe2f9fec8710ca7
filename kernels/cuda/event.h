// A CUDA event that is destroyed with its owner.
#pragma once

#include <cuda_runtime.h>

#include "kernels/cuda/cuda_backend.h"

namespace encore::cuda {

class Event {
 public:
  // Throws DeviceError. flags: cudaEventDisableTiming for one that only orders work.
  explicit Event(unsigned flags = cudaEventDefault) { check_cuda(cudaEventCreateWithFlags(&event_, flags), "event"); }
  ~Event() { cudaEventDestroy(event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  operator cudaEvent_t() const { return event_; }

 private:
  cudaEvent_t event_ = nullptr;
};

}  // namespace encore::cuda
