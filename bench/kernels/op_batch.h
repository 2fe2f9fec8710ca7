// Tensors of an op at RoBERTa-base's sizes, for the benchmarks. GB/s counts every tensor read or written once.
#pragma once

#include <benchmark/benchmark.h>

#include <random>
#include <vector>

#include "kernels/backend_factory.h"

namespace encore::bench {

constexpr int64_t kTokens = 4096, kHidden = 768, kInner = 3072, kVocabulary = 50265, kPaddedVocabulary = 50304,
                  kPositions = 514, kMasked = 614;

class OpBatch {
 public:
  OpBatch() : backend(make_backend("cpu")) {}
  ~OpBatch() {
    for (void* p : blocks_) backend->free(p);
  }

  // Standard normal values. `touched` times its bytes are counted as traffic.
  Tensor make(DType dtype, int64_t rows, int64_t cols, int touched = 1) {
    Tensor t(backend->allocate(size_t(rows * cols) * size_of(dtype)), dtype, rows, cols);
    blocks_.push_back(t.data);
    std::normal_distribution<float> normal;
    std::vector<float> values(1 << 16);
    for (float& v : values) v = normal(random_);
    for (int64_t i = 0; i < t.size(); ++i) {
      const float v = values[size_t(i) & 0xffff];
      if (dtype == DType::kBF16) t.ptr<bf16>()[i] = to_bf16(v);
      if (dtype == DType::kF32) t.ptr<float>()[i] = v;
    }
    bytes += touched * int64_t(t.bytes());
    return t;
  }
  Tensor indices(int64_t n, int64_t limit) {
    Tensor t(backend->allocate(size_t(n) * 4), DType::kI32, 1, n);
    blocks_.push_back(t.data);
    for (int64_t i = 0; i < n; ++i) t.ptr<int32_t>()[i] = int32_t(random_() % uint64_t(limit));
    return t;
  }
  // Sequences of 512 tokens.
  RowDropout dropout(float p) {
    RowDropout d;
    d.p = p;
    d.site = draw_site(1, Site::kAttentionOutput);
    d.rows = {indices(kTokens, 1), indices(kTokens, 1), make(DType::kF32, 1, 2 * kTokens / 512, 0)};
    d.rows.example_keys = Tensor(d.rows.example_keys.data, DType::kU64, 1, kTokens / 512);
    for (int64_t i = 0; i < kTokens; ++i) {
      d.rows.sequence.ptr<int32_t>()[i] = int32_t(i / 512);
      d.rows.position.ptr<int32_t>()[i] = int32_t(i % 512);
    }
    return d;
  }
  void report(benchmark::State& state) const { state.SetBytesProcessed(int64_t(state.iterations()) * bytes); }

  std::unique_ptr<Backend> backend;
  int64_t bytes = 0;

 private:
  std::vector<void*> blocks_;
  std::mt19937_64 random_{1};
};

inline DType dtype_of_bench(const benchmark::State& state) {
  return state.range(0) == 16 ? DType::kBF16 : DType::kF32;
}

}  // namespace encore::bench
