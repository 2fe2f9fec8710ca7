#include "data/select/near/joined_neighbours.h"

#include <algorithm>
#include <tuple>

namespace encore {

std::vector<Joined> join_neighbours(const Neighbours& neighbours, int64_t k) {
  std::vector<Joined> all;
  for (size_t q = 0; q < neighbours.of.size(); ++q)
    for (int64_t rank = 0; rank < std::min<int64_t>(k, std::ssize(neighbours.of[q])); ++rank) {
      const Neighbour& neighbour = neighbours.of[q][size_t(rank)];
      all.push_back({.id = neighbour.id, .rank = rank, .query = int64_t(q), .score = neighbour.score});
    }
  std::sort(all.begin(), all.end(), [](const Joined& a, const Joined& b) {
    return std::tie(a.id, a.rank, a.query) < std::tie(b.id, b.rank, b.query);
  });
  const auto end = std::unique(all.begin(), all.end(), [](const Joined& a, const Joined& b) { return a.id == b.id; });
  all.erase(end, all.end());
  std::sort(all.begin(), all.end(),
            [](const Joined& a, const Joined& b) { return std::tie(a.rank, a.id) < std::tie(b.rank, b.id); });
  return all;
}

}  // namespace encore
