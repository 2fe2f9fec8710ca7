// Tables for the terminal.
#pragma once

#include <string>
#include <vector>

namespace encore {

using TextTable = std::vector<std::vector<std::string>>;  // [row][column], the first of each is a name

// Columns as wide as their widest cell, numbers at the right; a line for each row. REQUIRES at least one row, and none
// longer than the first.
std::string aligned(const TextTable&);

}  // namespace encore
