// How labelled rows are cut into micro-batches, for training, scoring and planning alike.
#pragma once

#include <cstdint>
#include <vector>

#include "data/sequences/labelled.h"

namespace encore {

using Rows = std::vector<int64_t>;  // numbers of rows in a set

// Cuts rows, in order, into pieces of at most `budget` tokens (one row at least).
std::vector<Rows> cut_by_tokens(const ClassificationSet&, const Rows&, int64_t budget);
// All rows, short ones first: what scoring cuts.
Rows rows_by_length(const ClassificationSet&);
// The rows of one update: places first .. first + batch_size - 1 of the epoch's order.
Rows training_rows(const ClassificationSet&, int64_t first, int64_t batch_size, uint64_t seed, uint64_t epoch);

int64_t count_tokens(const ClassificationSet&, const Rows&);
int64_t longest_row(const ClassificationSet&);

}  // namespace encore
