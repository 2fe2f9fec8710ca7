// The batch files of `trace`: ragged lists of ids with labels.
//   {"input_ids": [[0, 5, 2], ...], "labels": [[-100, 5, -100], ...]}                 masked LM
//   {"input_ids": [[0, 5, 2], ...], "class_labels": [1, ...]}                         classification
// "token_type_ids", ragged like input_ids, may be given with either.
#pragma once

#include <string>

#include "kernels/base/packed_batch.h"

namespace encore {

// Throws Error naming the file and the key: unreadable, not JSON, lists of unequal length, values that are not 32-bit
// integers, both kinds of labels or neither.
PackedBatch read_trace_batch(const std::string& path);

}  // namespace encore
