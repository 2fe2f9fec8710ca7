#include "model/device_batch.h"

#include <algorithm>
#include <cstring>

namespace encore {
namespace {

void check_size(const char* name, size_t size, int64_t want) {
  check(int64_t(size) == want, "batch: {} has {} entries, not {}", name, size, want);
}

void check_range(const char* name, const std::vector<int32_t>& values, int64_t low, int64_t limit) {
  for (size_t i = 0; i < values.size(); ++i)
    check(values[i] >= low && values[i] < limit, "batch: {}[{}] is {}, not in {} .. {}", name, i, values[i], low,
          limit - 1);
}

void check_sequences(const PackedBatch& b, const BatchLimits& limits) {
  check(b.cu_seqlens.size() >= 2 && b.cu_seqlens.front() == 0 && b.cu_seqlens.back() == b.tokens(),
        "batch: cu_seqlens must run from 0 to the {} tokens of at least one sequence", b.tokens());
  for (int64_t n = 0; n < b.sequences(); ++n) {
    const int64_t length = int64_t(b.cu_seqlens[n + 1]) - b.cu_seqlens[n];
    check(length > 0, "batch: sequence {} has no token", n);
    check(length <= limits.max_length, "batch: sequence {} has {} tokens; this model serves at most {}", n, length,
          limits.max_length);
  }
}

void check_targets(const PackedBatch& b, const BatchLimits& limits, bool need_labels) {
  for (size_t i = 0; i < b.target_rows.size(); ++i)
    check(b.target_rows[i] > (i ? b.target_rows[i - 1] : -1) && b.target_rows[i] < b.tokens(),
          "batch: target_rows[{}] is {}: target rows rise and are below {}", i, b.target_rows[i], b.tokens());
  if (need_labels || !b.target_labels.empty()) check_size("target_labels", b.target_labels.size(), b.targets());
  check_range("target_labels", b.target_labels, 0, limits.classes);
}

}  // namespace

void check_batch(const PackedBatch& b, const BatchLimits& limits, ReadRows read, bool need_labels, bool need_keys) {
  check_sequences(b, limits);
  check_size("position_ids (PackedBatch::finish makes them)", b.position_ids.size(), b.tokens());
  check_size("row_sequence", b.row_sequence.size(), b.tokens());
  check_size("row_position", b.row_position.size(), b.tokens());
  check_size("word_segments.order", b.word_segments.order.size(), b.tokens());
  check_size("position_segments.order", b.position_segments.order.size(), b.tokens());
  check_range("ids", b.ids, 0, limits.vocab_size);
  check_range("position_ids", b.position_ids, 0, limits.positions);
  if (!b.type_ids.empty()) {
    check_size("type_ids", b.type_ids.size(), b.tokens());
    check_range("type_ids", b.type_ids, 0, limits.types);
  }
  if (need_keys || !b.example_keys.empty()) check_size("example_keys", b.example_keys.size(), b.sequences());
  if (read == ReadRows::kTargets) return check_targets(b, limits, need_labels);
  if (need_labels || !b.class_labels.empty()) check_size("class_labels", b.class_labels.size(), b.sequences());
  check_range("class_labels", b.class_labels, -1, limits.classes);
}

void DeviceBatch::measure(Arena& arena, int64_t tokens, int64_t sequences, int64_t read) {
  // The order and the types of upload().
  for (int i = 0; i < 5; ++i) arena.take("batch", DType::kI32, 1, tokens);
  for (int i = 0; i < 2; ++i) {
    arena.take("batch", DType::kI32, 1, tokens);
    arena.take("batch", DType::kI32, 1, tokens + 1);
    arena.take("batch", DType::kI32, 1, tokens);
  }
  for (int i = 0; i < 2; ++i) arena.take("batch", DType::kI32, 1, sequences + 1);
  arena.take("batch", DType::kU64, 1, sequences);
  for (int i = 0; i < 4; ++i) arena.take("batch", DType::kI32, 1, read);
  arena.take("batch", DType::kF32, 1, 1);
  for (const int64_t counts : {int64_t(1), int64_t(1), (read + kReadBlock - 1) / kReadBlock})
    arena.take("batch", DType::kI32, 1, counts);
}

size_t DeviceBatch::bytes(int64_t tokens, int64_t sequences, int64_t read) {
  Arena arena;
  measure(arena, tokens, sequences, read);
  return arena.used();
}

void DeviceBatch::allocate(Backend& backend, int64_t tokens, int64_t sequences, int64_t read) {
  release();
  bytes_ = bytes(tokens, sequences, read);
  backend_ = &backend;
  device_ = backend.allocate(bytes_);
  staging_.resize(backend.asynchronous() ? 2 : 1);
  for (Staging& s : staging_) s.memory = static_cast<char*>(backend.allocate_staging(bytes_));
}

void DeviceBatch::release() {
  if (device_) backend_->free(device_);
  for (const Staging& s : staging_)
    if (s.memory) backend_->free_staging(s.memory);
  staging_.clear();
  device_ = nullptr;
}

// The staging memory whose last copy is the older one, once that is done.
char* DeviceBatch::next_staging() {
  turn_ = (turn_ + 1) % staging_.size();
  if (staging_[turn_].sent) backend_->synchronize(*staging_[turn_].sent);
  return staging_[turn_].memory;
}

template <class T>
Tensor DeviceBatch::put(Arena& arena, const std::vector<T>& values, int64_t count, T fill) {
  const size_t at = arena.used();
  const Tensor t = arena.take("batch", dtype_of<T>, 1, std::max(count, int64_t(values.size())));
  T* out = reinterpret_cast<T*>(filling_ + at);
  std::fill(std::copy(values.begin(), values.end(), out), out + t.cols, fill);
  return t;
}

// Spare segments are empty and of row -1.
RowSegments DeviceBatch::put(Arena& arena, const HostSegments& s, int64_t tokens) {
  const int64_t more = tokens > 0 ? tokens + 1 : 0;
  return {put(arena, s.order, tokens), put(arena, s.start, more, s.start.back()), put(arena, s.row, tokens, -1)};
}

void DeviceBatch::put_counts(Arena& arena, int64_t tokens, int64_t read) {
  std::vector<int32_t> blocks;
  for (int64_t first = 0; first < this->read; first += kReadBlock)
    blocks.push_back(int32_t(std::clamp<int64_t>(read - first, 0, kReadBlock)));
  live = put(arena, std::vector<int32_t>{int32_t(tokens)});
  live_read = put(arena, std::vector<int32_t>{int32_t(read)});
  live_blocks = put(arena, blocks);
}

void DeviceBatch::collect_read_rows(const PackedBatch& b, ReadRows which) {
  const bool targets = which == ReadRows::kTargets;
  if (targets) {
    read_row_ = b.target_rows;
    read_label_ = b.target_labels;
  } else {
    read_row_.assign(b.cu_seqlens.begin(), b.cu_seqlens.end() - 1);
    read_label_ = b.class_labels;
  }
  read_label_.resize(read_row_.size(), -1);
  read_sequence_.resize(read_row_.size());
  read_position_.resize(read_row_.size());
  read_cu_.assign(size_t(b.sequences()) + 1, 0);
  for (size_t i = 0; i < read_row_.size(); ++i) {
    read_sequence_[i] = b.row_sequence[read_row_[i]];
    read_position_[i] = b.row_position[read_row_[i]];
    ++read_cu_[read_sequence_[i] + 1];
  }
  for (size_t n = 1; n < read_cu_.size(); ++n) read_cu_[n] += read_cu_[n - 1];
}

void DeviceBatch::upload(const PackedBatch& b, ReadRows which, float scale, const BatchShape* padded) {
  collect_read_rows(b, which);
  scale_.assign(1, scale);
  // 0 where nothing is padded.
  const BatchShape to = padded ? *padded : BatchShape();
  const int64_t starts = padded ? to.sequences + 1 : 0;
  const int64_t read_now = int64_t(read_row_.size());
  tokens = padded ? to.tokens : b.tokens();
  sequences = padded ? to.sequences : b.sequences();
  read = padded ? to.read : read_now;

  filling_ = next_staging();
  Arena arena(device_, bytes_);
  ids = put(arena, b.ids, to.tokens);
  position_ids = put(arena, b.position_ids, to.tokens);
  type_ids = b.type_ids.empty() ? Tensor() : put(arena, b.type_ids, to.tokens);
  rows.sequence = put(arena, b.row_sequence, to.tokens);
  rows.position = put(arena, b.row_position, to.tokens);
  word_segments = put(arena, b.word_segments, to.tokens);
  position_segments = put(arena, b.position_segments, to.tokens);
  cu_seqlens = put(arena, b.cu_seqlens, starts, b.cu_seqlens.back());
  read_cu_seqlens = put(arena, read_cu_, starts, read_cu_.back());
  rows.example_keys = b.example_keys.empty() ? Tensor() : put(arena, b.example_keys, to.sequences);
  read_rows = put(arena, read_row_, to.read);
  read_keys = {put(arena, read_sequence_, to.read), put(arena, read_position_, to.read), rows.example_keys};
  labels = put(arena, read_label_, to.read, -1);
  grad_scale = put(arena, scale_);
  live = live_read = live_blocks = Tensor();
  if (padded) put_counts(arena, b.tokens(), read_now);
  backend_->copy_to_device_async(device_, filling_, arena.used());
  staging_[turn_].sent = backend_->record_event();
}

}  // namespace encore
