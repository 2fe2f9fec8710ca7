#include <algorithm>

#include "kernels/cuda/launching.h"
#include "kernels/cuda/layernorm.cuh"
#include "kernels/cuda/layernorm_warp.cuh"

namespace encore {
namespace {

// A row lies in the registers of at most 256 (forward) or 512 (backward) threads.
constexpr int64_t kMostColumns = 8192;

// Does a warp serve the rows? They are of bf16 and whole 16-byte words.
bool warp_a_row(int64_t cols, std::initializer_list<Tensor> rows) {
  return cols <= 1024 && cols % cuda::kUnit == 0 && std::all_of(rows.begin(), rows.end(), [](const Tensor& t) {
           return !t || (t.dtype == DType::kBF16 && cuda::rows_of<__nv_bfloat16>(t).wide);
         });
}

// f.operator()<kUnits>() with the units of such a row that a lane holds.
template <class F>
cudaError_t dispatch_units(int64_t cols, F&& f) {
  return cols <= 256   ? f.template operator()<1>()
         : cols <= 768 ? f.template operator()<3>()
                       : f.template operator()<4>();
}

template <class T>
cudaError_t run_forward(cudaStream_t stream, const cuda::LayerNormForwardArgs<T>& a, bool warps) {
  if constexpr (sizeof(T) == 2) {
    const int64_t blocks = std::min<int64_t>(cuda::div_up(a.rows, cuda::kForwardWarps), cuda::kForwardBlocks);
    if (warps)
      return dispatch_units(a.cols, [&]<int kUnits>() {
        const LaunchShape shape{cuda::grid_size(blocks), 32 * cuda::kForwardWarps,
                                sizeof(float) * size_t(3 * cuda::kVectorFloats<kUnits>)};
        return launch(stream, shape, cuda::layernorm_forward_warp_kernel<T, kUnits>, a);
      });
  }
  const unsigned rows = cuda::grid_size(a.rows), blocks = cuda::grid_size(cuda::div_up(a.rows, 4));
  if (a.cols <= 768) return launch(stream, {blocks, 128}, cuda::layernorm_forward_kernel<T, 32, 3>, a);
  if (a.cols <= 1024) return launch(stream, {blocks, 128}, cuda::layernorm_forward_kernel<T, 32, 4>, a);
  return launch(stream, {rows, 256}, cuda::layernorm_forward_kernel<T, 256, 4>, a);
}

template <class T>
cudaError_t run_backward(cudaStream_t stream, const cuda::LayerNormBackwardArgs<T>& a, bool warps, unsigned grid) {
  if constexpr (sizeof(T) == 2) {
    if (warps)
      return dispatch_units(a.cols, [&]<int kUnits>() {
        const size_t floats = size_t(cuda::kVectorFloats<kUnits> + cuda::kBackwardWarps * a.sums * a.cols);
        return launch(stream, {grid, 32 * cuda::kBackwardWarps, sizeof(float) * floats},
                      cuda::layernorm_backward_warp_kernel<T, kUnits>, a);
      });
  }
  if (a.cols <= 1024) return launch(stream, {grid, 128}, cuda::layernorm_backward_kernel<T, 128, 1, 4>, a);
  return launch(stream, {grid, 512}, cuda::layernorm_backward_kernel<T, 512, 2, 1>, a);
}

}  // namespace

void CudaBackend::layernorm_forward(const LayerNormForward& a) {
  constexpr const char* op = "layernorm_forward";
  check(a.x.cols <= kMostColumns, "{}: x {} has more than the {} columns that the CUDA backend serves", op, a.x.str(),
        kMostColumns);
  check_live(op, a.live, a.x.rows);
  check_row_keys(op, a.dropout, a.live);
  cuda::dispatch_device(a.x.dtype, [&]<class T>() {
    const cuda::LayerNormForwardArgs<T> args{cuda::rows_of<const T>(a.x),
                                             cuda::rows_of<const T>(a.residual),
                                             cuda::rows_of<const float>(a.bias),
                                             cuda::rows_of<const float>(a.gamma),
                                             cuda::rows_of<const float>(a.beta),
                                             cuda::rows_of<T>(a.sum),
                                             cuda::rows_of<T>(a.y),
                                             a.mean.ptr<float>(),
                                             a.rstd.ptr<float>(),
                                             a.eps,
                                             a.live.ptr<int32_t>(),
                                             a.x.rows,
                                             a.x.cols,
                                             cuda::draws_of(a.dropout)};
    check_cuda(run_forward(stream_, args, warp_a_row(a.x.cols, {a.x, a.residual, a.sum, a.y})), op);
  });
}

void CudaBackend::layernorm_backward(const LayerNormBackward& a) {
  constexpr const char* op = "layernorm_backward";
  const int64_t rows = a.dy.rows, cols = a.dy.cols;
  check(cols <= kMostColumns, "{}: dy {} has more than the {} columns that the CUDA backend serves", op, a.dy.str(),
        kMostColumns);
  check_live(op, a.live, rows);
  check_row_keys(op, a.dropout, a.live);
  const bool warps = warp_a_row(cols, {a.dy, a.sum, a.dx, a.dsum});
  const cuda::RowParts blocks(rows, 16, warps ? 132 : 264);
  const int sums = a.dbias ? 3 : 2;
  float* parts = static_cast<float*>(scratch(size_t(blocks.count * sums * cols) * sizeof(float)));
  cuda::dispatch_device(a.dy.dtype, [&]<class T>() {
    cuda::LayerNormBackwardArgs<T> args{cuda::rows_of<const T>(a.dy),
                                        cuda::rows_of<const T>(a.sum),
                                        cuda::rows_of<const float>(a.gamma),
                                        a.mean.ptr<float>(),
                                        a.rstd.ptr<float>(),
                                        cuda::rows_of<T>(a.dsum),
                                        cuda::rows_of<T>(a.dx),
                                        parts,
                                        sums,
                                        a.live.ptr<int32_t>(),
                                        rows,
                                        cols,
                                        blocks.size,
                                        cuda::draws_of(a.dropout)};
    if (a.dx.data == a.dsum.data) args.dsum.data = nullptr;  // dx lies over it
    check_cuda(run_backward(stream_, args, warps, cuda::grid_size(blocks.count)), op);
  });
  if (a.dbias)
    combine(op, parts, blocks.count, cols, {a.dgamma, a.dbeta, a.dbias});
  else
    combine(op, parts, blocks.count, cols, {a.dgamma, a.dbeta});
}

}  // namespace encore
