// A chart as SVG, drawn in the page's own colours (var(--c0) ... of report_style.h), and the numbers under it for
// hover.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace encore {

// Text as it may stand in HTML, in quoted attributes too.
std::string html(const std::string& text);

struct ChartLine {
  enum class Look { kLine, kFaint, kDots };
  std::string name;
  int colour = 0;  // --cN, modulo the number of colours
  Look look = Look::kLine;
  std::vector<double> x, y;
  std::vector<double> least, most;  // a band around the line; empty: none
  bool hover = true;
  std::string legend;  // what the legend says instead of the name; " ": nothing
};

// The y axis holds every value of its lines, of kFaint ones (with their bands) all but the outermost hundredths.
struct Chart {
  std::string title;  // with the unit
  int width = 960, height = 340;
  std::string x_name = "step";
  bool logarithmic = false;
  bool from_zero = false;  // the y axis starts at 0
  std::vector<ChartLine> lines;
};

struct DrawnChart {
  std::string svg;      // <svg data-chart="ID">...</svg>
  nlohmann::json data;  // what report_style.h's script reads
};
// Lines whose values are not above 0 lose those points on a logarithmic axis.
DrawnChart draw_chart(const Chart&, const std::string& id);

// A number as the page prints it: five digits, no zeros at the end, thousands grouped.
std::string short_number(double);

}  // namespace encore
