#include <vector>

#include "kernels/base/check.h"
#include "kernels/cuda/embedding.cuh"
#include "kernels/cuda/launching.h"
#include "kernels/ops/list_checks.h"

namespace encore {
namespace {

constexpr int64_t kMostHidden = 8192;          // a row lies in the registers of a block
constexpr int64_t kMostHiddenBackward = 4096;  // with its sums over tokens: one unit a thread

template <class T>
cuda::EmbeddingArgs<T> arguments(const EmbeddingForward& a, const Tensor& y) {
  return {.ids = a.ids.ptr<int32_t>(),
          .position_ids = a.position_ids.ptr<int32_t>(),
          .type_ids = a.type_ids.ptr<int32_t>(),
          .word = cuda::rows_of<const T>(a.word),
          .position = cuda::rows_of<const T>(a.position),
          .type = cuda::rows_of<const T>(a.type),
          .gamma = cuda::rows_of<const float>(a.gamma),
          .beta = cuda::rows_of<const float>(a.beta),
          .y = cuda::rows_of<T>(y),
          .mean = a.mean.ptr<float>(),
          .rstd = a.rstd.ptr<float>(),
          .eps = a.eps,
          .parts = nullptr,
          .means = nullptr,
          .types = int(a.type.rows),
          .live = a.live.ptr<int32_t>(),
          .rows = y.rows,
          .cols = y.cols,
          .draws = cuda::draws_of(a.dropout)};
}

cuda::TableGradient gradient_of(const RowSegments& s, int64_t padding_id, const Tensor& dtable, float* edges,
                                const cuda::RowParts& blocks) {
  int32_t* const edge_row = reinterpret_cast<int32_t*>(edges + blocks.count * 2 * dtable.cols);
  return {.order = s.order.ptr<int32_t>(),
          .start = s.start.ptr<int32_t>(),
          .row = s.row.ptr<int32_t>(),
          .segments = s.row.cols,
          .padding_row = padding_id,
          .dtable = cuda::rows_of<float>(dtable),
          .edges = edges,
          .edge_row = edge_row,
          .tokens_per_block = blocks.size};
}

template <bool kFirst, class T>
cudaError_t run_pass(cudaStream_t stream, const cuda::EmbeddingArgs<T>& args, const cuda::TableGradient& table,
                     int64_t blocks) {
  const unsigned grid = cuda::grid_size(blocks);
  const cudaError_t e =
      args.cols <= 1024 ? launch(stream, {grid, 128}, cuda::embedding_backward_kernel<T, 128, 4, kFirst>, args, table)
                        : launch(stream, {grid, 512}, cuda::embedding_backward_kernel<T, 512, 1, kFirst>, args, table);
  if (e != cudaSuccess) return e;
  const dim3 edges(grid, unsigned(cuda::div_up(args.cols, cuda::kEdgeThreads)));
  return launch(stream, {edges, cuda::kEdgeThreads}, cuda::edge_kernel, table, args.cols);
}

}  // namespace

void CudaBackend::check_ids(const char* op, const EmbeddingForward& a, int64_t tokens) {
  check_live(op, a.live, tokens);
  check_indices(op, "ids", a.ids, a.word.rows, a.live);
  check_indices(op, "position_ids", a.position_ids, a.position.rows, a.live);
  if (a.type_ids) check_indices(op, "type_ids", a.type_ids, a.type.rows, a.live);
  check_row_keys(op, a.dropout, a.live);
}

// Reads the segments back: where starts fall, tokens would be left out; where rows repeat, two blocks would add to one
// row at the same time.
void CudaBackend::check_segments(const char* op, const char* name, const RowSegments& s, int64_t tokens, int64_t rows,
                                 const Tensor& live) {
  if (!index_checks_) return;
  std::vector<int32_t> start(size_t(s.start.cols)), row(size_t(s.row.cols));
  copy_to_host(start.data(), s.start.data, s.start.bytes());
  if (!row.empty()) copy_to_host(row.data(), s.row.data, s.row.bytes());
  int32_t count = int32_t(tokens);
  if (live) copy_to_host(&count, live.data, sizeof count);
  row.erase(std::find(row.begin(), row.end(), -1), row.end());
  encore::check_segments(op, name, start, row, {.tokens = count, .rows = rows});
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
  // Every block of the first pass leaves sums of all columns; the second leaves none, and takes twice as many blocks
  // for more loads in flight.
  const cuda::RowParts first(rows, 16, 2 * multiprocessors_), second(rows, 16, 4 * multiprocessors_);
  const size_t sums = size_t(first.count * (2 + types) * cols), edges = size_t(second.count * 2) * size_t(cols + 1);
  float* const parts = static_cast<float*>(scratch((sums + edges + size_t(rows * 2)) * sizeof(float)));
  check_cuda(cudaMemsetAsync(parts, 0, sums * sizeof(float), stream_), op);
  cuda::dispatch_device(a.dy.dtype, [&]<class T>() {
    cuda::EmbeddingArgs<T> args = arguments<T>(f, a.dy);
    args.parts = parts;
    args.means = parts + sums + edges;
    const auto position = gradient_of(a.position_segments, a.padding_id, a.dposition, parts + sums, first),
               word = gradient_of(a.word_segments, a.padding_id, a.dword, parts + sums, second);
    check_cuda(run_pass<true>(stream_, args, position, first.count), op);
    check_cuda(run_pass<false>(stream_, args, word, second.count), op);
  });
  if (types == 1)
    combine(op, parts, first.count, cols, {a.dgamma, a.dbeta, a.dtype});
  else
    combine(op, parts, first.count, cols, {a.dgamma, a.dbeta, a.dtype.row_range(0, 1), a.dtype.row_range(1, 1)});
}

}  // namespace encore
