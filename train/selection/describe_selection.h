// What became of the passages that a method proposed: the ledger of a selection, and its files.
#pragma once

#include <string>
#include <vector>

#include "data/select/text_choice.h"
#include "train/selection/ranking.h"

namespace encore {

// A passage that a method proposed, with what became of it.
struct Judged {
  Joined place;
  DomainPassage passage;
  TextFate fate;
};

// Calls visit(judged) for the passages that were proposed for the choice of this size, in order: of kKnn those among
// the `size` nearest of some text, else all until `size` were taken.
template <class Visit>
void for_each_proposed(const std::vector<Judged>& judged, SelectionMethod method, int64_t size, const Visit& visit) {
  int64_t taken = 0;
  for (const Judged& one : judged) {
    if (method == SelectionMethod::kKnn ? one.place.rank >= size : taken >= size) break;
    visit(one);
    taken += one.fate == TextFate::kTaken;
  }
}

struct SelectionParts {
  const SelectionInput& input;
  const SelectionOptions& options;
  const RankedTask& task;
  const DomainText& domain;
  const Ranking& ranking;
  const std::vector<Judged>& judged;  // in the order of the ranking
};
SelectionLedger describe(const SelectionParts&);

// Writes the choices of the ledger and the ledger itself into a folder that appears whole.
void write_selection(const std::string& folder, const SelectionInput&, const SelectionOptions&, const RankedTask&,
                     const std::vector<Judged>&, const SelectionLedger&);

}  // namespace encore
