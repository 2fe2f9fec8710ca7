#include "bench/kernels/op_batch.h"
#include "kernels/ops/layernorm.h"

namespace encore::bench {
namespace {

// Arguments: bits of an activation, dropout in percent.
void layernorm_forward_4096x768(benchmark::State& state) {
  OpBatch b;
  const DType dtype = dtype_of_bench(state);
  const auto matrix = [&] { return b.make(dtype, kTokens, kHidden); };
  const auto vector = [&](int64_t n) { return b.make(DType::kF32, 1, n); };
  LayerNormForward a{.x = matrix(),
                     .bias = vector(kHidden),
                     .residual = matrix(),
                     .gamma = vector(kHidden),
                     .beta = vector(kHidden),
                     .sum = matrix(),
                     .y = matrix(),
                     .mean = vector(kTokens),
                     .rstd = vector(kTokens)};
  a.dropout = b.dropout(float(state.range(1)) / 100);
  for (auto _ : state) layernorm_forward(*b.backend, a);
  b.report(state);
}

void layernorm_backward_4096x768(benchmark::State& state) {
  OpBatch b;
  const DType dtype = dtype_of_bench(state);
  const auto matrix = [&] { return b.make(dtype, kTokens, kHidden); };
  const auto vector = [&](int64_t n) { return b.make(DType::kF32, 1, n); };
  LayerNormBackward a{.dy = matrix(),
                      .sum = matrix(),
                      .gamma = vector(kHidden),
                      .mean = vector(kTokens),
                      .rstd = vector(kTokens),
                      .dsum = matrix(),
                      .dx = matrix(),
                      .dgamma = vector(kHidden),
                      .dbeta = vector(kHidden),
                      .dbias = vector(kHidden)};
  a.dropout = b.dropout(float(state.range(1)) / 100);
  for (auto _ : state) layernorm_backward(*b.backend, a);
  b.report(state);
}

BENCHMARK(layernorm_forward_4096x768)->ArgsProduct({{16, 32}, {0, 10}})->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(layernorm_backward_4096x768)->ArgsProduct({{16, 32}, {0, 10}})->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace encore::bench

BENCHMARK_MAIN();
