#include "train/selection/neighbours_of_texts.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "data/select/near/tfidf_neighbours.h"
#include "kernels/base/check.h"
#include "kernels/base/hash.h"
#include "kernels/base/human.h"

namespace encore {
namespace {

constexpr int64_t kBlockTexts = 4096;            // that are embedded at a time
constexpr int64_t kBagBlock = int64_t(1) << 17;  // rows of a block of bags

void begin(const NeighbourSearch& search, const std::string& phase, int64_t total) {
  if (search.progress) search.progress(phase, total, 0);
}

FoundNeighbours searched(VectorSearch::Vectors domain, VectorSearch::Vectors queries, const NeighbourSearch& search) {
  const bool index =
      search.kind == SearchKind::kIndex || (search.kind == SearchKind::kAuto && domain.rows > kMostExact);
  const auto library = open_vector_search();
  begin(search, "search", domain.rows);
  NearestRows found =
      nearest_rows(*library, queries, domain,
                   {.k = search.k, .threads = search.threads, .index = index, .progress = [&](int64_t rows) {
                      if (search.progress) search.progress("search", domain.rows, rows);
                    }});
  FoundNeighbours out{.neighbours = std::move(found.neighbours)};
  out.figures = {{"by", index ? "index" : "exact"},
                 {"columns", domain.columns},
                 {"recall", found.recall},
                 {"scanned_queries", found.scanned}};
  if (index)
    out.notes.push_back(fmt::format(
        "note: the neighbours come from an index, which found {:.1f} % of those of an exact search (--search exact)",
        100 * found.recall));
  return out;
}

SparseRows counts_of(const std::vector<std::string>& texts, const BagVocabulary& vocabulary) {
  SparseRows rows;
  rows.columns = vocabulary.columns();
  BagCounter counter(vocabulary);
  for (const std::string& text : texts) counter.add(text, rows);
  return rows;
}

}  // namespace

FoundNeighbours tfidf_neighbours(const DomainText& domain, const std::vector<std::string>& queries,
                                 const NeighbourSearch& search) {
  begin(search, "words", 0);
  const BagVocabulary vocabulary = domain_vocabulary(domain, search.threads);
  TfIdfNeighbours nearest(vocabulary.inverse_frequencies(), counts_of(queries, vocabulary), search.k, search.threads);
  begin(search, "search", domain.passages());
  const TextSource source = domain.source();
  while (true) {
    const std::vector<std::string> texts = next_texts(source, kBagBlock);
    if (texts.empty()) break;
    nearest.add(counts_of(texts, vocabulary));
    if (search.progress) search.progress("search", domain.passages(), std::ssize(texts));
  }
  FoundNeighbours out{.neighbours = nearest.take()};
  out.figures = {{"by", "exact"}, {"words", vocabulary.columns() - 1}};
  return out;
}

FoundNeighbours embedded_neighbours(TextEmbedder& embedder, const DomainText& domain,
                                    const std::vector<std::string>& queries, const NeighbourSearch& search) {
  open_vector_search();  // refused before anything long begins
  std::vector<float> query_vectors;
  embedder.embed(queries, query_vectors);
  begin(search, "vectors", domain.passages());
  std::optional<TextSource> source;
  int64_t told = 0;
  const VectorFile file({.path = search.vectors,
                         .fingerprint = Hasher().add(domain.fingerprint()).add(embedder.fingerprint()).digest(),
                         .rows = domain.passages(),
                         .columns = embedder.columns(),
                         .make =
                             [&](int64_t first, std::vector<float>& block) {
                               if (!source) source = domain.source(first);
                               embedder.embed(next_texts(*source, kBlockTexts), block);
                             },
                         .progress =
                             [&](int64_t done) {
                               if (search.progress)
                                 search.progress("vectors", domain.passages(), done - std::exchange(told, done));
                             }});
  FoundNeighbours out = searched(
      file.rows(), {.data = query_vectors.data(), .rows = std::ssize(queries), .columns = embedder.columns()}, search);
  file.check_whole();
  out.figures["vectors"] = search.vectors;
  out.figures["vectors_reused"] = file.reused();
  if (!file.history().empty()) out.notes.insert(out.notes.begin(), "note: " + file.history());
  return out;
}

FoundNeighbours given_neighbours(VectorSearch::Vectors domain, VectorSearch::Vectors queries,
                                 const NeighbourSearch& search) {
  return searched(domain, queries, search);
}

}  // namespace encore
