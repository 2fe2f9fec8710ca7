#include "report/heat_map.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "kernels/base/utf8.h"
#include "report/chart.h"

namespace encore {
namespace {

constexpr int kCell = 74, kGap = 2, kLetterHeight = 17;
constexpr double kLetter = 9.6;      // width of most letters at that height
constexpr size_t kMostLetters = 24;  // of a name; the whole name is shown under the pointer
constexpr const char* kFileStart = "<svg xmlns=\"http://www.w3.org/2000/svg\" data-program=\"domain_overlap\"";
// As report/style.h has it for a page.
constexpr const char* kFileStyle = R"css(
svg{color-scheme:light dark;--card:#fff;--ink:#1c2330;--soft:#5d6778;--c0:#2f6fde}
@media(prefers-color-scheme:dark){svg{--card:#1c2129;--ink:#e6e9ef;--soft:#98a2b3;--c0:#78a9ff}}
text{font:17px system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;fill:var(--soft);
font-variant-numeric:tabular-nums}.page{fill:var(--card)}g rect{fill:var(--c0)}text.on{fill:var(--card)}
text.mid{fill:#1c2330}text.off,text.title{fill:var(--ink)}text.title{font-size:15px;font-weight:600}
)css";

// At most kMostLetters letters of the name, and the width of these. Letters from U+1100 on count as wide.
struct Label {
  explicit Label(const std::string& name) {
    size_t letters = 0;
    for (size_t at = 0; at < name.size(); ++letters) {
      if (letters == kMostLetters) {
        text += "…";
        break;
      }
      const CodePoint c = decode_utf8(name, at);
      width += kLetter * (c.value >= 0x1100 ? 1.8 : 1.0);
      text.append(name, at, c.size);
      at += c.size;
    }
  }
  std::string text;
  double width = 0;
};

struct Layout {
  explicit Layout(const HeatMap& map) {
    double widest = 0;
    for (const std::string& name : map.names) {
      labels.emplace_back(name);
      widest = std::max(widest, labels.back().width);
    }
    upright = widest > kCell;
    left = int(widest) + 14;
    top = upright ? int(widest) + 14 : 30;
    side = kCell * int(map.names.size());
  }
  int width() const { return left + side + 4; }
  int height() const { return top + side + 4; }

  std::vector<Label> labels;
  bool upright = false;  // the names of columns, where they are wider than a column
  int left = 0, top = 0, side = 0;
};

void draw_names(std::string& svg, const HeatMap& map, const Layout& layout) {
  const auto out = std::back_inserter(svg);
  for (size_t i = 0; i < map.names.size(); ++i) {
    const int middle = kCell * int(i) + kCell / 2;
    const std::string label = fmt::format("<title>{}</title>{}", html(map.names[i]), html(layout.labels[i].text));
    const int x = layout.left + middle;
    if (layout.upright)
      fmt::format_to(out, R"x(<text transform="translate({} {}) rotate(-90)">{}</text>)x", x + 6, layout.top - 8,
                     label);
    else
      fmt::format_to(out, R"x(<text x="{}" y="{}" text-anchor="middle">{}</text>)x", x, layout.top - 10, label);
    fmt::format_to(out, R"x(<text x="{}" y="{}" text-anchor="end">{}</text>)x", layout.left - 8,
                   layout.top + middle + 6, label);
  }
}

// Digits that can be read on the square. On a middling blue, dark ones are better by day and by night.
const char* look_of(double percent) {
  return percent > 80 ? "on" : percent > 55 ? "mid" : "off";
}

void draw_cells(std::string& svg, const HeatMap& map, const Layout& layout) {
  for (size_t row = 0; row < map.names.size(); ++row)
    for (size_t column = 0; column < map.names.size(); ++column) {
      const double percent = map.percent[row][column];
      const int x = layout.left + kCell * int(column), y = layout.top + kCell * int(row);
      fmt::format_to(
          std::back_inserter(svg),
          R"x(<g><title>{} and {}: {:.2f} %</title><rect x="{}" y="{}" width="{}" height="{}" rx="4" style="fill-opacity:{:.3f}"/>)x"
          R"x(<text class="{}" x="{}" y="{}" text-anchor="middle">{:.1f}</text></g>)x",
          html(map.names[row]), html(map.names[column]), percent, x, y, kCell - kGap, kCell - kGap,
          0.06 + 0.94 * percent / 100, look_of(percent), x + kCell / 2, y + kCell / 2 + 6, percent);
    }
}

// What is inside of the svg element.
std::string drawn(const HeatMap& map, const Layout& layout) {
  std::string svg;
  draw_names(svg, map, layout);
  draw_cells(svg, map, layout);
  return svg;
}

// The title in lines of at most this width, in letters of 15 px.
std::vector<std::string> wrapped(const std::string& title, int width) {
  const size_t most = size_t(double(width) / 8.6);
  std::vector<std::string> lines{""};
  for (size_t at = 0; at < title.size();) {
    const size_t blank = std::min(title.find(' ', at), title.size());
    const std::string word = title.substr(at, blank - at);
    if (!lines.back().empty() && lines.back().size() + 1 + word.size() > most) lines.emplace_back();
    lines.back() += (lines.back().empty() ? "" : " ") + word;
    at = blank + 1;
  }
  return lines;
}

}  // namespace

std::string heat_map_svg(const HeatMap& map) {
  const Layout layout(map);
  return fmt::format(
      R"x(<svg class="heat" style="max-width:{}px" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>)x",
      layout.width(), layout.width(), layout.height(), html(map.title), drawn(map, layout));
}

std::string heat_map_file(const HeatMap& map) {
  constexpr int kMargin = 14, kLine = 20, kLeast = 420;
  const Layout layout(map);
  const int inner = std::max(layout.width(), kLeast);
  const std::vector<std::string> lines = wrapped(map.title, inner);
  const int title = kLine * int(lines.size()), width = inner + 2 * kMargin,
            height = layout.height() + title + 3 * kMargin;
  std::string heading;
  for (size_t i = 0; i < lines.size(); ++i)
    heading += fmt::format(R"x(<text class="title" x="{}" y="{}">{}</text>)x", kMargin,
                           kMargin + kLine * int(i + 1) - 5, html(lines[i]));
  return fmt::format(R"x({} viewBox="0 0 {} {}" width="{}" height="{}" role="img" aria-label="{}"><style>{}</style>)x"
                     R"x(<rect class="page" width="{}" height="{}"/>{}<g transform="translate({} {})">{}</g></svg>)x"
                     "\n",
                     kFileStart, width, height, width, height, html(map.title), kFileStyle, width, height, heading,
                     kMargin, title + 2 * kMargin, drawn(map, layout));
}

bool is_heat_map_file(const std::string& start) {
  return start.starts_with(kFileStart);
}

}  // namespace encore
