#include "bench/kernels/cost/workload.h"

namespace encore::cost {

int64_t Model::parameters() const {
  const int64_t h = hidden, embeddings = (kVocabulary + kPositions + 3) * h,
                layer = 4 * h * h + 2 * h * inner + 9 * h + inner;
  return embeddings + layers * layer + h * h + 3 * h + kVocabulary;
}

Workload::Workload() : products_bytes_(backend.workspace_bytes()) {
  backend.set_index_checks(false);
}

Workload::~Workload() {
  for (void* p : blocks_) backend.free(p);
}

Tensor Workload::make(DType dtype, int64_t rows, int64_t cols, int moves) {
  Tensor t(backend.allocate(size_t(rows * cols) * size_of(dtype)), dtype, rows, cols);
  blocks_.push_back(t.data);
  const auto value = [](int64_t i) { return float(i * 37 % 101 - 50) / 64.f; };
  for (int64_t i = 0; i < t.size(); ++i) {
    if (dtype == DType::kBF16) t.ptr<bf16>()[i] = to_bf16(value(i));
    if (dtype == DType::kF32) t.ptr<float>()[i] = value(i);
  }
  contract_bytes_ += moves * int64_t(t.bytes());
  return t;
}

RowDropout Workload::dropout(float p, int64_t rows, int64_t length) {
  RowDropout d;
  d.p = p;
  d.seed = 7;
  d.site = draw_site(1, Site::kAttentionOutput);
  if (p == 0) return d;
  std::vector<int32_t> sequence, position;
  for (int64_t r = 0; r < rows; ++r) sequence.push_back(int32_t(r / length)), position.push_back(int32_t(r % length));
  std::vector<uint64_t> keys(size_t((rows + length - 1) / length));
  for (size_t n = 0; n < keys.size(); ++n) keys[n] = n + 1;
  d.rows = {list(sequence), list(position), list(keys)};
  return d;
}

PackedBatch Workload::batch(int64_t tokens, int64_t length) {
  PackedBatch b;
  for (int64_t i = 0; i < tokens; ++i) b.ids.push_back(int32_t(4 + i % (tokens / 8)));
  for (int64_t start = 0; start < tokens; start += length) b.cu_seqlens.push_back(int32_t(start));
  b.cu_seqlens.push_back(int32_t(tokens));
  b.finish();
  return b;
}

void Workload::measure(const std::function<void(Backend&)>& op) {
  const size_t before = backend.workspace_bytes();
  cudaDeviceSynchronize();  // streams run late
  simt::reset_stats();
  op(backend);
  cudaDeviceSynchronize();
  kernels_ = simt::stats_by_kernel();
  // A workspace that grows is cleared once; later steps do not repeat that.
  const size_t after = backend.workspace_bytes();
  memset_bytes_ = simt::stats().memset_bytes - (after > before ? after - products_bytes_ : 0);
}

}  // namespace encore::cost
