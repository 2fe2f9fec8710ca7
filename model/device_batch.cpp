#include "model/device_batch.h"

#include <algorithm>
#include <numeric>

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

// The lengths of the lists of a batch, and which optional lists it has.
struct Extents {
  int64_t tokens, sequences, read;
  int64_t words, positions;  // segments; at most one per token
  bool types, keys, counts;
};

// Gives every list its place: over a measuring arena for the largest batch, over the real one for each upload.
BatchTensors lay_out(Arena& arena, const Extents& e) {
  const auto list = [&](const char* name, int64_t count, DType dtype = DType::kI32) {
    return arena.take(name, dtype, 1, count);
  };
  const auto segments = [&](const char* name, int64_t count) -> RowSegments {
    return {.order = list(name, e.tokens), .start = list(name, count + 1), .row = list(name, count)};
  };
  BatchTensors t;
  t.ids = list("batch: ids", e.tokens);
  t.position_ids = list("batch: positions", e.tokens);
  if (e.types) t.type_ids = list("batch: token types", e.tokens);
  t.rows = {.sequence = list("batch: row keys", e.tokens), .position = list("batch: row keys", e.tokens)};
  t.word_segments = segments("batch: words", e.words);
  t.position_segments = segments("batch: positions", e.positions);
  t.cu_seqlens = list("batch: sequences", e.sequences + 1);
  t.read_cu_seqlens = list("batch: sequences", e.sequences + 1);
  if (e.keys) t.rows.example_keys = list("batch: example keys", e.sequences, DType::kU64);
  t.read_rows = list("batch: read rows", e.read);
  t.read_keys = {.sequence = list("batch: read rows", e.read),
                 .position = list("batch: read rows", e.read),
                 .example_keys = t.rows.example_keys};
  t.labels = list("batch: labels", e.read);
  t.grad_scale = list("batch: gradient scale", 1, DType::kF32);
  if (!e.counts) return t;
  t.live = list("batch: counts", 1);
  t.live_read = list("batch: counts", 1);
  t.live_blocks = list("batch: counts", (e.read + DeviceBatch::kReadBlock - 1) / DeviceBatch::kReadBlock);
  return t;
}

}  // namespace

void check_batch(const PackedBatch& b, const BatchLimits& limits, ReadRows read, bool need_labels, bool need_keys) {
  check_sequences(b, limits);
  check_size("row_sequence (PackedBatch::finish makes it)", b.row_sequence.size(), b.tokens());
  check_size("row_position", b.row_position.size(), b.tokens());
  check_size("word_segments.order", b.word_segments.order.size(), b.tokens());
  check_range("ids", b.ids, 0, limits.vocab_size);
  if (!b.type_ids.empty()) {
    check_size("type_ids", b.type_ids.size(), b.tokens());
    check_range("type_ids", b.type_ids, 0, limits.types);
  }
  if (need_keys || !b.example_keys.empty()) check_size("example_keys", b.example_keys.size(), b.sequences());
  if (read == ReadRows::kTargets) return check_targets(b, limits, need_labels);
  if (need_labels || !b.class_labels.empty()) check_size("class_labels", b.class_labels.size(), b.sequences());
  check_range("class_labels", b.class_labels, -1, limits.classes);
}

size_t DeviceBatch::bytes(int64_t tokens, int64_t sequences, int64_t read) {
  Arena arena;
  lay_out(arena, {.tokens = tokens,
                  .sequences = sequences,
                  .read = read,
                  .words = tokens,
                  .positions = tokens,
                  .types = true,
                  .keys = true,
                  .counts = true});
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

// The staging buffer whose last copy is the older one. Waits for that copy.
char* DeviceBatch::next_staging() {
  turn_ = (turn_ + 1) % staging_.size();
  if (staging_[turn_].sent) backend_->synchronize(*staging_[turn_].sent);
  return staging_[turn_].memory;
}

// Writes the values, then `spare` to the end of the list.
template <class T>
void DeviceBatch::fill(const Tensor& list, const std::vector<T>& values, T spare) {
  check(int64_t(values.size()) <= list.cols, "batch: {} values for a list of {}", values.size(), list.cols);
  T* out = reinterpret_cast<T*>(filling_ + (static_cast<char*>(list.data) - static_cast<char*>(device_)));
  std::fill(std::copy(values.begin(), values.end(), out), out + list.cols, spare);
}

void DeviceBatch::fill(const RowSegments& segments, const HostSegments& values) {
  fill(segments.order, values.order);
  fill(segments.start, values.start, values.start.back());
  fill(segments.row, values.row, -1);
}

void DeviceBatch::fill_counts(int64_t live_tokens, int64_t live_rows) {
  std::vector<int32_t>& blocks = derived_.live_blocks;
  blocks.clear();
  for (int64_t first = 0; first < read; first += kReadBlock)
    blocks.push_back(int32_t(std::clamp<int64_t>(live_rows - first, 0, kReadBlock)));
  fill(live, std::vector<int32_t>{int32_t(live_tokens)});
  fill(live_read, std::vector<int32_t>{int32_t(live_rows)});
  fill(live_blocks, blocks);
}

void DeviceBatch::derive(const PackedBatch& b, ReadRows which) {
  Derived& d = derived_;
  number_positions(rule_, pad_token_id_, b, d.positions);
  group_positions(d.positions, d.position_segments);
  if (which == ReadRows::kTargets) {
    d.read_rows = b.target_rows;
    d.labels = b.target_labels;
  } else {
    d.read_rows.assign(b.cu_seqlens.begin(), b.cu_seqlens.end() - 1);
    d.labels = b.class_labels;
  }
  d.labels.resize(d.read_rows.size(), -1);
  d.read_sequences.resize(d.read_rows.size());
  d.read_positions.resize(d.read_rows.size());
  d.read_cu_seqlens.assign(size_t(b.sequences()) + 1, 0);
  for (size_t i = 0; i < d.read_rows.size(); ++i) {
    d.read_sequences[i] = b.row_sequence[d.read_rows[i]];
    d.read_positions[i] = b.row_position[d.read_rows[i]];
    ++d.read_cu_seqlens[d.read_sequences[i] + 1];
  }
  std::partial_sum(d.read_cu_seqlens.begin(), d.read_cu_seqlens.end(), d.read_cu_seqlens.begin());
}

void DeviceBatch::upload(const PackedBatch& b, ReadRows which, float scale, const BatchShape* padded) {
  derive(b, which);
  const Derived& d = derived_;
  const int64_t live_rows = int64_t(d.read_rows.size());
  tokens = padded ? padded->tokens : b.tokens();
  sequences = padded ? padded->sequences : b.sequences();
  read = padded ? padded->read : live_rows;
  Arena arena(device_, bytes_);
  static_cast<BatchTensors&>(*this) =
      lay_out(arena, {.tokens = tokens,
                      .sequences = sequences,
                      .read = read,
                      .words = padded ? tokens : int64_t(b.word_segments.row.size()),
                      .positions = padded ? tokens : int64_t(d.position_segments.row.size()),
                      .types = !b.type_ids.empty(),
                      .keys = !b.example_keys.empty(),
                      .counts = padded != nullptr});

  filling_ = next_staging();
  fill(ids, b.ids);
  fill(position_ids, d.positions);
  if (type_ids) fill(type_ids, b.type_ids);
  fill(rows.sequence, b.row_sequence);
  fill(rows.position, b.row_position);
  fill(word_segments, b.word_segments);
  fill(position_segments, d.position_segments);
  fill(cu_seqlens, b.cu_seqlens, b.cu_seqlens.back());
  fill(read_cu_seqlens, d.read_cu_seqlens, d.read_cu_seqlens.back());
  if (rows.example_keys) fill(rows.example_keys, b.example_keys);
  fill(read_rows, d.read_rows);
  fill(read_keys.sequence, d.read_sequences);
  fill(read_keys.position, d.read_positions);
  fill(labels, d.labels, -1);
  fill(grad_scale, std::vector<float>{scale});
  if (padded) fill_counts(b.tokens(), live_rows);
  backend_->copy_to_device_async(device_, filling_, arena.used());
  staging_[turn_].sent = backend_->record_event();
}

}  // namespace encore
