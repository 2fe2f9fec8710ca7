// Sums over the devices of several ranks, which run while the devices compute.
#pragma once

#include <array>
#include <memory>
#include <string>

#include "kernels/base/tensor.h"

namespace encore {

// Identifies a group: one rank draws it and passes it to the others.
using CollectiveId = std::array<char, 128>;

class Collectives {
 public:
  virtual ~Collectives() = default;
  // For people: "NCCL 2.28.9".
  virtual std::string description() const = 0;

  // Begins the sum of x over all ranks, in place. It starts after the backend's calls so far and runs beside the calls
  // that follow. x: contiguous fp32, bf16, fp64 or i64 in backend memory; no other call may use it until join(). All
  // ranks make the same calls in the same order. Throws DeviceError with the library's message.
  virtual void start_sum(const Tensor& x) = 0;
  // The backend's calls from here on see the sums. The host does not wait.
  virtual void join() = 0;
};

}  // namespace encore
