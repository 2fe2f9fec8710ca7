#include <algorithm>

#include "kernels/cuda/launching.h"
#include "kernels/cuda/layernorm.cuh"
#include "kernels/cuda/layernorm_warp.cuh"

namespace encore {
namespace {

// A row lies in the registers of at most 256 (forward) or 512 (backward) threads.
constexpr int64_t kMostColumns = 8192;

// Whether the kernels of layernorm_warp.cuh take the rows: bf16, whole 16-byte words, at most 1,024 columns.
bool fits_warp(int64_t cols, std::initializer_list<Tensor> rows) {
  return cols <= 1024 && cols % cuda::kUnit == 0 && std::all_of(rows.begin(), rows.end(), [](const Tensor& t) {
           return !t || (t.dtype == DType::kBF16 && cuda::rows_of<__nv_bfloat16>(t).wide);
         });
}

// f.operator()<kUnits>() with the number of units of such a row that a lane holds.
template <class F>
cudaError_t dispatch_units(int64_t cols, F&& f) {
  return cols <= 256   ? f.template operator()<1>()
         : cols <= 768 ? f.template operator()<3>()
                       : f.template operator()<4>();
}

template <class T>
cudaError_t run_forward(cudaStream_t stream, const cuda::LayerNormForwardArgs<T>& a, bool warps,
                        int64_t multiprocessors) {
  if constexpr (sizeof(T) == 2) {
    const int64_t blocks =
        std::min(cuda::div_up(a.rows, cuda::kForwardWarps), cuda::kForwardBlocksPerMultiprocessor * multiprocessors);
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
    const cuda::LayerNormForwardArgs<T> args{.x = cuda::rows_of<const T>(a.x),
                                             .residual = cuda::rows_of<const T>(a.residual),
                                             .bias = cuda::rows_of<const float>(a.bias),
                                             .gamma = cuda::rows_of<const float>(a.gamma),
                                             .beta = cuda::rows_of<const float>(a.beta),
                                             .sum = cuda::rows_of<T>(a.sum),
                                             .y = cuda::rows_of<T>(a.y),
                                             .mean = a.mean.ptr<float>(),
                                             .rstd = a.rstd.ptr<float>(),
                                             .eps = a.eps,
                                             .live = a.live.ptr<int32_t>(),
                                             .rows = a.x.rows,
                                             .cols = a.x.cols,
                                             .draws = cuda::draws_of(a.dropout)};
    const bool warps = fits_warp(a.x.cols, {a.x, a.residual, a.sum, a.y});
    check_cuda(run_forward(stream_, args, warps, multiprocessors_), op);
  });
}

void CudaBackend::layernorm_backward(const LayerNormBackward& a) {
  constexpr const char* op = "layernorm_backward";
  const int64_t rows = a.dy.rows, cols = a.dy.cols;
  check(cols <= kMostColumns, "{}: dy {} has more than the {} columns that the CUDA backend serves", op, a.dy.str(),
        kMostColumns);
  check_live(op, a.live, rows);
  check_row_keys(op, a.dropout, a.live);
  const bool warps = fits_warp(cols, {a.dy, a.sum, a.dx, a.dsum});
  // The registers of a block of warp rows fill a multiprocessor (bench/kernels/cost.md); the other kernels' blocks are
  // smaller, and two share one.
  const cuda::RowParts blocks(rows, 16, warps ? multiprocessors_ : 2 * multiprocessors_);
  const int sums = a.dbias ? 3 : 2;
  float* parts = static_cast<float*>(scratch(size_t(blocks.count * sums * cols) * sizeof(float)));
  cuda::dispatch_device(a.dy.dtype, [&]<class T>() {
    cuda::LayerNormBackwardArgs<T> args{.dy = cuda::rows_of<const T>(a.dy),
                                        .sum = cuda::rows_of<const T>(a.sum),
                                        .gamma = cuda::rows_of<const float>(a.gamma),
                                        .mean = a.mean.ptr<float>(),
                                        .rstd = a.rstd.ptr<float>(),
                                        .dsum = cuda::rows_of<T>(a.dsum),
                                        .dx = cuda::rows_of<T>(a.dx),
                                        .parts = parts,
                                        .sums = sums,
                                        .live = a.live.ptr<int32_t>(),
                                        .rows = rows,
                                        .cols = cols,
                                        .rows_per_block = blocks.size,
                                        .draws = cuda::draws_of(a.dropout)};
    if (a.dx.data == a.dsum.data) args.dsum.data = nullptr;  // dx would overwrite it
    check_cuda(run_backward(stream_, args, warps, cuda::grid_size(blocks.count)), op);
  });
  if (a.dbias)
    combine(op, parts, blocks.count, cols, {a.dgamma, a.dbeta, a.dbias});
  else
    combine(op, parts, blocks.count, cols, {a.dgamma, a.dbeta});
}

}  // namespace encore
