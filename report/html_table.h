// A table of a report page. Where the window is narrow, each row becomes a block of lines "heading: value", so that
// nothing is cut off and nothing needs scrolling (report/style.h).
#pragma once

#include <string>
#include <vector>

namespace encore {

// Text for HTML that may wrap after "_", "/", "-", ".", ":", "=" and ",", but neither inside a word nor before a single
// last letter ("tokens/s"). A piece of more than 36 letters without any of these may wrap too, since nothing else would
// keep it on the page.
std::string breakable(const std::string& text);

class HtmlTable {
 public:
  struct Column {
    std::string heading;  // text
    bool number = false;  // aligned at the right
  };
  explicit HtmlTable(std::vector<Column>);

  // cells: HTML, one a column. The first names the row.
  void add(const std::vector<std::string>& cells);
  bool empty() const { return rows_.empty(); }
  std::string html() const;

 private:
  std::vector<Column> columns_;
  std::string rows_;
};

}  // namespace encore
