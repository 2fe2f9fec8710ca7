// Attention: GFLOP/s of 4 (forward) or 10 (backward) products of S x S x D per head, at 4096 tokens.
#include <benchmark/benchmark.h>

#include <cmath>
#include <random>
#include <vector>

#include "kernels/backend_factory.h"
#include "kernels/ops/attention.h"

namespace encore {
namespace {

struct Batch {
  Batch(DType dtype, int heads, int head_size, int64_t length, float p, int64_t tokens = 4096)
      : backend(make_backend("cpu")), sequences(tokens / length) {
    tokens = sequences * length;
    const int64_t width = int64_t(heads) * head_size;
    const auto matrix = [&](int64_t cols, bool random) {
      Tensor t(backend->allocate(size_t(tokens * cols) * size_of(dtype)), dtype, tokens, cols);
      std::mt19937 bits(1);
      std::normal_distribution<float> normal;
      for (int64_t i = 0; random && i < t.size(); ++i)
        dtype == DType::kBF16 ? void(t.ptr<bf16>()[i] = to_bf16(normal(bits))) : void(t.ptr<float>()[i] = normal(bits));
      return t;
    };
    for (int64_t n = 0; n <= sequences; ++n) starts.push_back(int32_t(n * length));
    for (int64_t n = 0; n < sequences; ++n) keys.push_back(uint64_t(n));
    qkv = matrix(3 * width, true), dqkv = matrix(3 * width, false), out = matrix(width, false);
    dout = matrix(width, true);
    lse = Tensor(backend->allocate(size_t(tokens * heads) * 4), DType::kF32, heads, tokens);
    shape.heads = heads, shape.head_size = head_size, shape.scale = 1 / std::sqrt(float(head_size));
    shape.cu_seqlens = Tensor(starts.data(), 1, sequences + 1);
    dropout.p = p, dropout.example_keys = Tensor(keys.data(), 1, sequences);
    q = qkv.col_range(0, width), k = qkv.col_range(width, width), v = qkv.col_range(2 * width, width);
    dq = dqkv.col_range(0, width), dk = dqkv.col_range(width, width), dv = dqkv.col_range(2 * width, width);
    flops = 4.0 * double(sequences) * heads * double(length) * double(length) * head_size;
  }
  ~Batch() {
    for (const Tensor& t : {qkv, dqkv, out, dout, lse}) backend->free(t.data);
  }
  void forward() {
    attention_forward(*backend, {.q = q, .k = k, .v = v, .out = out, .lse = lse, .shape = shape, .dropout = dropout});
  }
  void backward() {
    attention_backward(*backend, {.dout = dout,
                                  .q = q,
                                  .k = k,
                                  .v = v,
                                  .out = out,
                                  .lse = lse,
                                  .dq = dq,
                                  .dk = dk,
                                  .dv = dv,
                                  .shape = shape,
                                  .dropout = dropout});
  }

  std::unique_ptr<Backend> backend;
  int64_t sequences;
  std::vector<int32_t> starts;
  std::vector<uint64_t> keys;
  Tensor qkv, dqkv, out, dout, lse, q, k, v, dq, dk, dv;
  AttentionShape shape;
  AttentionDropout dropout;
  double flops;
};

void report(benchmark::State& state, double flops) {
  state.counters["GFLOP/s"] =
      benchmark::Counter(flops * 1e-9 * double(state.iterations()), benchmark::Counter::kIsRate);
}

// Arguments: sequence length, head size, heads, bf16, dropout in percent.
Batch batch_of(const benchmark::State& state) {
  return Batch(state.range(3) ? DType::kBF16 : DType::kF32, int(state.range(2)), int(state.range(1)), state.range(0),
               float(state.range(4)) / 100);
}
void BM_attention_forward(benchmark::State& state) {
  Batch batch = batch_of(state);
  for (auto _ : state) batch.forward();
  report(state, batch.flops);
}
void BM_attention_backward(benchmark::State& state) {
  Batch batch = batch_of(state);
  batch.forward();
  for (auto _ : state) batch.backward();
  report(state, 2.5 * batch.flops);
}

void shapes(benchmark::internal::Benchmark* b) {
  b->ArgNames({"S", "D", "A", "bf16", "p"})->UseRealTime()->Unit(benchmark::kMillisecond);
  for (const int64_t bf16 : {1, 0})
    for (const int64_t p : {0, 10}) b->Args({512, 64, 12, bf16, p});
  b->Args({512, 64, 4, 1, 10})->Args({128, 64, 12, 1, 10})->Args({40, 64, 12, 1, 10})->Args({512, 128, 6, 1, 10});
}
BENCHMARK(BM_attention_forward)->Apply(shapes);
BENCHMARK(BM_attention_backward)->Apply(shapes);

}  // namespace
}  // namespace encore

BENCHMARK_MAIN();
