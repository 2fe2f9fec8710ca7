#include "bench/kernels/op_batch.h"
#include "kernels/ops/cross_entropy.h"

namespace encore::bench {
namespace {

// The masked rows of 4096 tokens. Argument: bits of a logit. Logits are read and written.
void cross_entropy_614x50265(benchmark::State& state) {
  OpBatch b;
  const CrossEntropy a{.logits = b.make(dtype_of_bench(state), kMasked, kPaddedVocabulary, 2),
                       .classes = kVocabulary,
                       .bias = b.make(DType::kF32, 1, kVocabulary),
                       .labels = b.indices(kMasked, kVocabulary),
                       .grad_scale = b.make(DType::kF32, 1, 1),
                       .row_loss = b.make(DType::kF32, 1, kMasked),
                       .loss_sum = b.make(DType::kF64, 1, 1),
                       .correct = b.make(DType::kI64, 1, 1),
                       .dbias = b.make(DType::kF32, 1, kVocabulary)};
  for (auto _ : state) cross_entropy(*b.backend, a);
  b.report(state);
}

BENCHMARK(cross_entropy_614x50265)->Arg(16)->Arg(32)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace encore::bench

BENCHMARK_MAIN();
