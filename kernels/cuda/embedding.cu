#include <vector>

#include "kernels/base/check.h"
#include "kernels/cuda/embedding.cuh"
#include "kernels/cuda/launching.h"

namespace encore {
namespace {

constexpr int64_t kMostHidden = 8192;          // a row lies in the registers of a block
constexpr int64_t kMostHiddenBackward = 4096;  // with its sums; two units a thread spilled

template <class T>
cuda::EmbeddingArgs<T> arguments(const EmbeddingForward& a, const Tensor& y) {
  return {a.ids.ptr<int32_t>(),
          a.position_ids.ptr<int32_t>(),
          a.type_ids.ptr<int32_t>(),
          cuda::rows_of<const T>(a.word),
          cuda::rows_of<const T>(a.position),
          cuda::rows_of<const T>(a.type),
          cuda::rows_of<const float>(a.gamma),
          cuda::rows_of<const float>(a.beta),
          cuda::rows_of<T>(y),
          a.mean.ptr<float>(),
          a.rstd.ptr<float>(),
          a.eps,
          nullptr,
          int(a.type.rows),
          a.live.ptr<int32_t>(),
          y.rows,
          y.cols,
          0,
          cuda::draws_of(a.dropout)};
}

template <class T>
cudaError_t add_segments(cudaStream_t stream, const Tensor& d, const RowSegments& s, int64_t padding_id,
                         const Tensor& table) {
  if (s.row.cols == 0) return cudaSuccess;
  const cuda::SegmentArgs segments{s.order.ptr<int32_t>(), s.start.ptr<int32_t>(), s.row.ptr<int32_t>(), padding_id};
  const dim3 grid(cuda::grid_size(s.row.cols), unsigned(cuda::div_up(d.cols, cuda::kTileColumns)));
  return launch(stream, {grid, cuda::kTileThreads}, cuda::segment_kernel<T>, cuda::rows_of<const T>(d), segments,
                cuda::rows_of<float>(table), d.cols);
}

}  // namespace

void CudaBackend::check_ids(const char* op, const EmbeddingForward& a, int64_t tokens) {
  check_live(op, a.live, tokens);
  check_indices(op, "ids", a.ids, a.word.rows, a.live);
  check_indices(op, "position_ids", a.position_ids, a.position.rows, a.live);
  if (a.type_ids) check_indices(op, "type_ids", a.type_ids, a.type.rows, a.live);
  check_row_keys(op, a.dropout, a.live);
}

// Reads the segments back: starts that fall would be sums of nothing, rows that repeat would be added to twice at once.
void CudaBackend::check_segments(const char* op, const char* name, const RowSegments& s, int64_t tokens, int64_t rows,
                                 const Tensor& live) {
  if (!index_checks_) return;
  std::vector<int32_t> start(size_t(s.start.cols)), row(size_t(s.row.cols));
  copy_to_host(start.data(), s.start.data, s.start.bytes());
  if (!row.empty()) copy_to_host(row.data(), s.row.data, s.row.bytes());
  int32_t count = int32_t(tokens);
  if (live) copy_to_host(&count, live.data, sizeof count);
  const size_t segments = size_t(std::find(row.begin(), row.end(), -1) - row.begin());
  check(start[0] == 0 && start[segments] == count, "{}: {} segments span {} .. {}, not the {} tokens", op, name,
        start[0], start[segments], count);
  for (size_t i = 0; i < segments; ++i)
    check(start[i] <= start[i + 1] && row[i] >= 0 && row[i] < rows && (i == 0 || row[i - 1] < row[i]),
          "{}: {} segment {} of row {} spans {} .. {}", op, name, i, row[i], start[i], start[i + 1]);
  check_indices(op, "order", s.order, tokens, live);
}

void CudaBackend::embedding_forward(const EmbeddingForward& a) {
  constexpr const char* op = "embedding_forward";
  check(a.y.cols <= kMostHidden, "{}: y {} has more than the {} columns that the CUDA backend serves", op, a.y.str(),
        kMostHidden);
  check_ids(op, a, a.y.rows);
  cuda::dispatch_device(a.y.dtype, [&]<class T>() {
    const cuda::EmbeddingArgs<T> args = arguments<T>(a, a.y);
    const unsigned rows = cuda::grid_size(a.y.rows), blocks = cuda::grid_size(cuda::div_up(a.y.rows, 4));
    if (a.y.cols <= 1024)
      check_cuda(launch(stream_, {blocks, 128}, cuda::embedding_forward_kernel<T, 32, 4>, args), op);
    else
      check_cuda(launch(stream_, {rows, 256}, cuda::embedding_forward_kernel<T, 256, 4>, args), op);
  });
}

void CudaBackend::embedding_backward(const EmbeddingBackward& a) {
  constexpr const char* op = "embedding_backward";
  const EmbeddingForward& f = a.forward;
  const int64_t rows = a.dy.rows, cols = a.dy.cols, types = f.type.rows;
  check(cols <= kMostHiddenBackward, "{}: dy {} has more than the {} columns that the CUDA backend serves", op,
        a.dy.str(), kMostHiddenBackward);
  check(types <= 2, "{}: type {} has more than the 2 rows that the CUDA backend serves", op, f.type.str());
  check_ids(op, f, rows);
  check_segments(op, "word", a.word_segments, rows, f.word.rows, f.live);
  check_segments(op, "position", a.position_segments, rows, f.position.rows, f.live);
  const cuda::RowParts blocks(rows, 16, 264);
  const size_t bytes = size_t(blocks.count * (2 + types) * cols) * sizeof(float);
  float* parts = static_cast<float*>(scratch(bytes));
  check_cuda(cudaMemsetAsync(parts, 0, bytes, stream_), op);
  cuda::dispatch_device(a.dy.dtype, [&]<class T>() {
    cuda::EmbeddingArgs<T> args = arguments<T>(f, a.dy);
    args.parts = parts;
    args.rows_per_block = blocks.size;
    const unsigned grid = cuda::grid_size(blocks.count);
    if (cols <= 1024)
      check_cuda(launch(stream_, {grid, 128}, cuda::embedding_backward_kernel<T, 128, 1>, args), op);
    else
      check_cuda(launch(stream_, {grid, 512}, cuda::embedding_backward_kernel<T, 512, 1>, args), op);
    check_cuda(add_segments<T>(stream_, a.dy, a.word_segments, a.padding_id, a.dword), op);
    check_cuda(add_segments<T>(stream_, a.dy, a.position_segments, a.padding_id, a.dposition), op);
  });
  if (types == 1)
    combine(op, parts, blocks.count, cols, {a.dgamma, a.dbeta, a.dtype});
  else
    combine(op, parts, blocks.count, cols, {a.dgamma, a.dbeta, a.dtype.row_range(0, 1), a.dtype.row_range(1, 1)});
}

}  // namespace encore
