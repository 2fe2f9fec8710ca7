#include "data/readers/csv_rows.h"

#include <fmt/format.h>

#include <algorithm>

#include "kernels/base/check.h"

namespace encore {
namespace {

// text keeps its line ends, since a quoted field may hold them.
bool at_line_end(const std::string& text, size_t at) {
  return at == text.size() || text[at] == '\n' || (text[at] == '\r' && (at + 1 == text.size() || text[at + 1] == '\n'));
}

}  // namespace

CsvRows::CsvRows(const std::string& path, const RowOptions& options, char separator)
    : lines_(path), separator_(separator) {
  check(next_record(), "{}: no header; the first line must name the columns", path);
  columns_ = cells_;
  for (size_t i = 0; i < columns_.size(); ++i)
    check(std::find(columns_.begin(), columns_.begin() + i, columns_[i]) == columns_.begin() + i,
          "{}: line {}: column '{}' is named twice", path, line_, columns_[i]);
  for (const std::string& field : options.fields) {
    const auto it = std::find(columns_.begin(), columns_.end(), field);
    wanted_.push_back(it == columns_.end() ? -1 : int(it - columns_.begin()));
  }
}

std::string CsvRows::keys() const {
  return fmt::format("{}", fmt::join(columns_, ", "));
}

bool CsvRows::read_line() {
  if (!lines_.next(text_)) return false;
  if (lines_.terminated()) text_ += '\n';
  return true;
}

size_t CsvRows::take_quoted(size_t at, std::string& out) {
  const int64_t opened = lines_.line();
  ++at;
  for (;;) {
    const size_t quote = text_.find('"', at);
    out.append(text_, at, quote == std::string::npos ? quote : quote - at);
    check(out.size() <= LineReader::kMaxLine, "{}: line {}: a quoted field of more than 1 GiB; is a quote not closed?",
          lines_.path(), opened);
    if (quote == std::string::npos) {
      check(read_line(), "{}: line {}: a quote opens a field here and is never closed", lines_.path(), opened);
      at = 0;
      continue;
    }
    at = quote + 1;
    if (at < text_.size() && text_[at] == '"') {
      out += '"';
      ++at;
      continue;
    }
    check(at_line_end(text_, at) || text_[at] == separator_,
          "{}: line {}: text after the closing quote of a field; a quote inside a quoted field must be doubled",
          lines_.path(), lines_.line());
    return at;
  }
}

bool CsvRows::next_record() {
  do {
    if (!read_line()) return false;
  } while (at_line_end(text_, 0));
  line_ = lines_.line();
  cells_.clear();
  for (size_t at = 0;; ++at) {
    std::string& cell = cells_.emplace_back();
    if (at < text_.size() && text_[at] == '"') {
      at = take_quoted(at, cell);
    } else {
      const size_t from = at;
      while (!at_line_end(text_, at) && text_[at] != separator_) ++at;
      cell.assign(text_, from, at - from);
    }
    if (at_line_end(text_, at)) return true;
  }
}

bool CsvRows::next(std::vector<Field>& row) {
  if (!next_record()) return false;
  check(cells_.size() == columns_.size(), "{}: line {}: {} fields, but the header names {} columns ({})", lines_.path(),
        line_, cells_.size(), columns_.size(), keys());
  row.resize(wanted_.size());
  for (size_t i = 0; i < row.size(); ++i) {
    row[i].kind = wanted_[i] < 0 ? Field::kMissing : Field::kString;
    row[i].text = wanted_[i] < 0 ? std::string() : cells_[wanted_[i]];
  }
  return true;
}

}  // namespace encore
