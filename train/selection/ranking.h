// The passages of a domain in the order in which a method proposes them.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "data/select/near/joined_neighbours.h"
#include "train/selection/selection.h"

namespace encore {

// Called with the name of a phase, its total and what was done of it since the last call; throws where a signal asks
// the process to end.
using SelectionProgress = std::function<void(const std::string& phase, int64_t total, int64_t done)>;

struct Ranking {
  std::vector<Joined> order;       // query: -1 where no text of the task is meant
  Neighbours neighbours;           // of kKnn, by different text of the task
  nlohmann::ordered_json figures;  // for the ledger
  std::vector<std::string> notes;
};

// queries: the different texts of the task; query_rows: of each, its first row.
struct RankedTask {
  std::vector<std::string> queries;
  std::vector<int64_t> query_rows;
};

Ranking rank_passages(const SelectionInput&, const SelectionOptions&, const DomainText&, const RankedTask&,
                      const SelectionProgress&);

}  // namespace encore
