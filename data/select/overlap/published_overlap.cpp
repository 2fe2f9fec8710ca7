#include "data/select/overlap/published_overlap.h"

#include <array>

#include "data/select/words/letter_case.h"

namespace encore {
namespace {

constexpr std::array<std::string_view, 5> kNames = {"pt", "news", "reviews", "biomed", "cs"};
constexpr double kPercent[5][5] = {{100, 54.1, 34.5, 27.3, 19.2},
                                   {54.1, 100, 40.0, 24.9, 17.3},
                                   {34.5, 40.0, 100, 18.3, 12.7},
                                   {27.3, 24.9, 18.3, 100, 21.4},
                                   {19.2, 17.3, 12.7, 21.4, 100}};

std::optional<size_t> number_of(std::string_view name) {
  std::string lower;
  lower_case(name, lower);
  for (size_t i = 0; i < kNames.size(); ++i)
    if (kNames[i] == lower) return i;
  return std::nullopt;
}

}  // namespace

std::optional<double> published_overlap(std::string_view a, std::string_view b) {
  const auto i = number_of(a), j = number_of(b);
  if (!i || !j) return std::nullopt;
  return kPercent[*i][*j];
}

}  // namespace encore
