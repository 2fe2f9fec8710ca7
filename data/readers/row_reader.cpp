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
            "{}: line {}: a document of more than 1 GiB; are its documents separated by blank lines?", lines_.path(),
            line_);
    }
    return found;
  }

  LineReader lines_;
  RowOptions options_;
  std::string text_, buffer_;
  int64_t line_ = 0;
};

std::string_view without_packing(std::string_view path) {
  for (std::string_view ending : {".gz", ".zst"})
    if (path.ends_with(ending)) return path.substr(0, path.size() - ending.size());
  return path;
}

}  // namespace

LineReader::LineReader(const std::string& path) : path_(path), stream_(open_byte_stream(path)), buffer_(kReadBuffer) {
  if (!refill()) fail("{}: the file is empty; remove it from the list", path_);
  // The mark may arrive in pieces from an archive.
  while (end_ < 3 && end_ > 0) {
    const size_t n = stream_->read(buffer_.data() + end_, buffer_.size() - end_);
    if (n == 0) break;
    end_ += n;
  }
  if (end_ >= 3 && std::memcmp(buffer_.data(), "\xef\xbb\xbf", 3) == 0) begin_ = next_offset_ = 3;
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
    const char* newline = static_cast<const char*>(std::memchr(from, '\n', end_ - begin_));
    const size_t n = newline ? size_t(newline - from) : end_ - begin_;
    line.append(from, n);
    begin_ += n + (newline != nullptr);
    next_offset_ += n + (newline != nullptr);
    ended_ = newline != nullptr;
    check(line.size() <= kMaxLine,
          "{}: line {}: longer than 1 GiB; is this a text file of the kind that its name says?", path_, line_ + 1);
  }
  if (next_offset_ == offset_) return false;
  ++line_;
  check_utf8(line);
  return true;
}

void LineReader::check_utf8(const std::string& line) const {
  if (simdjson::validate_utf8(line.data(), line.size())) return;
  size_t bad = 0;
  valid_utf8(line, &bad);
  const char* encoding = line.starts_with("\xff\xfe") || line.starts_with("\xfe\xff") ? "UTF-16" : "LATIN1";
  fail("{}: line {}, byte {}: not UTF-8 (byte 0x{:02x}); convert the file, e.g. with 'iconv -f {} -t UTF-8'", path_,
       line_, offset_ + bad, unsigned(static_cast<unsigned char>(line[bad])), encoding);
}

FileKind file_kind(const std::string& path) {
  const std::string_view name = without_packing(path);
  if (name.ends_with(".txt")) return FileKind::kText;
  if (name.ends_with(".jsonl") || name.ends_with(".json") || name.ends_with(".ndjson")) return FileKind::kJsonl;
  if (name.ends_with(".csv")) return FileKind::kCsv;
  if (name.ends_with(".tsv")) return FileKind::kTsv;
  fail(
      "{}: unknown kind of file; its name must end in .txt, .jsonl, .json, .ndjson, .csv or .tsv, optionally .gz or "
      ".zst after it",
      path);
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
