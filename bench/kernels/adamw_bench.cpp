#include "bench/kernels/op_batch.h"
#include "kernels/ops/adamw.h"
#include "kernels/ops/reduce.h"

namespace encore::bench {
namespace {

constexpr int64_t kParameters = 31'000'000;  // a quarter of RoBERTa-base

// Argument: is there a bf16 copy?
void adamw_31M(benchmark::State& state) {
  OpBatch b;
  const auto vector = [&](int touched) { return b.make(DType::kF32, 1, kParameters, touched); };
  AdamW a{.w = vector(2), .m = vector(2), .v = vector(2), .gradient = vector(1), .scalars = b.make(DType::kF32, 1, 4)};
  for (int64_t i = 0; i < kParameters; ++i) a.v.ptr<float>()[i] = 1;
  *a.scalars.ptr<AdamWScalars>() = {1e-4f, 1, 0.5f, 0.5f};
  if (state.range(0)) a.shadow = b.make(DType::kBF16, 1, kParameters);
  for (auto _ : state) adamw(*b.backend, a);
  b.report(state);
}

void sum_of_squares_31M(benchmark::State& state) {
  OpBatch b;
  const SumOfSquares a{.x = b.make(DType::kF32, 1, kParameters), .result = b.make(DType::kF64, 1, 1)};
  for (auto _ : state) sum_of_squares(*b.backend, a);
  b.report(state);
}

BENCHMARK(adamw_31M)->Arg(0)->Arg(1)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(sum_of_squares_31M)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace encore::bench

BENCHMARK_MAIN();
