#include "data/readers/csv_rows.h"

#include <fmt/format.h>

#include <algorithm>

#include "kernels/base/check.h"

namespace encore {
namespace {

std::string trimmed(const std::string& s) {
  const size_t first = s.find_first_not_of(" \t\r");
  return first == std::string::npos ? "" : s.substr(first, s.find_last_not_of(" \t\r") - first + 1);
}

}  // namespace

CsvRows::CsvRows(const std::string& path, const RowOptions& options, char separator)
    : lines_(path), separator_(separator), quotes_(!options.quote_none) {
  read_header();
  for (size_t i = 0; i < columns_.size(); ++i)
    check(columns_[i].empty() ||
              std::find(columns_.begin(), columns_.begin() + long(i), columns_[i]) == columns_.begin() + long(i),
          "{}: line {}: column '{}' is named twice", path, line_, columns_[i]);
  for (const std::string& field : options.fields) wanted_.push_back(column_of(field));
}

// Spreadsheets of half of Europe separate by semicolons, and some write "sep=;" in front.
void CsvRows::read_header() {
  const char by_name = separator_;
  bool found = next_record();
  if (found && text_.starts_with("sep=") && text_.size() > 4 && at_line_end(5)) {
    separator_ = text_[4];
    found = next_record();
  }
  check(found, "{}: no header; the first line must name the columns", lines_.path());
  if (cells_.size() == 1 && separator_ == by_name && by_name == ',')
    for (const char other : {';', '\t'})
      if (cells_.size() == 1 && cells_[0].find(other) != std::string::npos) {
        separator_ = other;
        split_record();
      }
  columns_ = cells_;
}

int CsvRows::column_of(const std::string& name) const {
  if (name.empty()) return -1;
  const auto exact = std::find(columns_.begin(), columns_.end(), name);
  if (exact != columns_.end()) return int(exact - columns_.begin());
  int found = -1;
  for (size_t i = 0; i < columns_.size(); ++i)
    if (trimmed(columns_[i]) == name) found = found < 0 ? int(i) : found;
  return found;
}

// text_ keeps its line ends, since a quoted field may hold them.
bool CsvRows::at_line_end(size_t at) const {
  return at == text_.size() || text_[at] == lines_.line_end() ||
         (text_[at] == '\r' && (at + 1 == text_.size() || text_[at + 1] == '\n'));
}

std::string CsvRows::keys() const {
  return fmt::format("{}", fmt::join(columns_, ", "));
}

bool CsvRows::read_line() {
  if (!lines_.next(text_)) return false;
  if (lines_.terminated()) text_ += lines_.line_end();
  return true;
}

size_t CsvRows::take_quoted(size_t at, std::string& out) {
  const int64_t opened = lines_.line();
  ++at;
  for (;;) {
    const size_t quote = text_.find('"', at);
    out.append(text_, at, quote == std::string::npos ? quote : quote - at);
    check(out.size() <= LineReader::kMaxLine, "{}: line {}: a quoted field of more than 64 MiB; is a quote not closed?",
          lines_.path(), opened);
    if (quote == std::string::npos) {
      check(read_line(),
            "{}: line {}: a quote opens a field here and is never closed (--quote-none takes quotes as they are)",
            lines_.path(), opened);
      at = 0;
      continue;
    }
    at = quote + 1;
    if (at < text_.size() && text_[at] == '"') {
      out += '"';
      ++at;
      continue;
    }
    check(at_line_end(at) || text_[at] == separator_,
          "{}: line {}: text after the closing quote of a field; a quote inside a quoted field must be doubled "
          "(--quote-none takes "
          "quotes as they are)",
          lines_.path(), lines_.line());
    return at;
  }
}

bool CsvRows::next_record() {
  do {
    if (!read_line()) return false;
  } while (at_line_end(0));
  line_ = lines_.line();
  split_record();
  return true;
}

void CsvRows::split_record() {
  cells_.clear();
  for (size_t at = 0;; ++at) {
    std::string& cell = cells_.emplace_back();
    if (quotes_ && at < text_.size() && text_[at] == '"') {
      at = take_quoted(at, cell);
    } else {
      const size_t from = at;
      while (!at_line_end(at) && text_[at] != separator_) ++at;
      cell.assign(text_, from, at - from);
    }
    if (at_line_end(at)) return;
  }
}

bool CsvRows::next(std::vector<Field>& row) {
  const auto empty = [](const std::string& cell) { return cell.empty(); };
  // Spreadsheets write rows of commas below a table, and empty columns beside it.
  do {
    if (!next_record()) return false;
  } while (columns_.size() > 1 && cells_.size() > 1 && std::all_of(cells_.begin(), cells_.end(), empty));
  while (cells_.size() > columns_.size() && cells_.back().empty()) cells_.pop_back();
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
