#include <algorithm>
#include <cstring>

#include "bench/kernels/kernel_bench.h"

namespace encore::bench {

Sizes sizes_of(const std::string& device, bool tiny) {
  const std::vector<ModelShape> models = {{"base", 768, 3072, 12}, {"large", 1024, 4096, 16}};
  if (tiny) return {64, 16, 333, 384, 66, 10'000, {{"tiny", 64, 128, 2}}, {32}};
  if (device == "cuda") return {16384, 2464, 50265, 50304, 514, 124'697'433, models, {512, 128}};
  return {4096, 614, 50265, 50304, 514, 31'000'000, models, {512, 128}};
}

std::vector<Register>& registrations() {
  static std::vector<Register> all;
  return all;
}

Inputs::~Inputs() {
  for (void* p : blocks_) backend.free(p);
}

void* Inputs::take(size_t bytes) {
  blocks_.push_back(backend.allocate(bytes));
  return blocks_.back();
}

Tensor Inputs::zero(DType dtype, int64_t rows, int64_t cols) {
  return Tensor(take(size_t(rows * cols) * size_of(dtype)), dtype, rows, cols);
}

// Copies the pattern to the device once and doubles it there: the largest tensors have hundreds of millions of
// elements.
Tensor Inputs::repeated(const std::vector<float>& pattern, DType dtype, int64_t rows, int64_t cols) {
  const Tensor t = zero(dtype, rows, cols);
  std::vector<char> bytes(pattern.size() * size_of(dtype));
  for (size_t i = 0; i < pattern.size(); ++i) {
    const bf16 rounded = to_bf16(pattern[i]);
    const void* value = dtype == DType::kBF16 ? static_cast<const void*>(&rounded) : &pattern[i];
    std::memcpy(&bytes[i * size_of(dtype)], value, size_of(dtype));
  }
  const size_t all = t.bytes();
  size_t done = std::min(all, bytes.size());
  backend.copy_to_device(t.data, bytes.data(), done);
  for (; done < all; done += std::min(done, all - done))
    backend.copy_on_device(static_cast<char*>(t.data) + done, t.data, std::min(done, all - done));
  return t;
}

Tensor Inputs::normal(DType dtype, int64_t rows, int64_t cols) {
  std::vector<float> pattern(size_t(std::min<int64_t>(rows * cols, 1 << 16)));
  std::normal_distribution<float> normal;
  for (float& v : pattern) v = normal(random);
  return repeated(pattern, dtype, rows, cols);
}

Tensor Inputs::constant(float value, DType dtype, int64_t rows, int64_t cols) {
  return repeated({value}, dtype, rows, cols);
}

Tensor Inputs::indices(int64_t n, int64_t limit) {
  std::vector<int32_t> values(static_cast<size_t>(n));
  for (int32_t& v : values) v = int32_t(random() % uint64_t(limit));
  return given(values);
}

Tensor Inputs::starts(int64_t tokens, int64_t length) {
  std::vector<int32_t> values;
  for (int64_t at = 0; at <= tokens; at += length) values.push_back(int32_t(at));
  return given(values);
}

Tensor Inputs::example_keys(int64_t sequences) {
  std::vector<uint64_t> keys(static_cast<size_t>(sequences));
  for (uint64_t& k : keys) k = random();
  return given(keys);
}

RowDropout Inputs::dropout(float p, int64_t tokens, int64_t length) {
  std::vector<int32_t> sequence, position;
  for (int64_t t = 0; t < tokens; ++t) {
    sequence.push_back(int32_t(t / length));
    position.push_back(int32_t(t % length));
  }
  RowDropout d;
  d.p = p;
  d.site = draw_site(1, Site::kAttentionOutput);
  d.rows = {given(sequence), given(position), example_keys(tokens / length)};
  return d;
}

}  // namespace encore::bench
