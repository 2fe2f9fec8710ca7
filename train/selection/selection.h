// A selection: the text of a task and of a domain in, files of the task's text with the chosen passages of the domain
// out, and a ledger of it.
//
// The order of work: the domain is read once, to count and hash it; the method ranks its passages (words or vectors are
// made, neighbours searched, or n-grams counted and weighed); the ranked passages are looked up and judged in that
// order (data/select/text_choice.h); the files are written into a folder that appears whole.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/select/dsir/dsir.h"
#include "data/select/ledger.h"
#include "train/selection/neighbours_of_texts.h"
#include "train/selection/text_embedder.h"

namespace encore {

enum class SelectionMethod {
  kKnn,     // the nearest passages of each text of the task
  kRandom,  // without replacement
  kDsir,    // data/select/dsir/dsir.h
};

struct SelectionOptions {
  SelectionMethod method = SelectionMethod::kKnn;
  // One file each, of kKnn the neighbours of each text, else the passages to choose; rising.
  std::vector<int64_t> sizes;
  std::optional<double> near_duplicates;
  bool keep_task_texts = false;  // passages that are texts of the task, too
  SearchKind search = SearchKind::kAuto;
  NgramOptions ngrams;   // of kDsir, and the following
  double smoothing = 0;  // of the target's counts
  bool top = false;      // the largest weights without noise
  int64_t least_tokens =
      -1;  // of a passage; below 0: the original's 100, but 0 for passages that are shorter on average
  uint64_t seed = 0;
  int threads = 0;
  std::string cache_dir;
  int64_t inspect = 0;  // texts of the task that are shown with their neighbours
};

// The text of the task, in memory.
struct TaskText {
  struct Row {
    std::string text;
    size_t file = 0;
    int64_t line = 0;
  };
  std::vector<std::string> paths;
  std::vector<Row> rows;

  // Throws Error as CorpusReader does.
  static TaskText read(const std::vector<std::string>& paths, const CorpusOptions&);
};

// How passages become vectors: exactly one is set, or none for TF-IDF.
struct SelectionEmbedding {
  std::string name = "tfidf";
  // Called once the domain has been read.
  std::function<std::unique_ptr<TextEmbedder>(const DomainText&)> embedder;
  const NpyRows *domain_rows = nullptr, *task_rows = nullptr;
  // Of a topic model: makes vectors of the topics' shares, called once the neighbours are found; and their words.
  std::function<std::unique_ptr<TextEmbedder>()> topic_shares;
  std::vector<std::vector<std::string>> topic_words;
};

struct SelectionInput {
  TaskText task, exclude;
  std::vector<std::string> domain;  // files
  CorpusOptions reading;
  Passages::Unit unit = Passages::Unit::kDocument;
  SelectionEmbedding embedding;
  const Tokenizer* tokenizer = nullptr;  // that counts tokens; may be null
  // Measures tokens a second of training on some texts; may be empty.
  std::function<double(const std::vector<std::string>& texts)> speed;
  std::string speed_of;
};

// Fills the folder and returns its ledger, which is also in the folder's ledger.json. The folder appears whole at the
// end. Throws Error for a size beyond the domain, vectors that do not fit, a task without text; with exit code 75 where
// a signal stopped it.
SelectionLedger select_data(const SelectionInput&, const SelectionOptions&, const std::string& output);

}  // namespace encore
