// A PackedBatch in backend memory. The memory is allocated once, for the largest batch; each micro-batch is uploaded by
// one copy.
#pragma once

#include <vector>

#include "kernels/backend.h"
#include "kernels/base/arena.h"
#include "kernels/base/packed_batch.h"
#include "model/model.h"
#include "model/position_rule.h"

namespace encore {

// The rows of the last hidden states that a head reads. The last layer computes these rows only.
enum class ReadRows {
  kTargets,      // MLM: PackedBatch::target_rows
  kFirstOfEach,  // classifier: the first row of each sequence
};

// Upper bounds for the ids and lengths of a batch.
struct BatchLimits {
  int64_t vocab_size = 0;
  int64_t types = 0;       // rows of the token type table
  int64_t classes = 0;     // labels of the loss
  int64_t max_length = 0;  // tokens of a sequence
};

// Throws Error naming the list and the entry that is wrong: a list of the wrong length, an id or label out of range,
// target rows that do not rise, an empty or too long sequence, no example keys where dropout needs them.
void check_batch(const PackedBatch&, const BatchLimits&, ReadRows, bool need_labels, bool need_keys);

// A shape that batches are padded to. Passes over batches of one shape make the same backend calls.
struct BatchShape {
  int64_t tokens = 0, sequences = 0, read = 0;
  bool operator==(const BatchShape&) const = default;
};

// The lists of a batch in backend memory. T tokens, N sequences and R read rows include the spare ones of a padded
// batch.
struct BatchTensors {
  Tensor ids, position_ids;  // [1, T] i32
  Tensor type_ids;           // [1, T] i32, or absent: all 0
  RowKeys rows;              // of all T rows; example_keys absent if the batch has none
  RowSegments word_segments, position_segments;
  Tensor cu_seqlens;       // [1, N+1] i32
  Tensor read_cu_seqlens;  // [1, N+1] i32 over the read rows
  Tensor read_rows;        // [1, R] i32, rising
  RowKeys read_keys;       // of the read rows
  Tensor labels;           // [1, R] i32; -1: no label
  Tensor grad_scale;       // [1, 1] fp32
  Tensor live, live_read;  // [1, 1] i32: the number of tokens and of read rows that are not spare; absent: all
  Tensor live_blocks;      // [1, ceil(R / kReadBlock)] i32: the same number for each block of read rows
};

class DeviceBatch : public BatchTensors {
 public:
  // The MLM head computes its logits for this many rows at a time; live_blocks has a count for each block.
  static constexpr int64_t kReadBlock = 1024;

  // The rule by which upload() numbers positions.
  DeviceBatch(PositionRule rule, int32_t pad_token_id) : rule_(rule), pad_token_id_(pad_token_id) {}
  ~DeviceBatch() { release(); }
  DeviceBatch(const DeviceBatch&) = delete;
  DeviceBatch& operator=(const DeviceBatch&) = delete;

  // Bytes that allocate() takes, on the device and in each staging buffer.
  static size_t bytes(int64_t tokens, int64_t sequences, int64_t read);
  void allocate(Backend&, int64_t tokens, int64_t sequences, int64_t read);
  void release();

  // padded: the shape to pad to. The lists then end in spare entries (kernels/ops/live_rows.h; cu_seqlens repeats its
  // last value, spare segments are empty and have row -1), and the live counts are set. Does not wait for the backend.
  // REQUIRES: check_batch passed, and the batch (or the padded shape) fits into the allocation.
  void upload(const PackedBatch&, ReadRows, float grad_scale, const BatchShape* padded = nullptr);

  int64_t tokens = 0, sequences = 0, read = 0;  // T, N, R of the last upload

 private:
  // The lists that upload() derives from a batch.
  struct Derived {
    std::vector<int32_t> positions;
    HostSegments position_segments;
    std::vector<int32_t> read_rows, read_sequences, read_positions, read_cu_seqlens, labels;
    std::vector<int32_t> live_blocks;
  };
  void derive(const PackedBatch&, ReadRows);
  template <class T>
  void fill(const Tensor& list, const std::vector<T>& values, T spare = 0);
  void fill(const RowSegments&, const HostSegments&);
  void fill_counts(int64_t tokens, int64_t read);
  char* next_staging();

  PositionRule rule_;
  int32_t pad_token_id_;
  Backend* backend_ = nullptr;
  void* device_ = nullptr;
  // Two on devices: one is filled while the other is being copied.
  struct Staging {
    char* memory = nullptr;
    std::unique_ptr<Event> sent;
  };
  std::vector<Staging> staging_;
  size_t turn_ = 0, bytes_ = 0;
  char* filling_ = nullptr;
  Derived derived_;
};

}  // namespace encore
