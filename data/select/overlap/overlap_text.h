// An overlap as text: for the terminal, for a spreadsheet, for other programs.
#pragma once

#include <string>
#include <vector>

#include "data/select/overlap/overlap.h"

namespace encore {

// What the percentages are: "shared words among the 10,000 most frequent of each corpus, % (the paper's measure)".
std::string overlap_title(const Overlap&);
// Lines that a reader of the figures must know: a K that became smaller, documents that were not read.
std::vector<std::string> overlap_notes(const Overlap&);
// The corpora that the paper's figure has too, in the order of `corpora`; fewer than two, or another measure than the
// paper's: none.
std::vector<size_t> published_corpora(const Overlap&);

// The matrix, the published one beside it, and a line for each corpus.
std::string overlap_table(const Overlap&);
// A line for each corpus (RFC 4180): its percentages, the published ones, documents, words, types, and the model's
// figures. An empty field: there is no figure.
std::string overlap_csv(const Overlap&);
// One object; docs/select.md names the keys. A figure that there is not is null.
std::string overlap_json(const Overlap&);

// Whether a file that begins like this is one of these, and may be replaced by another.
bool is_overlap_csv(const std::string& start);
bool is_overlap_json(const std::string& start);

}  // namespace encore
