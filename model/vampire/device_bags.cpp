#include "model/vampire/device_bags.h"

#include <cstring>

namespace encore {

void DeviceBags::lay_out(Arena& arena, const Counts& c) {
  const auto list = [&](DType dtype, int64_t n) { return arena.take("batch", dtype, 1, n); };
  bags.row_start = list(DType::kI32, c.documents + 1);
  bags.column = list(DType::kI32, c.entries);
  bags.value = list(DType::kF32, c.entries);
  document_keys = list(DType::kU64, c.documents);
  by_word = {};
  if (c.by_word) {
    by_word.word_start = list(DType::kI32, config_.vocabulary + 1);
    by_word.document = list(DType::kI32, c.entries);
    by_word.value = list(DType::kF32, c.entries);
  }
  const auto given = [&](bool there) {
    return there ? arena.take("batch", DType::kF32, c.documents, config_.latent) : Tensor();
  };
  noise = given(c.noise);
  keep = given(c.keep);
}

size_t DeviceBags::bytes(const VampireCapacity& capacity, const VampireConfig& config) {
  DeviceBags outline;
  outline.config_ = config;
  Arena arena;
  outline.lay_out(arena, {capacity.documents, capacity.entries, true, true, true});
  return arena.peak();
}

void DeviceBags::allocate(Backend& backend, const VampireCapacity& capacity, const VampireConfig& config) {
  release();
  backend_ = &backend;
  config_ = config;
  capacity_ = bytes(capacity, config);
  memory_ = static_cast<char*>(backend.allocate(capacity_));
  image_.resize(capacity_);
}

void DeviceBags::release() {
  if (memory_) backend_->free(memory_);
  memory_ = nullptr;
}

void DeviceBags::sort_by_word(const VampireBatch& b, char* image) {
  const auto at = [&](const Tensor& t) { return image + (static_cast<char*>(t.data) - memory_); };
  int32_t* const start = reinterpret_cast<int32_t*>(at(by_word.word_start));
  int32_t* const document = reinterpret_cast<int32_t*>(at(by_word.document));
  float* const value = reinterpret_cast<float*>(at(by_word.value));
  // A counting sort: start[w + 1] counts word w, then is where its next entry goes, and so ends as where it ends.
  std::memset(start, 0, by_word.word_start.bytes());
  const int64_t words = config_.vocabulary;
  for (const int32_t w : b.column)
    if (w + 2 <= words) ++start[w + 2];
  for (int64_t w = 2; w <= words; ++w) start[w] += start[w - 1];
  for (int64_t r = 0; r < b.documents(); ++r)
    for (int32_t e = b.row_start[r]; e < b.row_start[r + 1]; ++e) {
      const int32_t to = start[b.column[e] + 1]++;
      document[to] = int32_t(r);
      value[to] = b.value[e];
    }
}

void DeviceBags::upload(const VampireBatch& b, const VampireDraws& draws, bool sorted) {
  Arena arena(memory_, capacity_);
  lay_out(arena, {b.documents(), b.entries(), sorted, !draws.noise.empty(), !draws.keep.empty()});
  const auto put = [&](const Tensor& t, const void* from) {
    if (t && t.bytes()) std::memcpy(image_.data() + (static_cast<char*>(t.data) - memory_), from, t.bytes());
  };
  put(bags.row_start, b.row_start.data());
  put(bags.column, b.column.data());
  put(bags.value, b.value.data());
  put(document_keys, b.document_keys.data());
  put(noise, draws.noise.data());
  put(keep, draws.keep.data());
  if (sorted) sort_by_word(b, image_.data());
  backend_->copy_to_device(memory_, image_.data(), arena.used());
}

}  // namespace encore
