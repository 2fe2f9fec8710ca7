#include "report/overlap_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "data/select/overlap/overlap_text.h"
#include "data/select/overlap/published_overlap.h"
#include "kernels/base/human.h"
#include "report/frame.h"
#include "report/html_table.h"

namespace encore {
namespace {

constexpr const char* kTitleStart = "Overlap of ";
constexpr size_t kMostInNarrow = 7;   // corpora; in a narrow window the digits of more would be too small
constexpr size_t kMostFrequent = 15;  // words of a corpus that are listed

// The first letter in upper case: titles are written for the middle of a line too.
std::string heading(std::string text) {
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') text[0] = char(text[0] - 'a' + 'A');
  return text;
}

std::string matrix_table(const HeatMap& map) {
  std::vector<HtmlTable::Column> columns{{""}};
  for (const std::string& name : map.names) columns.push_back({name, true});
  HtmlTable table(columns);
  for (size_t a = 0; a < map.names.size(); ++a) {
    std::vector<std::string> cells{breakable(map.names[a])};
    for (const double percent : map.percent[a]) cells.push_back(fmt::format("{:.1f}", percent));
    table.add(cells);
  }
  return table.html();
}

// A table in its place where the window is narrow and the squares would be too small.
std::string matrix_card(const HeatMap& map) {
  const std::string svg = heat_map_svg(map);
  const std::string drawn =
      map.names.size() <= kMostInNarrow
          ? svg
          : R"x(<div class="roomy">)x" + svg + R"x(</div><div class="narrow">)x" + matrix_table(map) + "</div>";
  return fmt::format(R"x(<div class="card"><h3>{}</h3>{}</div>)x", html(map.title), drawn);
}

HeatMap published_map(const Overlap& overlap, const std::vector<size_t>& known) {
  HeatMap map{.title = heading(fmt::format("{}, %", kPublishedOverlap))};
  for (const size_t a : known) {
    map.names.push_back(overlap.corpora[a].name);
    map.percent.emplace_back();
    for (const size_t b : known)
      map.percent.back().push_back(*published_overlap(overlap.corpora[a].name, overlap.corpora[b].name));
  }
  return map;
}

std::string figure(double value) {
  return std::isfinite(value) ? fmt::format("{:.3f}", value) : "–";
}

std::string corpora_card(const Overlap& overlap) {
  const bool model = !overlap.model.empty();
  std::vector<HtmlTable::Column> columns{{"corpus"}, {"documents", true}, {"words", true}, {"types", true}};
  if (model)
    for (const char* name : {"masked-LM loss, nats", "targets", "tokens a word"}) columns.push_back({name, true});
  HtmlTable table(columns);
  for (const CorpusVocabulary& c : overlap.corpora) {
    std::vector<std::string> cells{breakable(c.name), with_commas(c.counts.documents), with_commas(c.counts.tokens),
                                   with_commas(c.counts.types)};
    if (model && c.model)
      for (const std::string& cell :
           {figure(c.model->loss), with_commas(c.model->targets), figure(c.model->tokens_per_word())})
        cells.push_back(cell);
    table.add(cells);
  }
  std::string notes;
  for (const std::string& note : overlap_notes(overlap))
    notes += fmt::format(R"x(<p class="sub">{}</p>)x", html(heading(note)));
  return fmt::format(R"x(<h2>Corpora</h2><div class="card">{}{}</div>)x", table.html(), notes);
}

std::string frequent_words(const Overlap& overlap) {
  HtmlTable table({{"corpus"}, {"most frequent words"}});
  for (const CorpusVocabulary& c : overlap.corpora) {
    std::string words;
    for (size_t i = 0; i < std::min(kMostFrequent, c.counts.words.size()); ++i)
      words += (i ? ", " : "") + breakable(c.counts.words[i].word);
    table.add({breakable(c.name), words});
  }
  return "<h2>Words</h2><div class=\"card\">" + table.html() + "</div>";
}

}  // namespace

HeatMap overlap_heat_map(const Overlap& overlap) {
  HeatMap map{.title = heading(overlap_title(overlap)), .percent = overlap.percent};
  for (const CorpusVocabulary& c : overlap.corpora) map.names.push_back(c.name);
  return map;
}

std::string overlap_page(const Overlap& overlap) {
  std::string names;
  for (const CorpusVocabulary& c : overlap.corpora) names += (names.empty() ? "" : ", ") + c.name;
  std::string body = R"x(<div class="columns">)x" + matrix_card(overlap_heat_map(overlap));
  if (const auto known = published_corpora(overlap); !known.empty()) body += matrix_card(published_map(overlap, known));
  body += "</div>" + corpora_card(overlap) + frequent_words(overlap);
  const std::string subtitle =
      "domain_overlap · " + names + (overlap.model.empty() ? "" : " · loss and tokens of " + overlap.model);
  return page_frame(kTitleStart + names, "Overlap of vocabularies", subtitle, body, nlohmann::json::object());
}

bool is_overlap_page(const std::string& start) {
  return is_page(start) && start.find(fmt::format("<title>{}", kTitleStart)) != start.npos;
}

}  // namespace encore
