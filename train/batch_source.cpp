#include "train/batch_source.h"

#include <fmt/format.h>

namespace encore {

std::string name_some(const std::vector<int64_t>& numbers) {
  constexpr size_t kNamed = 20;
  std::string names;
  for (size_t i = 0; i < std::min(kNamed, numbers.size()); ++i) names += fmt::format("{}{}", i ? ", " : "", numbers[i]);
  return numbers.size() > kNamed ? fmt::format("{} and {} more", names, numbers.size() - kNamed) : names;
}

}  // namespace encore
