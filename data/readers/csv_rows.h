// RowReader for csv and tsv (data/readers/row_reader.h).
#pragma once

#include <string>
#include <vector>

#include "data/readers/row_reader.h"

namespace encore {

class CsvRows final : public RowReader {
 public:
  CsvRows(const std::string& path, const RowOptions&, char separator);

  bool next(std::vector<Field>& row) override;
  int64_t line() const override { return line_; }
  std::string keys() const override;
  const ByteStream& stream() const override { return lines_.stream(); }

 private:
  bool next_record();
  void split_record();  // text_, and the lines that follow in a quoted field, into cells_
  void read_header();
  int column_of(const std::string& name) const;  // -1: none
  bool at_line_end(size_t at) const;
  // Reads the quoted field that starts at text_[at], over as many lines as it spans. Returns the place after it.
  size_t take_quoted(size_t at, std::string& out);
  bool read_line();

  LineReader lines_;
  char separator_;
  bool quotes_;
  std::vector<std::string> columns_;
  std::vector<int> wanted_;  // column of each wanted field, -1: none
  std::string text_;         // the current line
  std::vector<std::string> cells_;
  int64_t line_ = 0;
};

}  // namespace encore
