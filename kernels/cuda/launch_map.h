// How map_kernel is launched: its grid is known here alone.
#pragma once

#include "kernels/cuda/elementwise.cuh"
#include "kernels/cuda/launching.h"

namespace encore::cuda {

template <class T, class U, class F>
cudaError_t launch_map(cudaStream_t stream, const MapArgs<T, U>& a) {
  const dim3 grid(grid_size(div_up(a.cols, kMapUnits * kUnit)), std::min(grid_size(div_up(a.rows, kMapRows)), 65535u));
  return launch(stream, {grid, kMapThreads}, map_kernel<T, U, F>, a);
}

}  // namespace encore::cuda
