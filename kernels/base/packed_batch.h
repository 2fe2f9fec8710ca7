// One micro-batch on the host: sequences laid end to end, no padding. Made by the data path, consumed by the model.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace encore {

// Tokens grouped by the table row that they read, for the embedding gradient (kernels/ops/embedding.h, RowSegments).
struct HostSegments {
  std::vector<int32_t> order;  // [T]
  std::vector<int32_t> start;  // [S+1]
  std::vector<int32_t> row;    // [S]
};

// The groups of tokens with equal rows, in rising order of the row; rows: [T] the row that each token reads.
HostSegments group_by_row(const std::vector<int32_t>& rows);

// The rows of the position table are not part of a batch: how a family of models numbers them is the model's to know
// (model/position_rule.h).
struct PackedBatch {
  // Filled by the caller.
  std::vector<int32_t> ids;            // [T] input ids, masks applied
  std::vector<int32_t> cu_seqlens;     // [N+1]
  std::vector<uint64_t> example_keys;  // [N] (kernels/base/rng.h); may stay empty where dropout is off
  std::vector<int32_t> target_rows;    // [M] rising rows of ids whose token is to be predicted (MLM)
  std::vector<int32_t> target_labels;  // [M] their true ids
  std::vector<int32_t> class_labels;   // [N] (classification); empty for MLM
  std::vector<int32_t> type_ids;       // [T] or empty: all 0

  // Filled by finish().
  std::vector<int32_t> row_sequence;  // [T] sequence of each row
  std::vector<int32_t> row_position;  // [T] position of each row in its sequence, from 0
  HostSegments word_segments;         // of ids

  int64_t tokens() const { return int64_t(ids.size()); }
  int64_t sequences() const { return cu_seqlens.empty() ? 0 : int64_t(cu_seqlens.size()) - 1; }
  int64_t targets() const { return int64_t(target_rows.size()); }
  // The items of the loss: targets, or sequences with a class.
  int64_t labelled() const { return targets() + int64_t(class_labels.size()); }

  // Computes the second group from the first.
  void finish();
  void clear();
};

}  // namespace encore
