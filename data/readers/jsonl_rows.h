// RowReader for a JSON object a line (data/readers/row_reader.h).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "data/readers/row_reader.h"

namespace encore {

class JsonlRows final : public RowReader {
 public:
  JsonlRows(const std::string& path, const RowOptions&);
  ~JsonlRows() override;

  bool next(std::vector<Field>& row) override;
  int64_t line() const override { return lines_.line(); }
  std::string keys() const override;
  const ByteStream& stream() const override { return lines_.stream(); }

 private:
  struct Parser;
  void parse(std::vector<Field>& row);

  LineReader lines_;
  std::vector<std::string> wanted_;
  std::string text_;
  std::unique_ptr<Parser> parser_;
};

}  // namespace encore
