// The nearest passages of a domain to each text of a task.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "data/select/near/nearest_rows.h"
#include "data/select/near/vector_file.h"
#include "train/selection/text_embedder.h"

namespace encore {

enum class SearchKind { kAuto, kExact, kIndex };

struct NeighbourSearch {
  int64_t k = 0;
  SearchKind kind = SearchKind::kAuto;  // kAuto: an index for more than kMostExact passages
  int threads = 0;
  std::string vectors;  // the file that keeps the domain's vectors
  // Gets a phase's name and its steps in all and done since the last call; at the start of a phase none are done.
  // It may throw to end the work; vectors that were made stay.
  std::function<void(const std::string& phase, int64_t total, int64_t done)> progress;
};

inline constexpr int64_t kMostExact = 1000000;

struct FoundNeighbours {
  Neighbours neighbours;
  nlohmann::ordered_json figures;  // of the search, for the ledger
  std::vector<std::string> notes;
};

// By TF-IDF weights (data/select/near/tfidf_neighbours.h).
FoundNeighbours tfidf_neighbours(const DomainText&, const std::vector<std::string>& queries, const NeighbourSearch&);
// By the vectors of an embedder.
FoundNeighbours embedded_neighbours(TextEmbedder&, const DomainText&, const std::vector<std::string>& queries,
                                    const NeighbourSearch&);
// By vectors that were made elsewhere, a row a passage and a row a query.
FoundNeighbours given_neighbours(VectorSearch::Vectors domain, VectorSearch::Vectors queries, const NeighbourSearch&);

}  // namespace encore
