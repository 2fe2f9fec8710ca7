// A matrix of which only the values are kept that are not 0, row by row: the one form of bags of words.
#pragma once

#include <cstdint>
#include <vector>

namespace encore {

// Row r has the values [row_start[r], row_start[r + 1]). Its columns rise and lie in [0, columns). Column 0 stands for
// unknown words (kUnknownWord of data/select/bags/bag_vocabulary.h) and never holds a value.
struct SparseRows {
  std::vector<int64_t> row_start = {0};  // [rows + 1]
  std::vector<int32_t> column;           // [values]
  std::vector<float> value;              // [values]
  int32_t columns = 0;

  int64_t rows() const { return int64_t(row_start.size()) - 1; }
  int64_t values() const { return int64_t(column.size()); }
  void clear() {
    row_start.assign(1, 0);
    column.clear();
    value.clear();
  }
};

}  // namespace encore
