#include "data/sequences/labelled.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <optional>

#include "data/readers/corpus_reader.h"
#include "data/tokenizer/tokenizer.h"
#include "kernels/base/check.h"
#include "kernels/base/rng.h"
#include "kernels/base/thread_team.h"
#include "kernels/base/usable_cores.h"

namespace encore {
namespace {

std::optional<double> as_number(const std::string& text) {
  if (text.empty() || std::isspace(static_cast<unsigned char>(text[0]))) return std::nullopt;
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (end != text.c_str() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

bool is_json_integer(const std::string& s) {
  const size_t from = s.starts_with('-');
  if (s.size() == from || s.size() > from + 18) return false;
  if (s[from] == '0' && s.size() > 1) return false;
  return s.find_first_not_of("0123456789", from) == std::string::npos;
}

// The number as a text without type holds it: "1.0" -> "1" where a spreadsheet has made floats of whole numbers. Empty
// for anything else, such as "01", "1.10" or "1e5", which may be names.
std::string whole_number(const std::string& s) {
  const size_t point = s.find('.');
  const std::string integer = s.substr(0, point);
  const size_t from = integer.starts_with('-');
  if (integer.size() == from || (integer[from] == '0' && integer.size() > from + 1)) return "";
  if (integer.find_first_not_of("0123456789", from) != std::string::npos) return "";
  if (point != std::string::npos && (point + 1 == s.size() || s.find_first_not_of('0', point + 1) != std::string::npos))
    return "";
  return integer == "-0" ? "0" : integer;
}

// Turns the fields of a row into a LabelledRow, with errors that name file, line and key.
class RowMaker {
 public:
  RowMaker(const std::string& path, const LabelledOptions& options) : path_(path), options_(options) {
    fields_ = {options.text_field, options.text_pair_field, options.label_field, options.id_field};
    kind_ = file_kind(path);
    check(kind_ != FileKind::kText || (options.text_pair_field.empty() && options.label_field.empty()),
          "{}: a .txt file has no columns for labels or pairs; give .jsonl, .csv or .tsv", path);
    if (kind_ == FileKind::kText) fields_[0] = "text";
    rows_ = open_rows(path, {.fields = fields_, .quote_none = options.quote_none});
  }

  bool next(LabelledRow& row) {
    if (!rows_->next(values_)) return false;
    row = LabelledRow();
    row.line = rows_->line();
    row.text = string_of(values_[0], fields_[0]);
    row.pair = !options_.text_pair_field.empty();
    if (row.pair) row.text_pair = string_of(values_[1], fields_[1]);
    if (!options_.label_field.empty()) row.label = label_of(values_[2]);
    row.id = id_of(values_[3]);
    return true;
  }

 private:
  void need(const Field& field, const std::string& key) const {
    check(field.kind != Field::kMissing, "{}: line {}: no field '{}'; it has: {}", path_, rows_->line(), key,
          rows_->keys());
  }
  std::string string_of(const Field& field, const std::string& key) const {
    need(field, key);
    check(field.kind == Field::kString, "{}: line {}: field '{}' must be a string, but is {}", path_, rows_->line(),
          key, field.text);
    return field.text;
  }
  std::string label_of(const Field& field) const {
    need(field, options_.label_field);
    check(field.kind == Field::kString || field.kind == Field::kNumber || field.kind == Field::kBool,
          "{}: line {}: label '{}' must be a string, a number or a boolean, but is {}", path_, rows_->line(),
          options_.label_field, field.text);
    check(!field.text.empty(), "{}: line {}: label '{}' is empty", path_, rows_->line(), options_.label_field);
    if (field.kind == Field::kNumber) return number_label(field.text);
    const std::string whole = kind_ == FileKind::kJsonl ? "" : whole_number(field.text);
    return whole.empty() ? field.text : whole;
  }
  std::string id_of(const Field& field) const {
    if (field.kind == Field::kMissing) return "";
    if (kind_ == FileKind::kJsonl) return field.json;
    // A csv cell has no type: what looks like an integer is one.
    if (is_json_integer(field.text)) return field.text;
    return nlohmann::json(field.text).dump();
  }

  std::string path_;
  LabelledOptions options_;
  std::vector<std::string> fields_;
  FileKind kind_;
  std::unique_ptr<RowReader> rows_;
  std::vector<Field> values_;
};

// The label ids of all rows. An unknown label is found before any text is tokenized.
std::vector<int32_t> labels_of(const std::vector<LabelledRow>& rows, const std::string& path, const LabelMap& map) {
  std::vector<int32_t> labels;
  for (const LabelledRow& row : rows) {
    labels.push_back(row.label.empty() ? -1 : map.find(row.label));
    check(row.label.empty() || labels.back() >= 0, "{}: line {}: label '{}' is unseen in training; the model knows: {}",
          row.file ? *row.file : path, row.line, row.label, fmt::join(map.names(), ", "));
  }
  return labels;
}

}  // namespace

struct LabelledReader::Open {
  RowMaker maker;
  std::shared_ptr<const std::string> file;
  int64_t rows = 0;
};

LabelledReader::LabelledReader(const std::string& pattern, const LabelledOptions& options)
    : paths_(resolve_files({pattern}, "", options.text_field)), options_(options) {}
LabelledReader::~LabelledReader() = default;

bool LabelledReader::next(LabelledRow& row) {
  for (;;) {
    if (open_ && open_->maker.next(row)) {
      ++open_->rows;
      row.file = open_->file;
      return true;
    }
    check(!open_ || open_->rows > 0, "{}: no rows in the file", open_ ? *open_->file : "");
    open_.reset();
    if (opened_ == paths_.size()) return false;
    const std::string& path = paths_[opened_++];
    open_.reset(new Open{.maker = RowMaker(path, options_), .file = std::make_shared<const std::string>(path)});
  }
}

std::vector<LabelledRow> read_labelled(const std::string& pattern, const LabelledOptions& options) {
  LabelledReader reader(pattern, options);
  std::vector<LabelledRow> rows;
  for (LabelledRow row; reader.next(row);) rows.push_back(std::move(row));
  return rows;
}

std::string number_label(std::string_view number) {
  const bool negative = number.starts_with('-');
  if (negative) number.remove_prefix(1);
  const size_t e = std::min(number.find_first_of("eE"), number.size());
  // An exponent beyond 18 digits is cut: no such number can be told from zero or infinity anyway.
  const std::string exponent(number.substr(std::min(e + 1, number.size())).substr(0, 18));
  int64_t scale = exponent.empty() ? 0 : std::strtoll(exponent.c_str(), nullptr, 10);
  std::string digits;
  const std::string_view mantissa = number.substr(0, e);
  for (size_t i = 0; i < mantissa.size(); ++i)
    if (mantissa[i] != '.') digits += mantissa[i];
  if (const size_t point = mantissa.find('.'); point != std::string_view::npos)
    scale -= int64_t(mantissa.size() - point - 1);
  digits.erase(0, digits.find_first_not_of('0'));
  while (digits.ends_with('0')) digits.pop_back(), ++scale;
  if (digits.empty()) return "0";
  const std::string sign = negative ? "-" : "";
  const int64_t length = int64_t(digits.size());
  constexpr int64_t kPlain = 40;  // digits of a number that is written out
  if (scale >= 0 && length + scale <= std::max(kPlain, length)) return sign + digits + std::string(size_t(scale), '0');
  if (scale < 0 && length + scale > 0) return sign + digits.insert(size_t(length + scale), ".");
  if (scale < 0 && -scale <= kPlain) return sign + "0." + std::string(size_t(-scale - length), '0') + digits;
  return fmt::format("{}{}e{}", sign, digits, scale);
}

LabelMap::LabelMap(std::vector<std::string> names) : names_(std::move(names)) {
  for (size_t i = 0; i < names_.size(); ++i) {
    check(index_.emplace(names_[i], int(i)).second, "label '{}' is named twice", names_[i]);
    if (const std::string whole = whole_number(names_[i]); !whole.empty()) whole_numbers_.emplace(whole, int(i));
  }
}

LabelMap LabelMap::from_rows(const std::vector<LabelledRow>& rows) {
  std::vector<std::string> names;
  for (const LabelledRow& row : rows) names.push_back(row.label);
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  if (std::all_of(names.begin(), names.end(), [](const std::string& s) { return as_number(s).has_value(); }))
    std::stable_sort(names.begin(), names.end(),
                     [](const std::string& a, const std::string& b) { return *as_number(a) < *as_number(b); });
  return LabelMap(std::move(names));
}

int LabelMap::find(const std::string& name) const {
  if (const auto it = index_.find(name); it != index_.end()) return it->second;
  // A model may name its labels "0.0" and "1.0" where the rows say 0 and 1.
  const auto whole = whole_numbers_.find(whole_number(name));
  return whole == whole_numbers_.end() ? -1 : whole->second;
}

ClassificationSet tokenize_rows(const std::vector<LabelledRow>& rows, const std::string& path,
                                const Tokenizer& tokenizer, const LabelMap& map, int64_t max_length, int threads) {
  check(max_length > 0, "inputs of at most {} tokens: must be positive", max_length);
  ClassificationSet set;
  set.label = labels_of(rows, path, map);
  std::vector<std::vector<int32_t>> inputs(rows.size());
  LoopFailure failure;
  int64_t truncated = 0;
#pragma omp parallel for schedule(dynamic, 16) reduction(+ : truncated) num_threads(loop_threads(threads))
  for (size_t i = 0; i < rows.size(); ++i) {
    failure.guard([&] {
      const std::vector<int32_t> a = tokenizer.encode(rows[i].text);
      const std::vector<int32_t> b = tokenizer.encode(rows[i].text_pair);
      inputs[i] = rows[i].pair ? tokenizer.build_inputs(a, b, size_t(max_length))
                               : tokenizer.build_inputs(a, size_t(max_length));
      const SpecialsTemplate& specials = tokenizer.specials();
      const size_t around = rows[i].pair ? specials.pair.size() : specials.single.size();
      truncated += inputs[i].size() < a.size() + b.size() + around;
    });
  }
  failure.rethrow();
  set.truncated_rows = truncated;
  set.offset.push_back(0);
  for (size_t i = 0; i < rows.size(); ++i) {
    set.tokens.insert(set.tokens.end(), inputs[i].begin(), inputs[i].end());
    set.offset.push_back(int64_t(set.tokens.size()));
    set.id.push_back(rows[i].id);
  }
  return set;
}

PackedBatch make_classification_batch(const ClassificationSet& set, const std::vector<int64_t>& rows, uint64_t epoch) {
  PackedBatch batch;
  batch.cu_seqlens.push_back(0);
  for (int64_t row : rows) {
    check(row >= 0 && row < set.size(), "row {} of a set of {}", row, set.size());
    batch.ids.insert(batch.ids.end(), set.tokens.begin() + set.offset[row], set.tokens.begin() + set.offset[row + 1]);
    batch.cu_seqlens.push_back(int32_t(batch.ids.size()));
    batch.example_keys.push_back(example_key(epoch, uint64_t(row)));
    if (set.label[row] >= 0) batch.class_labels.push_back(set.label[row]);
  }
  check(batch.class_labels.empty() || batch.class_labels.size() == rows.size(),
        "some rows of the batch have labels and others have none");
  batch.finish();
  return batch;
}

}  // namespace encore
