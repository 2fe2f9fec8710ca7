#include "report/frame.h"

#include <fmt/format.h>

#include "report/html_table.h"
#include "report/style.h"

namespace encore {
namespace {

std::string legend(const Chart& chart) {
  std::string out = R"x(<div class="legend">)x";
  for (const ChartLine& line : chart.lines) {
    if (line.legend == " ") continue;
    const char* look = line.look == ChartLine::Look::kFaint  ? " faint"
                       : line.look == ChartLine::Look::kDots ? " dots"
                                                             : "";
    out += fmt::format(
        R"x(<span class="key"><span class="swatch{}" style="background:var(--c{})"></span><span>{}</span></span>)x",
        look, line.colour % 8, breakable(line.legend.empty() ? line.name : line.legend));
  }
  return out + "</div>";
}

// JSON inside a script element, where "</script>" must not occur.
std::string in_script(const nlohmann::json& json) {
  std::string out;
  for (const char c : json.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace))
    out += c == '<' ? "\\u003c" : std::string(1, c);
  return out;
}

}  // namespace

std::string tile(const std::string& name, const std::string& value, const std::string& note) {
  return fmt::format(R"x(<div class="card tile"><div class="name">{}</div><div class="value">{}</div>)x"
                     R"x(<div class="note">{}</div></div>)x",
                     html(name), value, html(note));
}

std::string chart_card(const Chart& chart, const std::string& id, bool wide, nlohmann::json& data) {
  const DrawnChart drawn = draw_chart(chart, id);
  data[id] = drawn.data;
  std::string svg = drawn.svg;
  if (wide) {
    // In a narrow window the wide drawing's letters would be too small to read.
    Chart narrow = chart;
    narrow.width = 400;
    narrow.height = 320;
    const DrawnChart second = draw_chart(narrow, id + "-narrow");
    data[id + "-narrow"] = second.data;
    svg = "<div class=\"roomy\">" + svg + "</div><div class=\"narrow\">" + second.svg + "</div>";
  }
  return fmt::format(R"x(<div class="card chart{}"><h3>{}</h3>{}{}<div class="tip"></div></div>)x", wide ? " wide" : "",
                     html(chart.title), wide ? legend(chart) : "", svg);
}

std::string page_frame(const std::string& title, const std::string& heading, const std::string& subtitle,
                       const std::string& body, const nlohmann::json& data) {
  return fmt::format(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width,initial-scale=1\"><meta name=\"generator\" "
      "content=\"Encore\"><title>{}</title><style>{}</style></head><body><main>\n"
      "<h1>{}</h1><p class=\"sub\">{}</p>\n{}\n</main>\n<script id=\"data\" type=\"application/json\">{}</script>\n"
      "<script>{}</script></body></html>\n",
      html(title), kReportStyle, breakable(heading), breakable(subtitle), body, in_script(data), kReportScript);
}

bool is_page(const std::string& start) {
  // Earlier versions named no generator.
  return start.starts_with("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">") &&
         (start.find("<meta name=\"generator\" content=\"Encore\">") != start.npos ||
          start.find(std::string_view(kReportStyle).substr(0, 30)) != start.npos);
}

}  // namespace encore
