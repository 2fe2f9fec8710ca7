#include "data/select/text_table.h"

#include <fmt/format.h>

#include <algorithm>

namespace encore {
namespace {

// Columns that a terminal shows the text in, as fmt counts them when it fills up a field.
size_t width_of(const std::string& text) {
  constexpr size_t kField = 1000;
  return text.size() + kField - std::min(fmt::formatted_size("{:>{}}", text, kField), text.size() + kField);
}

}  // namespace

std::string aligned(const TextTable& rows) {
  std::vector<size_t> width(rows[0].size());
  for (const auto& row : rows)
    for (size_t c = 0; c < row.size(); ++c) width[c] = std::max(width[c], width_of(row[c]));
  std::string out;
  for (const auto& row : rows) {
    std::string line = fmt::format("{:<{}}", row[0], width[0]);
    for (size_t c = 1; c < row.size(); ++c) line += fmt::format("  {:>{}}", row[c], width[c]);
    out += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return out;
}

}  // namespace encore
