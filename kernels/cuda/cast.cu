#include "kernels/cuda/cast.cuh"
#include "kernels/cuda/launching.h"

namespace encore {

void CudaBackend::cast(const Cast& a) {
  const int64_t units = cuda::div_up(a.x.cols, cuda::kUnit) * a.x.rows;
  check(units < int64_t(1) << 32, "cast: {} has more elements than the CUDA backend serves in one call", a.x.str());
  const unsigned grid = cuda::grid_size(cuda::div_up(units, cuda::kCastThreads));
  cuda::dispatch_device(a.x.dtype, [&]<class T>() {
    cuda::dispatch_device(a.y.dtype, [&]<class U>() {
      check_cuda(launch(stream_, {grid, cuda::kCastThreads}, cuda::cast_kernel<T, U>, cuda::rows_of<const T>(a.x),
                        cuda::rows_of<U>(a.y), a.x.rows, a.x.cols),
                 "cast");
    });
  });
}

}  // namespace encore
