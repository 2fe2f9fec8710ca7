#include "data/readers/row_reader.h"

#include <simdjson.h>

#include <algorithm>
#include <cstring>

#include "data/readers/csv_rows.h"
#include "data/readers/jsonl_rows.h"
#include "kernels/base/check.h"
#include "kernels/base/utf8.h"

namespace encore {
namespace {

constexpr size_t kReadBuffer = size_t(1) << 18;

void strip_carriage_return(std::string& line) {
  if (line.ends_with('\r')) line.pop_back();
}

bool blank(std::string_view line) {
  return line.find_first_not_of(" \t\r\v\f") == std::string_view::npos;
}

class TextRows final : public RowReader {
 public:
  TextRows(const std::string& path, const RowOptions& options) : lines_(path), options_(options) {}

  bool next(std::vector<Field>& row) override {
    row.resize(options_.fields.size());
    text_.clear();
    if (options_.blank_line_documents ? !next_block() : !next_line()) return false;
    for (size_t i = 0; i < row.size(); ++i) {
      row[i].kind = options_.fields[i] == "text" ? Field::kString : Field::kMissing;
      row[i].text = row[i].kind == Field::kString ? text_ : std::string();
    }
    return true;
  }
  int64_t line() const override { return line_; }
  std::string keys() const override { return "text"; }
  const ByteStream& stream() const override { return lines_.stream(); }

 private:
  bool next_line() {
    if (!lines_.next(text_)) return false;
    strip_carriage_return(text_);
    line_ = lines_.line();
    return true;
  }
  bool next_block() {
    bool found = false;
    while (lines_.next(buffer_)) {
      if (blank(buffer_)) {
        if (found) return true;
        continue;
      }
      strip_carriage_return(buffer_);
      if (found) text_ += '\n';
      if (!found) line_ = lines_.line();
      found = true;
      text_ += buffer_;
      check(text_.size() <= LineReader::kMaxLine,
            "{}: line {}: a document of more than 64 MiB; are its documents separated by blank lines?", lines_.path(),
            line_);
    }
    return found;
  }

  LineReader lines_;
  RowOptions options_;
  std::string text_, buffer_;
  int64_t line_ = 0;
};

}  // namespace

LineReader::LineReader(const std::string& path) : path_(path), stream_(open_byte_stream(path)), buffer_(kReadBuffer) {
  // The start of the text decides what it is; it may arrive in pieces from an archive.
  while (end_ < buffer_.size()) {
    const size_t n = stream_->read(buffer_.data() + end_, buffer_.size() - end_);
    if (n == 0) break;
    end_ += n;
  }
  if (end_ == 0) fail("{}: the file is empty; remove it from the list", path_);
  const std::string_view head(buffer_.data(), end_);
  if (const std::string foreign = foreign_content(head.substr(0, 4096)); !foreign.empty())
    fail("{}: line 1, byte 0: not UTF-8 text, but {}", path_, foreign);
  while (head.substr(begin_).starts_with("\xef\xbb\xbf")) begin_ += 3;
  next_offset_ = begin_;
  if (head.find('\n') == std::string_view::npos && head.find('\r') != std::string_view::npos) line_end_ = '\r';
}

bool LineReader::refill() {
  begin_ = 0;
  end_ = stream_->read(buffer_.data(), buffer_.size());
  return end_ > 0;
}

bool LineReader::next(std::string& line) {
  line.clear();
  offset_ = next_offset_;
  ended_ = false;
  while (!ended_) {
    if (begin_ == end_ && !refill()) break;
    const char* from = buffer_.data() + begin_;
    const char* newline = static_cast<const char*>(std::memchr(from, line_end_, end_ - begin_));
    const size_t n = newline ? size_t(newline - from) : end_ - begin_;
    line.append(from, n);
    begin_ += n + (newline != nullptr);
    next_offset_ += n + (newline != nullptr);
    ended_ = newline != nullptr;
    check(line.size() <= kMaxLine,
          "{}: line {}: longer than 64 MiB; cut it into documents (is it a file of the kind that its name says?)",
          path_, line_ + 1);
  }
  // DOS ends a text with Ctrl-Z.
  if (next_offset_ == offset_ || (!ended_ && line == "\x1a")) return false;
  ++line_;
  check_utf8(line);
  return true;
}

void LineReader::check_utf8(const std::string& line) {
  size_t bad = 0;
  const bool good = simdjson::validate_utf8(line.data(), line.size());
  if (!good) valid_utf8(line, &bad);
  const auto high = [](char c) { return static_cast<unsigned char>(c) >= 0x80; };
  // Only the first such letter of a file is looked for.
  if (!utf8_seen_) utf8_seen_ = std::any_of(line.begin(), good ? line.end() : line.begin() + long(bad), high);
  if (good) return;
  fail("{}: line {}, byte {}: not UTF-8 (byte 0x{:02x}); {}", path_, line_, offset_ + bad,
       unsigned(static_cast<unsigned char>(line[bad])), encoding_advice(line, bad, utf8_seen_));
}

std::unique_ptr<RowReader> open_rows(const std::string& path, const RowOptions& options) {
  switch (file_kind(path)) {
    case FileKind::kText: return std::make_unique<TextRows>(path, options);
    case FileKind::kJsonl: return std::make_unique<JsonlRows>(path, options);
    case FileKind::kCsv: return std::make_unique<CsvRows>(path, options, ',');
    case FileKind::kTsv: break;
  }
  return std::make_unique<CsvRows>(path, options, '\t');
}

}  // namespace encore
