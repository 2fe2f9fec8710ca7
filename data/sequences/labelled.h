// Labelled text for classification: jsonl, csv, tsv (plain, .gz, .zst), single texts or pairs; without labels also txt,
// a line a row.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/packed_batch.h"

namespace encore {

class Tokenizer;

struct LabelledOptions {
  std::string text_field = "text";
  std::string text_pair_field;        // empty: single texts
  std::string label_field = "label";  // empty: rows need no label (predict)
  std::string id_field = "id";
  bool quote_none = false;  // csv, tsv: quotes are ordinary characters
};

struct LabelledRow {
  std::string text, text_pair;
  std::string label;  // as text: "BACKGROUND", "1", "true"; numbers as number_label writes them
  std::string id;     // empty when the row has none; else the JSON value as it came ("17", "\"a\"", "{\"$oid\": 1}")
  std::shared_ptr<const std::string> file;  // that the row is from; shared by its rows
  int64_t line = 0;
  bool pair = false;  // the row has a text_pair, which may be empty
};

// Rows one at a time, of one file, those of a glob, standard input or a pipe (data/readers/corpus_reader.h).
class LabelledReader {
 public:
  LabelledReader(const std::string& path, const LabelledOptions&);
  ~LabelledReader();
  // False at the end. Throws Error naming file, line and key; also for a file without rows.
  bool next(LabelledRow&);

 private:
  struct Open;
  std::vector<std::string> paths_;
  LabelledOptions options_;
  size_t opened_ = 0;  // files
  std::unique_ptr<Open> open_;
};

// Reads whole labelled files: one, those of a glob, standard input or a pipe (data/readers/corpus_reader.h). Throws
// Error naming file, line and key.
std::vector<LabelledRow> read_labelled(const std::string& path, const LabelledOptions&);

// One text for each number that JSON can write: 1, 1.0, 1e0 -> "1"; -0 -> "0"; 5e-1 -> "0.5"; exact, however long.
// REQUIRES: a number by RFC 8259.
std::string number_label(std::string_view json_number);

// Labels numbered in the order of their text, or of their value when all are numbers.
class LabelMap {
 public:
  LabelMap() = default;
  explicit LabelMap(std::vector<std::string> names);
  static LabelMap from_rows(const std::vector<LabelledRow>&);
  int size() const { return int(names_.size()); }
  const std::vector<std::string>& names() const { return names_; }
  // -1: unknown. A name that is a whole number is also found as another spelling of it ("1.0").
  int find(const std::string& name) const;

 private:
  std::vector<std::string> names_;
  std::map<std::string, int> index_, whole_numbers_;
};

// Tokenized rows, ready to be batched.
struct ClassificationSet {
  std::vector<int32_t> tokens;  // all sequences end to end, with special tokens
  std::vector<int64_t> offset;  // [n+1]
  std::vector<int32_t> label;   // [n]; -1 when the rows carry none
  std::vector<std::string> id;  // [n]
  int64_t truncated_rows = 0;   // rows that were cut to max_length
  int64_t size() const { return int64_t(offset.size()) - 1; }
  int64_t length(int64_t i) const { return offset[i + 1] - offset[i]; }
};

// Throws Error naming file and line for a label that the map lacks.
ClassificationSet tokenize_rows(const std::vector<LabelledRow>&, const std::string& path, const Tokenizer&,
                                const LabelMap&, int64_t max_length, int threads = 0);

// rows: indices into the set. epoch keys the dropout. class_labels stays empty when the rows carry none.
PackedBatch make_classification_batch(const ClassificationSet&, const std::vector<int64_t>& rows, uint64_t epoch);

}  // namespace encore
