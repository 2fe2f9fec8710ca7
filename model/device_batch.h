// A PackedBatch in backend memory: planned once for the largest batch, uploaded in one copy per micro-batch.
#pragma once

#include <vector>

#include "kernels/backend.h"
#include "kernels/base/arena.h"
#include "kernels/base/packed_batch.h"
#include "model/model.h"

namespace encore {

// Which rows of the last hidden states a head reads. The last layer computes no others.
enum class ReadRows {
  kTargets,      // MLM: PackedBatch::target_rows
  kFirstOfEach,  // classifier: the first row of each sequence
};

// What the ids of a batch index.
struct BatchLimits {
  int64_t vocab_size = 0;
  int64_t positions = 0;   // rows of the position table
  int64_t types = 0;       // rows of the token type table
  int64_t classes = 0;     // labels of the loss
  int64_t max_length = 0;  // tokens of a sequence
};

// Throws Error that says what does not hold: lengths of the parts, ids, labels and positions in range, rising target
// rows, no empty sequence, dropout without example keys.
void check_batch(const PackedBatch&, const BatchLimits&, ReadRows, bool need_labels, bool need_keys);

// The shape that a batch is padded to, so that the passes over all batches of that shape are the same calls.
struct BatchShape {
  int64_t tokens = 0, sequences = 0, read = 0;
  bool operator==(const BatchShape&) const = default;
};

class DeviceBatch {
 public:
  // Rows of the head that are computed at a time, and have a count of their own.
  static constexpr int64_t kReadBlock = 1024;

  DeviceBatch() = default;
  ~DeviceBatch() { release(); }
  DeviceBatch(const DeviceBatch&) = delete;
  DeviceBatch& operator=(const DeviceBatch&) = delete;

  // Bytes that allocate() takes for batches up to T tokens, N sequences, R read rows.
  static size_t bytes(int64_t tokens, int64_t sequences, int64_t read);
  void allocate(Backend&, int64_t tokens, int64_t sequences, int64_t read);
  void release();

  // padded: the shape to fill up to; the lists' ends are spare then (kernels/ops/live_rows.h, cu_seqlens repeats its
  // last value), and the counts below are there. Does not wait for the backend's calls.
  // REQUIRES: check_batch passed, and the batch (or the padded shape) is within what was allocated.
  void upload(const PackedBatch&, ReadRows, float grad_scale, const BatchShape* padded = nullptr);

  // Of the last upload; T tokens, N sequences, R read rows, with the spare ones.
  int64_t tokens = 0, sequences = 0, read = 0;
  Tensor live, live_read;    // [1, 1] i32: how many tokens and read rows count; absent: all
  Tensor live_blocks;        // [1, ceil(R / kReadBlock)] i32: the same of each block of read rows
  Tensor ids, position_ids;  // [1, T] i32
  Tensor type_ids;           // [1, T] i32, or absent: all 0
  Tensor cu_seqlens;         // [1, N+1] i32
  RowKeys rows;              // of all T rows; example_keys absent where the batch has none
  RowSegments word_segments, position_segments;
  Tensor read_rows;        // [1, R] i32, rising
  RowKeys read_keys;       // of the read rows
  Tensor read_cu_seqlens;  // [1, N+1] i32 over the read rows
  Tensor labels;           // [1, R] i32; -1 where the batch has none
  Tensor grad_scale;       // [1, 1] fp32

 private:
  // The values, then `fill` up to `count` of them (0: no more than there are).
  template <class T>
  Tensor put(Arena& arena, const std::vector<T>& values, int64_t count = 0, T fill = 0);
  RowSegments put(Arena& arena, const HostSegments&, int64_t tokens);
  void put_counts(Arena& arena, int64_t tokens, int64_t read);
  char* next_staging();
  static void measure(Arena&, int64_t tokens, int64_t sequences, int64_t read);
  void collect_read_rows(const PackedBatch&, ReadRows);

  Backend* backend_ = nullptr;
  void* device_ = nullptr;
  // Two on devices: one is filled while the other is on its way.
  struct Staging {
    char* memory = nullptr;
    std::unique_ptr<Event> sent;
  };
  std::vector<Staging> staging_;
  size_t turn_ = 0, bytes_ = 0;
  char* filling_ = nullptr;
  std::vector<int32_t> read_row_, read_sequence_, read_position_, read_cu_,
      read_label_;  // host side of the last upload
  std::vector<float> scale_;
};

}  // namespace encore
