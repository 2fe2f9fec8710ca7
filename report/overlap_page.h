// The page of an overlap of vocabularies, and its heat map.
#pragma once

#include <string>

#include "data/select/overlap/overlap.h"
#include "report/heat_map.h"

namespace encore {

HeatMap overlap_heat_map(const Overlap&);

// The whole page: the matrix, the published one beside it, the corpora, their most frequent words.
std::string overlap_page(const Overlap&);

// Whether a file that begins like this is such a page, and may be replaced by another.
bool is_overlap_page(const std::string& start);

}  // namespace encore
