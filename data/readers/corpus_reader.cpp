#include "data/readers/corpus_reader.h"

#include "kernels/base/check.h"

namespace encore {

CorpusReader::CorpusReader(std::vector<std::string> paths, const CorpusOptions& options)
    : paths_(std::move(paths)), options_(options), totals_(paths_.size()) {}

bool CorpusReader::open_next() {
  if (opened_ == paths_.size()) return false;
  file_ = opened_++;
  RowOptions rows{.fields = {options_.text_field},
                  .blank_line_documents = options_.blank_line_documents,
                  .quote_none = options_.quote_none};
  // Plain text has one field, whatever the option says.
  if (file_kind(path()) == FileKind::kText) rows.fields = {"text"};
  rows_ = open_rows(path(), rows);
  return true;
}

bool CorpusReader::next(std::string& text) {
  while (rows_ || open_next()) {
    FileTotals& totals = totals_[file_];
    if (rows_->next(row_)) {
      Field& field = row_[0];
      check(field.kind != Field::kMissing,
            "{}: line {}: no field '{}'; it has: {}; name the right one (--text-field) or repair the line", path(),
            line(), options_.text_field, rows_->keys());
      check(field.kind == Field::kString, "{}: line {}: field '{}' must be a string, but is {}", path(), line(),
            options_.text_field, field.text);
      ++totals.documents;
      totals.text_bytes += int64_t(field.text.size());
      text.swap(field.text);
      return true;
    }
    check(totals.documents > 0, "{}: no documents in the file; remove it from the list", path());
    totals.hash = rows_->stream().file_hash();
    bytes_before_ += rows_->stream().file_bytes();
    rows_.reset();
  }
  return false;
}

}  // namespace encore
