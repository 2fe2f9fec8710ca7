#include "train/selection/ranking.h"

#include <algorithm>
#include <filesystem>
#include <numeric>

#include "kernels/base/cache_folder.h"
#include "kernels/base/check.h"
#include "kernels/base/hash.h"
#include "kernels/base/human.h"
#include "kernels/base/rng.h"

namespace encore {
namespace {

constexpr int64_t kOriginalLeastTokens = 100;

// The place of the domain's vectors: the same for the same files, cut and embedded in the same way, so that a file of
// other texts is found and replaced.
std::string vectors_path(const SelectionInput& input, const SelectionOptions& options) {
  Hasher hasher;
  for (const std::string& path : input.domain) hasher.add_text(std::filesystem::absolute(path).string());
  hasher.add_text(input.embedding.name).add(uint64_t(input.unit));
  return fmt::format("{}/{:016x}.vectors", cache_folder(options.cache_dir), hasher.digest());
}

// The rows of the different texts of the task.
std::vector<float> rows_of(const VectorSearch::Vectors& all, const std::vector<int64_t>& rows) {
  std::vector<float> out;
  for (const int64_t row : rows) {
    const float* from = all.data + row * all.columns;
    out.insert(out.end(), from, from + all.columns);
  }
  return out;
}

FoundNeighbours neighbours_of(const SelectionInput& input, const NeighbourSearch& search, const DomainText& domain,
                              const RankedTask& task) {
  const SelectionEmbedding& embedding = input.embedding;
  if (embedding.domain_rows) {
    const VectorSearch::Vectors rows = embedding.domain_rows->rows(), task_rows = embedding.task_rows->rows();
    check(rows.rows == domain.passages(), "the vectors of the domain have {} rows, and its files {} {}: a row for each",
          with_commas(rows.rows), with_commas(domain.passages()), unit_name(domain.unit()));
    const std::vector<float> queries = rows_of(task_rows, task.query_rows);
    return given_neighbours(
        rows, {.data = queries.data(), .rows = std::ssize(task.queries), .columns = task_rows.columns}, search);
  }
  if (!embedding.embedder) return tfidf_neighbours(domain, task.queries, search);
  const std::unique_ptr<TextEmbedder> embedder = embedding.embedder(domain);
  return embedded_neighbours(*embedder, domain, task.queries, search);
}

Ranking rank_by_neighbours(const SelectionInput& input, const SelectionOptions& options, const DomainText& domain,
                           const RankedTask& task, const SelectionProgress& progress) {
  const bool keeps = input.embedding.embedder != nullptr;
  FoundNeighbours found = neighbours_of(input,
                                        {.k = options.sizes.back(),
                                         .kind = options.search,
                                         .threads = options.threads,
                                         .vectors = keeps ? vectors_path(input, options) : "",
                                         .progress = progress},
                                        domain, task);
  Ranking out{.order = join_neighbours(found.neighbours, options.sizes.back()),
              .figures = std::move(found.figures),
              .notes = std::move(found.notes)};
  out.neighbours = std::move(found.neighbours);
  check(!out.order.empty(),
        "no text of the task has a word or a direction that the domain knows: nothing can be chosen");
  return out;
}

Ranking rank_at_random(const SelectionOptions& options, const DomainText& domain) {
  std::vector<std::pair<uint64_t, int64_t>> keys(size_t(domain.passages()));
  for (int64_t i = 0; i < domain.passages(); ++i) {
    const PhiloxDraw d = draw(options.seed, uint64_t(i), draw_site(0, Site::kChoice), 0);
    keys[size_t(i)] = {uint64_t(d.word[0]) << 32 | d.word[1], i};
  }
  std::sort(keys.begin(), keys.end());
  Ranking out;
  for (size_t i = 0; i < keys.size(); ++i)
    out.order.push_back({.id = keys[i].second, .rank = int64_t(i), .query = -1, .score = 0});
  return out;
}

// A source of texts in memory.
TextSource source_of(const std::vector<std::string>& texts) {
  return [&texts, next = size_t(0)](std::string& text) mutable {
    if (next == texts.size()) return false;
    text = texts[next++];
    return true;
  };
}

Ranking rank_by_importance(const SelectionOptions& options, const DomainText& domain, const RankedTask& task,
                           const SelectionProgress& progress) {
  const auto counted = [&](const std::string& phase) {
    progress(phase, domain.passages(), 0);
    return [source = domain.source(), phase, total = domain.passages(), &progress](std::string& text) {
      const bool more = source(text);
      if (more) progress(phase, total, 1);
      return more;
    };
  };
  const BucketCounts target = count_buckets(source_of(task.queries), options.ngrams, options.threads),
                     raw = count_buckets(counted("n-grams"), options.ngrams, options.threads,
                                         most_domain_features(options.ngrams));
  const std::vector<WeighedText> texts =
      weigh_texts(counted("weights"), log_ratios(target, raw, options.smoothing), options.ngrams, options.threads);
  int64_t tokens = 0;
  for (const WeighedText& text : texts) tokens += text.tokens;
  int64_t least = options.least_tokens;
  if (least < 0) least = tokens >= kOriginalLeastTokens * domain.passages() ? kOriginalLeastTokens : 0;
  Ranking out;
  for (const int64_t id :
       resample(texts, least, [&](int64_t i) { return options.top ? 0 : gumbel_noise(options.seed, i); }))
    out.order.push_back({.id = id, .rank = std::ssize(out.order), .query = -1, .score = texts[size_t(id)].weight});
  out.figures = {{"task_features", target.total},
                 {"domain_features", raw.total},
                 {"domain_texts_counted", raw.texts},
                 {"mean_tokens", double(tokens) / double(domain.passages())},
                 {"least_tokens", least},
                 {"eligible", std::ssize(out.order)}};
  out.notes.push_back(fmt::format("note: passages of at least {} tokens are eligible: {} of {} (--min-tokens)", least,
                                  with_commas(std::ssize(out.order)), with_commas(domain.passages())));
  return out;
}

}  // namespace

Ranking rank_passages(const SelectionInput& input, const SelectionOptions& options, const DomainText& domain,
                      const RankedTask& task, const SelectionProgress& progress) {
  switch (options.method) {
    case SelectionMethod::kKnn: return rank_by_neighbours(input, options, domain, task, progress);
    case SelectionMethod::kRandom: return rank_at_random(options, domain);
    case SelectionMethod::kDsir: return rank_by_importance(options, domain, task, progress);
  }
  fail("no such method");
}

}  // namespace encore
