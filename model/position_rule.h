// How a family of encoders numbers the tokens of a sequence: the row of the position table that each token reads.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/base/packed_batch.h"

namespace encore {

enum class PositionRule : uint8_t {
  // RoBERTa (create_position_ids_from_input_ids of Hugging Face's modeling_roberta.py): the tokens that are not padding
  // read rows pad_token_id + 1, pad_token_id + 2, ... in order; a pad token reads row pad_token_id.
  kAfterPadding,
  // BERT: rows 0, 1, ...; a pad token counts like any other.
  kFromZero,
};

// The row of a sequence's first token, so that max_position_embeddings minus this is the longest sequence.
int64_t first_position(PositionRule, int32_t pad_token_id);

// out: [T] the row of each token. REQUIRES: the batch has ids, cu_seqlens and row_position.
void number_positions(PositionRule, int32_t pad_token_id, const PackedBatch&, std::vector<int32_t>& out);

// out: the tokens grouped by position, rising, and in order within a group (as PackedBatch::word_segments groups them
// by id).
void group_positions(const std::vector<int32_t>& positions, HostSegments& out);

}  // namespace encore
