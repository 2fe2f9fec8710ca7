#include <cmath>
#include <map>

#include "bench/kernels/op_batch.h"
#include "kernels/ops/embedding.h"

namespace encore::bench {
namespace {

EmbeddingForward forward_arguments(OpBatch& b, DType dtype, float p) {
  EmbeddingForward a{.ids = b.indices(kTokens, kVocabulary),
                     .position_ids = b.indices(kTokens, kPositions),
                     .word = b.make(dtype, kVocabulary, kHidden, 0),
                     .position = b.make(dtype, kPositions, kHidden),
                     .type = b.make(dtype, 1, kHidden),
                     .gamma = b.make(DType::kF32, 1, kHidden),
                     .beta = b.make(DType::kF32, 1, kHidden),
                     .y = b.make(dtype, kTokens, kHidden, 2),  // and as many bytes of the word table are read
                     .mean = b.make(DType::kF32, 1, kTokens),
                     .rstd = b.make(DType::kF32, 1, kTokens)};
  // Ids as frequent as in text: the chance of one falls with its rank.
  for (int64_t t = 0; t < kTokens; ++t) {
    const double u = double(a.ids.ptr<int32_t>()[t]) / kVocabulary;
    a.ids.ptr<int32_t>()[t] = int32_t(std::pow(double(kVocabulary), u)) % int32_t(kVocabulary);
    a.position_ids.ptr<int32_t>()[t] = int32_t(t % 512 + 2);
  }
  a.dropout = b.dropout(p);
  return a;
}

RowSegments segments(OpBatch& b, const Tensor& ids) {
  std::map<int32_t, std::vector<int32_t>> rows;
  for (int64_t t = 0; t < ids.cols; ++t) rows[ids.ptr<int32_t>()[t]].push_back(int32_t(t));
  const int64_t count = int64_t(rows.size());
  RowSegments s{b.indices(ids.cols, 1), b.indices(count + 1, 1), b.indices(count, 1)};
  int32_t at = 0, n = 0;
  for (const auto& [row, tokens] : rows) {
    s.row.ptr<int32_t>()[n] = row;
    s.start.ptr<int32_t>()[n++] = at;
    for (int32_t t : tokens) s.order.ptr<int32_t>()[at++] = t;
  }
  s.start.ptr<int32_t>()[n] = at;
  return s;
}

// Arguments: bits of an activation, dropout in percent.
void embedding_forward_4096x768(benchmark::State& state) {
  OpBatch b;
  const EmbeddingForward a = forward_arguments(b, dtype_of_bench(state), float(state.range(1)) / 100);
  for (auto _ : state) embedding_forward(*b.backend, a);
  b.report(state);
}

void embedding_backward_4096x768(benchmark::State& state) {
  OpBatch b;
  const DType dtype = dtype_of_bench(state);
  EmbeddingBackward a{.dy = b.make(dtype, kTokens, kHidden, 4),
                      .forward = forward_arguments(b, dtype, float(state.range(1)) / 100),
                      .dword = b.make(DType::kF32, kVocabulary, kHidden, 0),
                      .dposition = b.make(DType::kF32, kPositions, kHidden, 2),
                      .dtype = b.make(DType::kF32, 1, kHidden),
                      .dgamma = b.make(DType::kF32, 1, kHidden),
                      .dbeta = b.make(DType::kF32, 1, kHidden),
                      .padding_id = 1};
  a.word_segments = segments(b, a.forward.ids);
  a.position_segments = segments(b, a.forward.position_ids);
  b.bytes += a.word_segments.row.cols * kHidden * 8;
  embedding_forward(*b.backend, a.forward);
  const Tensor dy = b.make(dtype, kTokens, kHidden, 0);  // the op destroys its own
  for (auto _ : state) {
    state.PauseTiming();
    b.backend->copy_to_device(a.dy.data, dy.data, dy.bytes());
    state.ResumeTiming();
    embedding_backward(*b.backend, a);
  }
  b.report(state);
}

BENCHMARK(embedding_forward_4096x768)->ArgsProduct({{16, 32}, {0, 10}})->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(embedding_backward_4096x768)->ArgsProduct({{16, 32}, {0, 10}})->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace encore::bench

BENCHMARK_MAIN();
