#include "report/html_table.h"

#include <fmt/format.h>

#include <string_view>
#include <utility>

#include "kernels/base/check.h"
#include "report/chart.h"

namespace encore {

std::string breakable(const std::string& text) {
  constexpr int kLongest = 36;
  std::string out;
  int letters = 0;  // since the last place to wrap
  for (size_t i = 0; i < text.size(); ++i) {
    const bool inside = (uint8_t(text[i]) & 0xc0) == 0x80;  // of a character of several bytes
    if (!inside && ++letters > kLongest) out += "<wbr>", letters = 1;
    out += html(text.substr(i, 1));
    const bool separator = std::string_view("_/-.:=,").find(text[i]) != std::string_view::npos;
    if (separator && i + 2 < text.size()) out += "<wbr>";
    if (separator || text[i] == ' ') letters = 0;
  }
  return out;
}

HtmlTable::HtmlTable(std::vector<Column> columns) : columns_(std::move(columns)) {}

void HtmlTable::add(const std::vector<std::string>& cells) {
  check(cells.size() == columns_.size(), "a table of {} columns got a row of {}", columns_.size(), cells.size());
  rows_ += "<tr>";
  for (size_t i = 0; i < cells.size(); ++i)
    rows_ += fmt::format("<td{} data-label=\"{}\">{}</td>", columns_[i].number ? " class=\"n\"" : "",
                         encore::html(columns_[i].heading), cells[i].empty() ? "" : "<span>" + cells[i] + "</span>");
  rows_ += "</tr>";
}

std::string HtmlTable::html() const {
  std::string head;
  for (const Column& c : columns_)
    head += fmt::format("<th{}>{}</th>", c.number ? " class=\"n\"" : "", breakable(c.heading));
  return "<table class=\"stack\"><thead><tr>" + head + "</tr></thead><tbody>" + rows_ + "</tbody></table>";
}

}  // namespace encore
