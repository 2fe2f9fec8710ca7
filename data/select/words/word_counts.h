// How often each word of a corpus occurs, and in how many of its documents.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/select/corpus.h"
#include "data/select/words/words.h"

namespace encore {

struct WordCount {
  std::string word;
  int64_t count = 0;      // occurrences
  int64_t documents = 0;  // that hold it
};

struct WordCounts {
  std::vector<WordCount> words;  // that are kept: by falling count, equal counts by code point
  int64_t documents = 0;         // read, those without words too
  int64_t tokens = 0;            // occurrences of all words
  int64_t types = 0;             // different words that are in least_documents
};

struct CountOptions {
  WordPattern pattern = WordPattern::kTwoOrMore;
  std::span<const std::string_view> stop_words;  // these are not counted
  int64_t least_documents = 1;                   // words in fewer documents are left out of types and words
  int64_t keep = 0;                              // of the words, the most frequent; 0: all
  int threads = 0;                               // that read and count; 0: one for each core
  size_t piece_bytes = size_t(1) << 18;          // documents that a thread takes at a time
  ReadProgress read;                             // of Documents: gets bytes after each piece, from any one thread
};

// Counts the words of all documents that `documents` gives; only the words are kept in memory. The result does not
// depend on the number of threads. Throws Error as Documents::next does.
WordCounts count_words(Documents& documents, const CountOptions&);
// The same of any texts.
WordCounts count_words(const TextSource&, const CountOptions&);

}  // namespace encore
