// How much of their vocabularies corpora have in common.
//
// Two measures that are often confused (docs/select.md). Both count the same words: lower case, \b\w\w+\b, without
// scikit-learn's English stop words.
//   shared    Gururangan et al. (2020), Figure 2: 100 |top_K(A) and top_K(B)| / K, of the K most frequent words
//   jaccard   their repository's scripts/vocab_overlap.py: 100 |A and B| / |A or B|, of all words in at least
//             min_documents documents
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/select/corpus.h"
#include "data/select/words/word_counts.h"

namespace encore {

enum class OverlapMeasure { kShared, kJaccard };

struct OverlapOptions {
  OverlapMeasure measure = OverlapMeasure::kShared;
  int64_t top = 10000;               // K of kShared
  int64_t min_documents = 3;         // of kJaccard
  std::optional<int64_t> documents;  // at most so many of each corpus, spread evenly over it
  int threads = 0;                   // 0: one for each core
};

// What a model makes of a sample of a corpus.
struct ModelFigures {
  double loss = 0;  // nats a target, masked-LM; NaN without a target
  int64_t targets = 0;
  int64_t tokens = 0;     // of the texts, without special tokens
  int64_t words = 0;      // pieces between white space
  int64_t documents = 0;  // of the sample

  double tokens_per_word() const;  // NaN without words
};

struct CorpusVocabulary {
  std::string name;
  std::vector<std::string> paths;
  int64_t all_documents = 0;  // of the corpus; equal to counts.documents where no `documents` bounds it
  WordCounts counts;          // of kShared the K most frequent words, of kJaccard those in min_documents
  std::optional<ModelFigures> model;
};

struct Overlap {
  OverlapOptions options;
  int64_t top_used = 0;  // K in force: the smallest number of types of all corpora, where that is below options.top
  std::vector<CorpusVocabulary> corpora;
  std::vector<std::vector<double>> percent;  // [corpus][corpus], symmetric, the diagonal is 100
  std::string model;                         // that the figures are of; empty: none
};

// Throws Error unless the corpus holds a word, after reading as far as the first.
void check_has_words(const NamedCorpus&, const CorpusOptions&);

// With OverlapOptions::documents the files are read twice. Throws Error for a corpus without words, of kJaccard without
// a word in min_documents.
CorpusVocabulary read_vocabulary(const NamedCorpus&, const CorpusOptions&, const OverlapOptions&,
                                 const ReadProgress& progress = {});

// REQUIRES vocabularies read with the same options, or with a larger `top`.
Overlap compare(std::vector<CorpusVocabulary>, const OverlapOptions&);

// The number of pieces between Python's white space (str.split), the usual measure of words for tokens a word.
int64_t count_spaced_words(std::string_view text);

}  // namespace encore
