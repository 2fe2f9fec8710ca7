// A chart as SVG in the colours of the page (var(--c0) ... of report/style.h), with its numbers as JSON for the script
// that shows the values under the pointer.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace encore {

// Escapes text for HTML, quoted attributes included.
std::string html(const std::string& text);

struct ChartLine {
  enum class Look { kLine, kFaint, kDots };
  std::string name;
  int colour = 0;  // --cN, modulo the number of colours
  Look look = Look::kLine;
  std::vector<double> x, y;
  std::vector<double> least, most;  // a band around the line; empty: none
  bool hover = true;
  std::string legend;  // text of the legend; "": the name; " ": no entry
};

// The y axis covers every value of its lines; of kFaint lines and their bands all but the lowest and highest hundredth.
struct Chart {
  std::string title;  // with the unit
  int width = 960, height = 340;
  std::string x_name = "step", y_name;  // y_name: with the unit; written above the axis
  bool logarithmic = false;
  bool from_zero = false;  // the y axis starts at 0
  std::vector<ChartLine> lines;
};

struct DrawnChart {
  std::string svg;      // <svg data-chart="ID">...</svg>
  nlohmann::json data;  // read by the script of report/style.h
};
// A logarithmic axis leaves out the points that are not above 0.
DrawnChart draw_chart(const Chart&, const std::string& id);

// A loss or a score with four decimals; one of a million or more with four digits.
std::string with_decimals(double);
std::string percent(double share, int decimals);  // "–" for what is no share
// A number for the page: five digits, no zeros at the end, thousands grouped.
std::string short_number(double);

}  // namespace encore
