#include "report/chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>

#include "kernels/base/human.h"

namespace encore {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kLeft = 64, kRight = 14, kTop = 34, kBottom = 52;

struct Axis {
  double from = kInfinity, to = -kInfinity;  // values at the two ends
  double at_from = 0, at_to = 0;             // pixels
  bool logarithmic = false;

  void include(double v) {
    if (!drawable(v)) return;
    from = std::min(from, v);
    to = std::max(to, v);
  }
  double scaled(double v) const { return logarithmic ? std::log10(v) : v; }
  double pixel(double v) const {
    return at_from + (scaled(v) - scaled(from)) / (scaled(to) - scaled(from)) * (at_to - at_from);
  }
  // Differences of larger numbers would not be finite.
  bool drawable(double v) const { return std::abs(v) < 1e300 && (!logarithmic || v > 0); }
};

std::vector<double> decades(const Axis& axis) {
  std::vector<double> ticks;
  const int first = int(std::floor(std::log10(axis.from))), last = int(std::ceil(std::log10(axis.to)));
  const bool few = last - first <= 3;
  const int every = std::max(1, (last - first) / 8);
  for (int e = first; e <= last; e += every)
    for (const double m : {1.0, 2.0, 5.0}) {
      const double v = m * std::pow(10.0, e);
      if ((m == 1 || few) && v >= axis.from * 0.999 && v <= axis.to * 1.001) ticks.push_back(v);
    }
  return ticks;
}

// Round values, about `wanted` of them: steps of 1, 2 or 5 times a power of ten. None for an axis whose ends are not
// apart, or so close for their size that the steps between them round to nothing.
std::vector<double> round_ticks(const Axis& axis, int wanted, bool whole) {
  const double rough = (axis.to - axis.from) / std::max(1, wanted);
  const double decade = std::pow(10.0, std::floor(std::log10(rough)));
  double step = 10 * decade;
  for (const double m : {5.0, 2.0, 1.0})
    if (m * decade >= rough) step = m * decade;
  if (whole) step = std::max(1.0, step);
  std::vector<double> ticks;
  double tick = std::ceil(axis.from / step - 1e-9) * step;
  for (int n = 0; n < 3 * wanted + 10 && tick <= axis.to + 1e-9 * step; ++n) {
    ticks.push_back(tick);
    if (tick + step <= tick) return {};
    tick = (std::round(tick / step) + 1) * step;
  }
  return ticks;
}

// All but the lowest and highest hundredth: one outlier must not flatten the curve.
void include_most(const ChartLine& line, Axis& y) {
  for (const bool low : {true, false}) {
    std::vector<double> edge = line.least.empty() ? line.y : low ? line.least : line.most;
    if (edge.empty()) continue;
    std::sort(edge.begin(), edge.end());
    y.include(edge[size_t(double(edge.size() - 1) * (low ? 0.01 : 0.99) + 0.5)]);
  }
}

void pad(Axis& y, bool from_zero) {
  if (y.from > y.to) y.from = y.to = 1;
  if (y.logarithmic) {
    if (y.to / y.from < 1.5) y.from /= 1.3, y.to *= 1.3;
    return;
  }
  if (from_zero) y.from = std::min(0.0, y.from);
  const double span = y.to > y.from ? y.to - y.from : std::max(1e-9, 0.1 * std::abs(y.to));
  if (!from_zero) y.from -= 0.05 * span;
  y.to += 0.06 * span;
}

std::string path_of(const ChartLine& line, const Axis& x, const Axis& y) {
  std::string d;
  bool pen = false;
  for (size_t i = 0; i < line.x.size(); ++i) {
    if (!y.drawable(line.y[i])) {
      pen = false;
      continue;
    }
    fmt::format_to(std::back_inserter(d), "{}{:.1f} {:.1f}", pen ? "L" : "M", x.pixel(line.x[i]), y.pixel(line.y[i]));
    pen = true;
  }
  return d;
}

std::string band_of(const ChartLine& line, const Axis& x, const Axis& y) {
  std::string d;
  const auto corner = [&](size_t i, const std::vector<double>& edge) {
    if (!y.drawable(line.least[i]) || !y.drawable(line.most[i])) return;
    fmt::format_to(std::back_inserter(d), "{}{:.1f} {:.1f}", d.empty() ? "M" : "L", x.pixel(line.x[i]),
                   y.pixel(edge[i]));
  };
  for (size_t i = 0; i < line.least.size(); ++i) corner(i, line.most);
  for (size_t i = line.least.size(); i-- > 0;) corner(i, line.least);
  return d.empty() ? d : d + "Z";
}

void draw_axes(std::string& svg, const Chart& chart, const Axis& x, const Axis& y) {
  const auto out = std::back_inserter(svg);
  const double right = chart.width - kRight, bottom = chart.height - kBottom;
  for (const double v : y.logarithmic ? decades(y) : round_ticks(y, chart.height / 55, false)) {
    const double at = y.pixel(v);
    fmt::format_to(out, R"x(<line class="grid" x1="{:.0f}" x2="{:.0f}" y1="{:.1f}" y2="{:.1f}"/>)x", kLeft, right, at,
                   at);
    fmt::format_to(out, R"x(<text class="tick" x="{:.0f}" y="{:.1f}" text-anchor="end">{}</text>)x", kLeft - 8, at + 4,
                   short_number(std::abs(v) < 1e-12 ? 0 : v));
  }
  for (const double v : round_ticks(x, chart.width / 110, true))
    fmt::format_to(out, R"x(<text class="tick" x="{:.1f}" y="{:.0f}" text-anchor="middle">{}</text>)x", x.pixel(v),
                   bottom + 18, short_number(v));
  fmt::format_to(out, R"x(<text class="name" x="{:.0f}" y="16" text-anchor="start">{}</text>)x", 4.0,
                 html(chart.y_name));
  fmt::format_to(out, R"x(<text class="name" x="{:.0f}" y="{:.0f}" text-anchor="end">{}</text>)x", right, bottom + 42,
                 html(chart.x_name));
  fmt::format_to(out, R"x(<line class="axis" x1="{:.0f}" x2="{:.0f}" y1="{:.1f}" y2="{:.1f}"/>)x", kLeft, right, bottom,
                 bottom);
}

void draw_line(std::string& svg, const ChartLine& line, const Axis& x, const Axis& y) {
  const auto out = std::back_inserter(svg);
  const int colour = line.colour % 8;
  if (const std::string band = band_of(line, x, y); !band.empty())
    fmt::format_to(out, R"x(<path class="band" style="fill:var(--c{})" d="{}"/>)x", colour, band);
  const char* look = line.look == ChartLine::Look::kFaint  ? "faint"
                     : line.look == ChartLine::Look::kDots ? "dotted"
                                                           : "line";
  fmt::format_to(out, R"x(<path class="{}" style="stroke:var(--c{})" d="{}"/>)x", look, colour, path_of(line, x, y));
  if (line.look != ChartLine::Look::kDots || line.x.size() > 100) return;
  for (size_t i = 0; i < line.x.size(); ++i)
    if (y.drawable(line.y[i]))
      fmt::format_to(out, R"x(<circle r="3.2" style="fill:var(--c{})" cx="{:.1f}" cy="{:.1f}"/>)x", colour,
                     x.pixel(line.x[i]), y.pixel(line.y[i]));
}

nlohmann::json hover_data(const Chart& chart, const Axis& x, const Axis& y) {
  const auto rounded = [](const std::vector<double>& values) {
    nlohmann::json list = nlohmann::json::array();
    for (const double v : values)
      list.push_back(std::isfinite(v) ? nlohmann::json::parse(fmt::format("{:.5g}", v)) : nullptr);
    return list;
  };
  nlohmann::json lines = nlohmann::json::array();
  for (const ChartLine& line : chart.lines)
    if (line.hover && !line.x.empty())
      lines.push_back(
          {{"name", line.name}, {"colour", line.colour % 8}, {"x", rounded(line.x)}, {"y", rounded(line.y)}});
  return {{"w", chart.width},
          {"h", chart.height},
          {"x", {x.from, x.to, x.at_from, x.at_to}},
          {"y", {y.from, y.to, y.at_from, y.at_to}},
          {"log", y.logarithmic},
          {"xname", chart.x_name},
          {"lines", lines}};
}

}  // namespace

std::string html(const std::string& text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default: out += c;
    }
  }
  return out;
}

std::string with_decimals(double v) {
  return !std::isfinite(v) ? "–" : std::abs(v) < 1e6 ? fmt::format("{:.4f}", v) : fmt::format("{:.4g}", v);
}

std::string percent(double share, int decimals) {
  return share >= 0 && share <= 1 ? fmt::format("{:.{}f} %", 100 * share, decimals) : "–";
}

std::string short_number(double v) {
  if (!std::isfinite(v)) return "–";
  if (v == std::floor(v) && std::abs(v) < 1e15) return with_commas(int64_t(v));
  if (std::abs(v) >= 10000 && std::abs(v) < 1e15) return with_commas(std::llround(v));
  return fmt::format("{:.5g}", v);
}

DrawnChart draw_chart(const Chart& chart, const std::string& id) {
  Axis x{.at_from = kLeft, .at_to = chart.width - kRight};
  Axis y{.at_from = chart.height - kBottom, .at_to = kTop, .logarithmic = chart.logarithmic};
  for (const ChartLine& line : chart.lines) {
    for (const double v : line.x) x.include(v);
    if (line.look == ChartLine::Look::kFaint)
      include_most(line, y);
    else
      for (const double v : line.y) y.include(v);
  }
  if (x.from > x.to) x.from = 0, x.to = 1;
  if (x.from == x.to) {
    const double room = std::max(0.5, 1e-9 * std::abs(x.to));  // a half is nothing beside a very large number
    x.from -= room, x.to += room;
  }
  pad(y, chart.from_zero);

  std::string svg = fmt::format(
      R"x(<svg data-chart="{0}" viewBox="0 0 {1} {2}" role="img" aria-label="{3}"><clipPath id="clip-{0}"><rect x="{4}" y="{5}" width="{6}" height="{7}"/></clipPath>)x",
      html(id), chart.width, chart.height, html(chart.title), kLeft - 5, kTop - 4, chart.width - kLeft - kRight + 10,
      chart.height - kTop - kBottom + 8);
  draw_axes(svg, chart, x, y);
  svg += fmt::format(R"x(<g clip-path="url(#clip-{})">)x", html(id));
  for (const ChartLine& line : chart.lines) draw_line(svg, line, x, y);
  svg += R"x(</g><g class="hover"></g></svg>)x";
  return {.svg = svg, .data = hover_data(chart, x, y)};
}

}  // namespace encore
