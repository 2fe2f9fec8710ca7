// Rows of a text, jsonl, csv or tsv file, one at a time, in bounded memory.
//
// The ending of the name, before an optional .gz or .zst, decides the kind:
//   .txt                     a row is a line, or on request the lines up to a blank one; its one field is "text"
//   .jsonl .json .ndjson     a line is a JSON object; blank lines are skipped
//   .csv .tsv                RFC 4180 (quotes, newlines inside quotes, CRLF); separated by commas or tabs; the first
//                            record names the columns; blank lines, and records of empty fields alone, are skipped
// Byte order marks at the start are skipped. Every byte is checked to be UTF-8. Lines end with "\n"; where the first
// 256 KiB hold "\r" and no "\n", with "\r".
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "data/readers/byte_stream.h"
#include "data/readers/file_kinds.h"

namespace encore {

// Lines of a stream without their end; counts lines from 1 and bytes from 0.
class LineReader {
 public:
  // Each byte of a line takes about 15 bytes until it is tokenized.
  static constexpr size_t kMaxLine = size_t(64) << 20;

  explicit LineReader(const std::string& path);
  // False at the end. Throws Error naming file, line and byte for text that is not UTF-8 and for a line over 64 MiB.
  bool next(std::string& line);
  int64_t line() const { return line_; }      // number of the line that next() gave last
  bool terminated() const { return ended_; }  // true if a line end followed it
  char line_end() const { return line_end_; }
  const std::string& path() const { return path_; }
  const ByteStream& stream() const { return *stream_; }

 private:
  bool refill();
  void check_utf8(const std::string& line);

  std::string path_;
  std::unique_ptr<ByteStream> stream_;
  std::vector<char> buffer_;
  size_t begin_ = 0, end_ = 0;
  int64_t line_ = 0;
  uint64_t offset_ = 0, next_offset_ = 0;
  bool ended_ = false;
  char line_end_ = '\n';
  bool utf8_seen_ = false;  // letters beyond ASCII in the lines so far
};

struct Field {
  enum Kind { kMissing, kString, kNumber, kBool, kNull, kNested };
  Kind kind = kMissing;
  std::string text;  // a string's characters; the JSON text of a number, true, false, null; "[...]" or "{...}"
  std::string json;  // the value as it stands in a jsonl file; empty for other files
};

class RowReader {
 public:
  virtual ~RowReader() = default;
  // Fills in the fields of RowOptions, in their order, from the next row; false at the end. Throws Error naming file
  // and line.
  virtual bool next(std::vector<Field>& row) = 0;
  virtual int64_t line() const = 0;  // first line of the row that next() gave last
  // The keys of the row, or the columns of the file, joined for messages.
  virtual std::string keys() const = 0;
  virtual const ByteStream& stream() const = 0;
};

struct RowOptions {
  std::vector<std::string> fields;
  bool blank_line_documents = false;  // txt
  bool quote_none = false;            // csv, tsv: quotes are ordinary characters
};

// csv, tsv: throws Error for a file without a header. txt: every wanted field but "text" is kMissing.
std::unique_ptr<RowReader> open_rows(const std::string& path, const RowOptions&);

}  // namespace encore
