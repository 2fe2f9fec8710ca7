#include "kernels/ops/embedding.h"

#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/rows.h"
#include "kernels/cpu/vec/embedding.h"
#include "kernels/ops/list_checks.h"

namespace encore {
namespace {

// An id out of range would read past its table. (The readers refuse such ids earlier, with file and line.)
void check_ids(const Tensor& ids, int64_t limit, const char* name) {
  const int32_t* id = ids.ptr<int32_t>();
  for (int64_t t = 0; t < ids.cols; ++t)
    check(id[t] >= 0 && id[t] < limit, "embedding: {}[{}] is {}, and the table has {} rows", name, t, id[t], limit);
}

cpu::EmbeddingTables tables(const EmbeddingForward& a, int64_t cols) {
  check_ids(a.ids, a.word.rows, "ids");
  check_ids(a.position_ids, a.position.rows, "position_ids");
  if (a.type_ids) check_ids(a.type_ids, a.type.rows, "type_ids");
  cpu::check_row_keys(a.dropout, "embedding");
  return {a.ids.ptr<int32_t>(),
          a.position_ids.ptr<int32_t>(),
          a.type_ids.ptr<int32_t>(),
          cpu::vec(a.word),
          cpu::vec(a.position),
          cpu::vec(a.type),
          a.gamma.ptr<float>(),
          a.beta.ptr<float>(),
          a.mean.ptr<float>(),
          a.rstd.ptr<float>(),
          a.eps,
          cpu::vec(a.dropout),
          cols};
}

void check_lists(const RowSegments& s, int64_t tokens, int64_t limit, const char* name) {
  check_segments("embedding", name, cpu::values(s.start), cpu::values(s.row), {.tokens = tokens, .rows = limit});
  check_ids(s.order, tokens, "order");
}

// Each row of `gradient` is summed by one thread, in the order of its segment.
void add_segments(int threads, const Tensor& d, const RowSegments& s, int64_t padding_id, const Tensor& gradient) {
  const auto add_rows = ENCORE_VEC_CALL_FLOATS(add_rows, d.dtype);
  const int32_t *order = s.order.ptr<int32_t>(), *start = s.start.ptr<int32_t>(), *row = s.row.ptr<int32_t>();
#pragma omp parallel for schedule(dynamic, 8) num_threads(threads) if (d.size() >= cpu::kWorthThreads)
  for (int64_t i = 0; i < s.row.cols; ++i)
    if (row[i] != padding_id)
      add_rows(cpu::vec(d), d.cols, order + start[i], start[i + 1] - start[i], gradient.row<float>(row[i]));
}

}  // namespace

void CpuBackend::embedding_forward(const EmbeddingForward& a) {
  const int64_t cols = a.y.cols, stride = cpu::padded(cols);
  const cpu::EmbeddingTables rows = tables(a, cols);
  const auto forward = ENCORE_VEC_CALL_FLOATS(embedding_forward, a.y.dtype);
  float* room = scratch_of<float>(size_t(threads_ * stride));
  cpu::parallel_rows(threads_, a.y.rows, cols, [&](int64_t begin, int64_t end, int thread) {
    forward(rows, cpu::vec(a.y), begin, end, room + thread * stride);
  });
}

void CpuBackend::embedding_backward(const EmbeddingBackward& a) {
  const EmbeddingForward& f = a.forward;
  const int64_t tokens = a.dy.rows, cols = a.dy.cols, stride = cpu::padded(cols), types = f.type.rows;
  check_lists(a.word_segments, tokens, f.word.rows, "word");
  check_lists(a.position_segments, tokens, f.position.rows, "position");
  const cpu::EmbeddingTables rows = tables(f, cols);
  const auto backward = ENCORE_VEC_CALL_FLOATS(embedding_backward, a.dy.dtype);
  const cpu::RowBlocks blocks(tokens);
  const int64_t part_size = 2 * stride + cpu::padded(types * cols);
  float* parts = scratch_of<float>(size_t(blocks.count * part_size));
  cpu::parallel_blocks(threads_, blocks, cols, [&](int64_t block, int64_t begin, int64_t end, int) {
    float* part = parts + block * part_size;
    std::fill_n(part, part_size, 0.f);
    backward(rows, cpu::vec(a.dy), begin, end, part, part + stride, part + 2 * stride);
  });
  cpu::combine(threads_, parts, blocks.count, part_size, a.dgamma);
  cpu::combine(threads_, parts + stride, blocks.count, part_size, a.dbeta);
  for (int64_t t = 0; t < types; ++t)
    cpu::combine(threads_, parts + 2 * stride + t * cols, blocks.count, part_size, a.dtype.row_range(t, 1));
  add_segments(threads_, a.dy, a.word_segments, a.padding_id, a.dword);
  add_segments(threads_, a.dy, a.position_segments, a.padding_id, a.dposition);
}

}  // namespace encore
