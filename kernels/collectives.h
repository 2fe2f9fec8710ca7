// Sums over the devices of several ranks, beside the computation.
#pragma once

#include <array>
#include <memory>
#include <string>

#include "kernels/base/tensor.h"

namespace encore {

// What one rank draws and all ranks of a group are given.
using CollectiveId = std::array<char, 128>;

class Collectives {
 public:
  virtual ~Collectives() = default;
  // For people: "NCCL 2.28.9".
  virtual std::string description() const = 0;

  // Begins the sum of x over all ranks, in place: it sees what the backend was given before, and runs beside what the
  // backend is given next. x: contiguous fp32, bf16, fp64 or i64 of the backend, left alone until join(). All ranks
  // make the same calls in the same order. Throws DeviceError naming what the library said.
  virtual void start_sum(const Tensor& x) = 0;
  // What the backend is given from here on sees the sums. Does not wait.
  virtual void join() = 0;
};

}  // namespace encore
