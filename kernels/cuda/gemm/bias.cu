#include "kernels/cuda/gemm/product.h"
#include "kernels/cuda/rows/launch_map.h"

namespace encore::cuda {

cudaError_t bias_to_bf16(const Tensor& bias, void* out, cudaStream_t stream) {
  MapArgs<float, __nv_bfloat16> args{};
  args.x = rows_of<const float>(bias);
  args.y = {static_cast<__nv_bfloat16*>(out), bias.cols, true};
  args.rows = 1;
  args.cols = bias.cols;
  args.draws = draws_of({});
  return launch_map<float, __nv_bfloat16, Identity>(stream, args);
}

}  // namespace encore::cuda
