#include "data/select/bags/bag_counter.h"

#include <algorithm>
#include <cmath>

namespace encore {

void BagCounter::add(std::string_view text, SparseRows& rows) {
  found_.clear();
  cutter_.cut(text, [&](std::string_view word) {
    if (const int32_t column = vocabulary_.column(word)) found_.push_back(column);
  });
  std::sort(found_.begin(), found_.end());
  for (size_t i = 0; i < found_.size();) {
    size_t end = i;
    while (end < found_.size() && found_[end] == found_[i]) ++end;
    rows.column.push_back(found_[i]);
    rows.value.push_back(float(end - i));
    i = end;
  }
  rows.row_start.push_back(rows.values());
  rows.columns = vocabulary_.columns();
}

void TfIdf::weigh(SparseRows& rows, int64_t first) const {
  for (int64_t r = first; r < rows.rows(); ++r) {
    const size_t begin = size_t(rows.row_start[size_t(r)]), end = size_t(rows.row_start[size_t(r) + 1]);
    double squares = 0;
    const auto weight = [&](size_t i) { return double(rows.value[i]) * inverse_frequencies_[size_t(rows.column[i])]; };
    for (size_t i = begin; i < end; ++i) squares += weight(i) * weight(i);
    const double length = std::sqrt(squares);
    for (size_t i = begin; i < end; ++i) rows.value[i] = float(weight(i) / length);
  }
}

double sum_of_row(const SparseRows& rows, int64_t row) {
  double sum = 0;
  for (int64_t i = rows.row_start[size_t(row)]; i < rows.row_start[size_t(row) + 1]; ++i) sum += rows.value[size_t(i)];
  return sum;
}

}  // namespace encore
