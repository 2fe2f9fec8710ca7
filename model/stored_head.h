// Whether the classification head of a checkpoint serves the labels of the rows at hand.
#pragma once

#include <string>
#include <vector>

#include "model/config.h"

namespace encore {

struct StoredHead {
  std::vector<size_t> rows;  // for each of the row labels, the row of the stored head that was trained for it
  std::string reason;        // why the head is not used; "": it is
};

// By name: the labels of config.json in any order. LABEL_0, LABEL_1, ..., which transformers writes where no names were
// given, stand for the numbers 0, 1, ... `stored_rows`: rows of the stored head.
StoredHead match_labels(const EncoderConfig&, int64_t stored_rows, const std::vector<std::string>& row_labels);

}  // namespace encore
