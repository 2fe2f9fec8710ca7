#include "data/select/overlap/overlap.h"

#include <algorithm>
#include <iterator>
#include <limits>

#include "data/select/words/white_space.h"
#include "kernels/base/check.h"
#include "kernels/base/human.h"
#include "kernels/base/in_quotes.h"
#include "kernels/base/utf8.h"

namespace encore {
namespace {

// The words that are compared, sorted.
std::vector<std::string_view> compared_words(const CorpusVocabulary& corpus, const OverlapOptions& options,
                                             int64_t top) {
  std::vector<std::string_view> words;
  for (const WordCount& word : corpus.counts.words) {
    if (options.measure == OverlapMeasure::kShared && int64_t(words.size()) == top) break;
    if (options.measure == OverlapMeasure::kShared || word.documents >= options.min_documents)
      words.push_back(word.word);
  }
  std::sort(words.begin(), words.end());
  return words;
}

double share(int64_t common, int64_t of) {
  return 100.0 * double(common) / double(of);
}

}  // namespace

double ModelFigures::tokens_per_word() const {
  return words > 0 ? double(tokens) / double(words) : std::numeric_limits<double>::quiet_NaN();
}

void check_has_words(const NamedCorpus& corpus, const CorpusOptions& options) {
  Documents documents(corpus.paths, options);
  const auto stop = english_stop_words();
  WordCutter cutter(WordPattern::kTwoOrMore);
  bool found = false;
  int64_t read = 0;
  for (std::string text; !found && documents.next(text); ++read)
    cutter.cut(text, [&](std::string_view word) { found |= !std::binary_search(stop.begin(), stop.end(), word); });
  check(found, "corpus {}: no word in {} documents (of two letters or more, and no stop word): nothing can be compared",
        in_quotes(corpus.name), with_commas(read));
}

CorpusVocabulary read_vocabulary(const NamedCorpus& corpus, const CorpusOptions& options, const OverlapOptions& overlap,
                                 const ReadProgress& progress) {
  const bool shared = overlap.measure == OverlapMeasure::kShared;
  CorpusVocabulary out{.name = corpus.name, .paths = corpus.paths};
  if (overlap.documents) out.all_documents = count_documents(corpus.paths, options, progress);
  Documents documents(corpus.paths, options, overlap.documents, out.all_documents);
  out.counts = count_words(documents, {.pattern = WordPattern::kTwoOrMore,
                                       .stop_words = english_stop_words(),
                                       .least_documents = shared ? 1 : overlap.min_documents,
                                       .keep = shared ? overlap.top : 0,
                                       .threads = overlap.threads,
                                       .read = progress});
  if (!overlap.documents) out.all_documents = out.counts.documents;
  check(out.counts.tokens > 0, "corpus {}: no word in the {} documents that were read: give more by --documents",
        in_quotes(corpus.name), with_commas(out.counts.documents));
  check(out.counts.types > 0, "corpus {}: no word is in {} of its {} documents: lower --min-df", in_quotes(corpus.name),
        overlap.min_documents, with_commas(out.counts.documents));
  return out;
}

Overlap compare(std::vector<CorpusVocabulary> corpora, const OverlapOptions& options) {
  Overlap out{.options = options, .top_used = options.top, .corpora = std::move(corpora)};
  for (const CorpusVocabulary& corpus : out.corpora)
    out.top_used = std::min(out.top_used, int64_t(corpus.counts.words.size()));
  std::vector<std::vector<std::string_view>> words;
  for (const CorpusVocabulary& corpus : out.corpora) words.push_back(compared_words(corpus, options, out.top_used));
  const size_t n = words.size();
  out.percent.assign(n, std::vector<double>(n, 100));
  for (size_t a = 0; a < n; ++a)
    for (size_t b = a + 1; b < n; ++b) {
      std::vector<std::string_view> both;
      std::set_intersection(words[a].begin(), words[a].end(), words[b].begin(), words[b].end(),
                            std::back_inserter(both));
      const auto common = int64_t(both.size());
      const int64_t of = options.measure == OverlapMeasure::kShared
                             ? out.top_used
                             : int64_t(words[a].size() + words[b].size()) - common;
      out.percent[a][b] = out.percent[b][a] = share(common, of);
    }
  return out;
}

int64_t count_spaced_words(std::string_view text) {
  int64_t words = 0;
  bool inside = false;
  for (size_t at = 0; at < text.size();) {
    const CodePoint c = decode_utf8(text, at);
    const bool space = c.valid && is_white_space(c.value);
    words += !space && !inside;
    inside = !space;
    at += c.size;
  }
  return words;
}

}  // namespace encore
