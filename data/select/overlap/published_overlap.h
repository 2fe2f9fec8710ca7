// The overlap of vocabularies that the paper published.
#pragma once

#include <optional>
#include <string_view>

namespace encore {

// Gururangan et al. (2020), Figure 2: percent of shared words among the top 10,000 of two of biomed, cs, news, reviews
// and pt (text like RoBERTa's), in letters of any case. Read off the figure. nullopt for other names.
std::optional<double> published_overlap(std::string_view a, std::string_view b);

inline constexpr const char* kPublishedOverlap = "published: Gururangan et al. 2020, Figure 2, read off the figure";

}  // namespace encore
