#include "bench/kernels/op_batch.h"
#include "kernels/ops/gelu.h"

namespace encore::bench {
namespace {

// Argument: bits of an activation.
void gelu_forward_4096x3072(benchmark::State& state) {
  OpBatch b;
  const DType dtype = dtype_of_bench(state);
  const GeluForward a{
      .x = b.make(dtype, kTokens, kInner), .bias = b.make(DType::kF32, 1, kInner), .y = b.make(dtype, kTokens, kInner)};
  for (auto _ : state) gelu_forward(*b.backend, a);
  b.report(state);
}

void gelu_backward_4096x3072(benchmark::State& state) {
  OpBatch b;
  const DType dtype = dtype_of_bench(state);
  const GeluBackward a{.dy = b.make(dtype, kTokens, kInner),
                       .x = b.make(dtype, kTokens, kInner),
                       .bias = b.make(DType::kF32, 1, kInner),
                       .dx = b.make(dtype, kTokens, kInner),
                       .dbias = b.make(DType::kF32, 1, kInner)};
  for (auto _ : state) gelu_backward(*b.backend, a);
  b.report(state);
}

BENCHMARK(gelu_forward_4096x3072)->Arg(16)->Arg(32)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(gelu_backward_4096x3072)->Arg(16)->Arg(32)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace encore::bench

BENCHMARK_MAIN();
