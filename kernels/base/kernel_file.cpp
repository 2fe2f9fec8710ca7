#include "kernels/base/kernel_file.h"

#include <cstdlib>
#include <fstream>
#include <string>

namespace encore {
namespace {

std::optional<uint64_t> number_behind(std::string_view key, const std::string& line) {
  if (!line.starts_with(key)) return std::nullopt;
  const size_t at = line.find_first_not_of(": \t", key.size());
  if (at == std::string::npos || line[at] < '0' || line[at] > '9') return std::nullopt;
  return std::strtoull(line.c_str() + at, nullptr, 10);
}

}  // namespace

std::optional<uint64_t> number_in(const std::filesystem::path& file, std::string_view key) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);)
    if (const auto number = number_behind(key, line)) return number;
  return std::nullopt;
}

uint64_t sum_in(const std::filesystem::path& file, const std::vector<std::string_view>& keys) {
  std::ifstream in(file);
  uint64_t sum = 0;
  for (std::string line; std::getline(in, line);)
    for (const std::string_view key : keys) sum += number_behind(key, line).value_or(0);
  return sum;
}

}  // namespace encore
