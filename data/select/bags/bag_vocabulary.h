// The words that a bag of words counts: the most frequent of a corpus, as VAMPIRE's preprocessing chooses them
// (allenai/vampire, scripts/preprocess_data.py; scikit-learn's CountVectorizer and TfidfVectorizer).
//
// Words are runs of 3 to 30 letters in lower case (WordPattern::kThreeToThirty) without stop words. Of equally frequent
// words at the cut those of smaller code points are taken; the original leaves that to the sorting routine.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/select/corpus.h"

namespace encore {

inline constexpr const char* kUnknownWord = "@@UNKNOWN@@";  // column 0, which no bag has a value in

struct VocabularyOptions {
  int64_t size = 30000;                          // words at most, without the unknown one
  std::span<const std::string_view> stop_words;  // these are left out
  int threads = 0;                               // that read and count; 0: one for each core
};

class BagVocabulary {
 public:
  // Of all texts that the source gives, those without words too. Throws Error as the source does, and for fewer than
  // two words.
  static BagVocabulary fit(const TextSource&, const VocabularyOptions&);
  // What to_json() gave. Throws Error naming the file and what is wrong.
  static BagVocabulary from_json(const nlohmann::json&, const std::string& file);
  nlohmann::json to_json() const;

  int32_t columns() const { return int32_t(words_.size()); }  // the unknown word's too
  const std::string& word(int32_t column) const { return words_[size_t(column)]; }
  // The column of a word in lower case; 0: it is not in the vocabulary.
  int32_t column(std::string_view word) const;

  int64_t texts() const { return texts_; }                                            // that it was fitted to
  int64_t occurrences(int32_t column) const { return occurrences_[size_t(column)]; }  // in all of these
  int64_t frequency(int32_t column) const { return frequency_[size_t(column)]; }      // texts that hold the word

  // ln((1 + texts) / (1 + frequency)) + 1 for each column; of column 0 it is 0.
  std::vector<double> inverse_frequencies() const;
  // ln(occurrences / occurrences of all words) for each column, of column 0 ln(1e-12). The original gives word i the
  // count of word i - 1, over the size of the vocabulary.
  std::vector<float> log_background() const;

  // Depends on the words and on the figures above.
  uint64_t fingerprint() const;

 private:
  struct Slot {
    uint64_t hash = 0;
    int32_t column = 0;  // 0: free
  };
  void index_words();

  std::vector<std::string> words_;  // [columns], from 1 on by code point
  std::vector<int64_t> occurrences_, frequency_;
  int64_t texts_ = 0;
  std::vector<Slot> slots_;  // a hash table, a power of two
};

}  // namespace encore
