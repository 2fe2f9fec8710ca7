// The neighbours of all queries as one list, and what is left out of it.
#pragma once

#include <cstdint>
#include <vector>

#include "data/select/near/neighbours.h"

namespace encore {

// A row that is a neighbour of some query.
struct Joined {
  int64_t id = 0;
  int64_t rank = 0;   // the best over all queries, from 0
  int64_t query = 0;  // the first with that rank
  double score = 0;   // for that query
};

// Of the first k neighbours of each query, in the order (rank, id). Those of a smaller k come first: they are the rows
// whose rank is below it.
std::vector<Joined> join_neighbours(const Neighbours&, int64_t k);

}  // namespace encore
