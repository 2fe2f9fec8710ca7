// The page of an overlap of vocabularies, and its heat map.
#pragma once

#include <string>

#include "data/select/overlap.h"
#include "report/heat_map.h"

namespace encore {

HeatMap overlap_heat_map(const Overlap&);

// The whole page: the matrix, the published one beside it, the corpora, their most frequent words.
std::string overlap_page(const Overlap&);

}  // namespace encore
