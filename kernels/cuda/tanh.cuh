// tanh and its derivative (kernels/ops/tanh.h), for the row loops of rows/map.cuh and rows/columns.cuh.
#pragma once

#include "kernels/cuda/rows/map.cuh"

namespace encore::cuda {

struct Tanh : Identity {
  template <class T>
  static __device__ __forceinline__ float value(float x) {
    return tanhf(x);
  }
};

struct TanhGradient {
  template <class T>
  static __device__ __forceinline__ float gradient(float dy, float y) {
    return dy * (1.f - y * y);
  }
};

}  // namespace encore::cuda
