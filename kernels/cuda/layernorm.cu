#include "kernels/cuda/launching.h"
#include "kernels/cuda/layernorm.cuh"
#include "kernels/cuda/layernorm_warp.cuh"

namespace encore {
namespace {

// A row lies in the registers of at most 256 (forward) or 512 (backward) threads.
constexpr int64_t kMostColumns = 8192;

// Rows of bf16 that a warp serves: whole 16-byte words.
template <class T, class... R>
bool whole_words(int64_t cols, const R&... rows) {
  return sizeof(T) == 2 && cols <= 1024 && cols % cuda::kUnit == 0 && ((rows.data == nullptr || rows.wide) && ...);
}

size_t vector_bytes(int64_t cols) {
  return sizeof(float) * size_t(cols <= 256   ? cuda::kVectorFloats<1>
                                : cols <= 768 ? cuda::kVectorFloats<3>
                                              : cuda::kVectorFloats<4>);
}

template <class T>
cudaError_t run_forward(cudaStream_t stream, const cuda::LayerNormForwardArgs<T>& a) {
  if constexpr (sizeof(T) == 2) {
    if (whole_words<T>(a.cols, a.x, a.residual, a.sum, a.y)) {
      const LaunchShape shape{
          cuda::grid_size(std::min<int64_t>(cuda::div_up(a.rows, cuda::kForwardWarps), cuda::kForwardBlocks)),
          32 * cuda::kForwardWarps, 3 * vector_bytes(a.cols)};
      if (a.cols <= 256) return launch(stream, shape, cuda::layernorm_forward_warp_kernel<T, 1>, a);
      if (a.cols <= 768) return launch(stream, shape, cuda::layernorm_forward_warp_kernel<T, 3>, a);
      return launch(stream, shape, cuda::layernorm_forward_warp_kernel<T, 4>, a);
    }
  }
  const unsigned rows = cuda::grid_size(a.rows), blocks = cuda::grid_size(cuda::div_up(a.rows, 4));
  if (a.cols <= 768) return launch(stream, {blocks, 128}, cuda::layernorm_forward_kernel<T, 32, 3>, a);
  if (a.cols <= 1024) return launch(stream, {blocks, 128}, cuda::layernorm_forward_kernel<T, 32, 4>, a);
  return launch(stream, {rows, 256}, cuda::layernorm_forward_kernel<T, 256, 4>, a);
}

// Blocks of the backward pass, which depend on nothing but the shape.
cuda::RowParts backward_parts(int64_t rows, bool warps) {
  return warps ? cuda::RowParts(rows, 16, 132) : cuda::RowParts(rows, 16, 264);
}

template <class T>
cudaError_t run_backward(cudaStream_t stream, const cuda::LayerNormBackwardArgs<T>& a, bool warps, unsigned grid) {
  if constexpr (sizeof(T) == 2) {
    const LaunchShape shape{grid, 32 * cuda::kBackwardWarps,
                            vector_bytes(a.cols) + size_t(cuda::kBackwardWarps * a.sums * a.cols) * sizeof(float)};
    if (warps && a.cols <= 256) return launch(stream, shape, cuda::layernorm_backward_warp_kernel<T, 1>, a);
    if (warps && a.cols <= 768) return launch(stream, shape, cuda::layernorm_backward_warp_kernel<T, 3>, a);
    if (warps) return launch(stream, shape, cuda::layernorm_backward_warp_kernel<T, 4>, a);
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
    check_cuda(run_forward(stream_, args), op);
  });
}

void CudaBackend::layernorm_backward(const LayerNormBackward& a) {
  constexpr const char* op = "layernorm_backward";
  const int64_t rows = a.dy.rows, cols = a.dy.cols;
  check(cols <= kMostColumns, "{}: dy {} has more than the {} columns that the CUDA backend serves", op, a.dy.str(),
        kMostColumns);
  check_live(op, a.live, rows);
  check_row_keys(op, a.dropout, a.live);
  const bool warps =
      a.dy.dtype == DType::kBF16 &&
      whole_words<__nv_bfloat16>(cols, cuda::rows_of<__nv_bfloat16>(a.dy), cuda::rows_of<__nv_bfloat16>(a.sum),
                                 cuda::rows_of<__nv_bfloat16>(a.dx), cuda::rows_of<__nv_bfloat16>(a.dsum));
  const cuda::RowParts blocks = backward_parts(rows, warps);
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
