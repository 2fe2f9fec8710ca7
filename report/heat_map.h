// A matrix of percentages as squares in the colour of their value: SVG for a page, or a file of its own.
#pragma once

#include <string>
#include <vector>

namespace encore {

struct HeatMap {
  std::string title;
  std::vector<std::string> names;            // of rows and columns
  std::vector<std::vector<double>> percent;  // [row][column], 0 to 100
};

// <svg class="heat">...</svg> in the colours of the page (report/style.h).
std::string heat_map_svg(const HeatMap&);
// The whole file, with the same colours, dark where the viewer prefers that, and the title above the matrix.
std::string heat_map_file(const HeatMap&);

// Whether a file that begins like this is one of heat_map_file's.
bool is_heat_map_file(const std::string& start);

}  // namespace encore
