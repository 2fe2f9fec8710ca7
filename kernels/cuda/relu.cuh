// max(x, 0) and its derivative (kernels/ops/relu.h), for the row loops of rows/map.cuh and rows/columns.cuh.
#pragma once

#include "kernels/cuda/rows/map.cuh"

namespace encore::cuda {

struct Relu : Identity {
  template <class T>
  static __device__ __forceinline__ float value(float x) {
    return x < 0.f ? 0.f : x;  // not fmaxf, which would turn a NaN into 0
  }
};

struct ReluGradient {
  template <class T>
  static __device__ __forceinline__ float gradient(float dy, float y) {
    return y > 0.f ? dy : 0.f;
  }
};

}  // namespace encore::cuda
