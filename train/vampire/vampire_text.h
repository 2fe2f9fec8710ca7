// The text of a VAMPIRE run: its vocabulary, the documents to train on, and the dev text.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/readers/corpus_reader.h"
#include "data/select/bags/bag_counter.h"
#include "data/select/bags/bag_file.h"
#include "data/select/bags/npmi.h"
#include "model/vampire/vampire_batch.h"

namespace encore {

struct VampireTextOptions {
  std::vector<std::string> train, dev;  // as resolve_files gives them; dev may be empty
  CorpusOptions reading;
  bool sentences = false;      // documents are cut into sentences, each of which counts as a document
  double held_out = 0.05;      // without dev: share of the training documents that are dev text instead, chosen by hash
  int64_t vocabulary = 30000;  // words at most
  bool tfidf = false;          // TF-IDF weights in place of counts
  double least_sum = 3;        // a document whose values have no larger sum is left out
  std::string cache_dir;
  int threads = 0;
  std::function<bool()> stop;  // BagFileOptions::stop
};

// Documents of a bag file, without those that are left out.
class DocumentSet {
 public:
  struct Counts {
    int64_t read = 0, without_words = 0, too_short = 0;  // too_short: left out, though they have a known word
  };
  DocumentSet() = default;
  // texts: numbers in the file, rising. tfidf: null for counts.
  DocumentSet(std::shared_ptr<const BagFile>, std::vector<int64_t> texts, std::shared_ptr<const TfIdf> tfidf,
              double least_sum);

  int64_t size() const { return int64_t(kept_.size()); }
  const Counts& counts() const { return counts_; }
  // Adds a document to a batch, under the key example_key(epoch, number in the file). Throws IoError when the bag file
  // was cut.
  void add(int64_t document, uint64_t epoch, VampireBatch&) const;
  // The most values that `documents` of them have together.
  int64_t most_values(int64_t documents) const;
  // Depends on the values and keys of all documents.
  uint64_t fingerprint() const;

  // Counts the words of topics in every text, also in those that are left out.
  PairCounts pair_counts(const std::vector<std::vector<int32_t>>& topics, int threads) const;

 private:
  std::shared_ptr<const BagFile> bags_;
  std::shared_ptr<const TfIdf> tfidf_;
  std::vector<int64_t> texts_, kept_;
  Counts counts_;
};

struct VampireText {
  BagVocabulary vocabulary;
  DocumentSet train, dev;
  bool held_out = false;  // dev is of the training files

  // Reads the files, twice where no bag file is there yet: for the vocabulary (unless it is given), of train and dev
  // together, and for the counts. Throws Error for a file in both train and dev (by any name), a vocabulary of fewer
  // than two words, fewer than two documents to train on, a dev text without a document that is kept.
  static VampireText open(const VampireTextOptions&, std::optional<BagVocabulary>);
};

}  // namespace encore
