#include "report/tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>

#include "kernels/base/human.h"
#include "report/chart.h"
#include "report/html_table.h"

namespace encore {
namespace {

using Runs = std::vector<ReportedRun>;
using nlohmann::json;

constexpr const char* kEmptyCell = "<span class=\"none\">–</span>";

// With the colour of its curves.
std::string run_name(const std::string& name, size_t number) {
  return fmt::format(
      R"x(<span class="key"><span class="swatch" style="background:var(--c{})"></span><span>{}</span></span>)x",
      number % 8, breakable(name));
}

// A run's config.json also names its program, which is no flag.
std::string flag_name(const std::string& name) {
  return name == "program" ? name : fmt::format("<code>--{}</code>", html(name));
}

std::string value_text(const json& flags, const std::string& name) {
  if (!flags.contains(name)) return kEmptyCell;
  const json& value = flags[name];
  if (value.is_string()) return value.get<std::string>().empty() ? kEmptyCell : breakable(value.get<std::string>());
  if (value.is_array()) {
    std::string text;
    for (const json& v : value)
      text += (text.empty() ? "" : "<br>") + breakable(v.is_string() ? v.get<std::string>() : v.dump());
    return text.empty() ? kEmptyCell : text;
  }
  return value.is_number_float() ? fmt::format("{:g}", value.get<double>()) : breakable(value.dump());
}

std::set<std::string> flag_names(const std::vector<NamedFlags>& runs) {
  std::set<std::string> names;
  for (const NamedFlags& run : runs)
    for (const auto& [name, value] : run.flags.items()) names.insert(name);
  return names;
}

std::string ledger_row(const std::string& name, int64_t value, bool inner = false) {
  return fmt::format("<tr><td{}>{}</td><td class=\"n\">{}</td></tr>", inner ? " class=\"in\"" : "", name,
                     with_commas(value));
}

std::string ledger_table(const Ledger& ledger) {
  constexpr size_t kListed = 12;
  HtmlTable files({{"file"}, {"documents", true}, {"text", true}});
  for (size_t i = 0; i < ledger.files.size() && i < kListed; ++i)
    files.add({breakable(ledger.files[i].path), with_commas(ledger.files[i].documents),
               human_bytes(double(ledger.files[i].bytes))});
  std::string out = files.html();
  if (ledger.files.size() > kListed)
    out += fmt::format("<p class=\"sub\">and {} files more</p>", ledger.files.size() - kListed);
  out += "<table>";
  out += ledger_row("documents", ledger.documents_in) + ledger_row("to train on", ledger.documents_train, true) +
         ledger_row("held out", ledger.documents_held_out, true) + ledger_row("empty", ledger.documents_empty, true);
  out += ledger_row("tokens, without specials", ledger.tokens_in) +
         ledger_row("to train on", ledger.tokens_train, true) + ledger_row("held out", ledger.tokens_held_out, true) +
         ledger_row("dropped at --seq-length", ledger.tokens_truncated, true);
  if (ledger.tokens_repeated > 0) out += ledger_row("seen twice through --stride", ledger.tokens_repeated);
  out += ledger_row("&lt;s&gt; and &lt;/s&gt; added", ledger.specials_added) +
         ledger_row("sequences to train on", ledger.sequences_train) +
         ledger_row("examples to train on", ledger.examples_train);
  return out + "</table>";
}

}  // namespace

std::string before_and_after(const Runs& runs) {
  std::vector<HtmlTable::Column> columns{{"evaluation"},          {"step", true},     {"loss", true},
                                         {"perplexity", true},    {"accuracy", true}, {"tokens", true},
                                         {"time of steps", true}, {"tokens/s", true}};
  if (runs.size() > 1) columns.insert(columns.begin(), {"run"});
  HtmlTable table(columns);
  for (size_t i = 0; i < runs.size(); ++i) {
    const RunLog& log = runs[i].log;
    const std::pair<const char*, const std::optional<EvalPoint>*> points[] = {
        {"before", &log.first_eval}, {"best", &log.best_eval}, {"last", &log.last_eval}};
    for (const auto& [when, point] : points) {
      std::vector<std::string> cells;
      if (runs.size() > 1) cells.push_back(run_name(runs[i].name, i));
      cells.push_back(when);
      if (const EvalPoint* p = *point ? &**point : nullptr)
        cells.insert(cells.end(), {with_commas(p->step), with_decimals(p->loss),
                                   short_number(std::round(std::exp(p->loss) * 100) / 100), percent(p->accuracy, 2)});
      else
        cells.insert(cells.end(), 4, kEmptyCell);
      const double rate = log.seconds > 0 ? double(log.tokens) / log.seconds : 0;
      if (when == points[2].first)  // of the run as a whole
        cells.insert(cells.end(), {with_commas(log.tokens), human_time(log.seconds), short_number(std::round(rate))});
      else
        cells.insert(cells.end(), 3, "");
      table.add(cells);
    }
  }
  return "<h2>Before and after</h2><div class=\"card\">" + table.html() + "</div>";
}

std::vector<NamedFlags> named_flags(const Runs& runs) {
  std::vector<NamedFlags> flags;
  for (const ReportedRun& run : runs) flags.push_back({.name = run.name, .flags = run.flags, .defaults = run.defaults});
  return flags;
}

std::string differing_flags(const std::vector<NamedFlags>& runs) {
  // A column a run, or where these would not fit beside one another a row for each flag and run.
  constexpr size_t kMostColumns = 4;
  const bool wide = runs.size() <= kMostColumns;
  std::vector<HtmlTable::Column> columns{{"flag"}};
  for (size_t i = 0; wide && i < runs.size(); ++i) columns.push_back({runs[i].name});
  if (!wide) columns.insert(columns.end(), {{"run"}, {"value"}});
  HtmlTable table(columns);
  for (const std::string& name : flag_names(runs)) {
    if (name == "output") continue;
    std::vector<std::string> values;
    for (const NamedFlags& run : runs) values.push_back(value_text(run.flags, name));
    if (std::set<std::string>(values.begin(), values.end()).size() == 1) continue;
    if (wide) {
      values.insert(values.begin(), flag_name(name));
      table.add(values);
    }
    for (size_t i = 0; !wide && i < runs.size(); ++i)
      table.add({flag_name(name), run_name(runs[i].name, i), values[i]});
  }
  return "<h2>Flags that differ</h2><div class=\"card\">" +
         (table.empty() ? std::string("None but --output.") : table.html()) + "</div>";
}

std::string ledgers(const Runs& runs) {
  // Runs on the same text share a card.
  std::vector<std::pair<std::string, std::string>> cards;  // title, ledger
  const auto add = [&](const ReportedRun& run, const char* what, const std::optional<Ledger>& ledger) {
    if (!ledger) return;
    const std::string body = ledger_table(*ledger);
    const auto same = std::find_if(cards.begin(), cards.end(), [&](const auto& c) {
      return c.second == body && c.first.compare(0, std::strlen(what), what) == 0;
    });
    if (same == cards.end())
      cards.emplace_back(what + (runs.size() > 1 ? ": " + run.name : ""), body);
    else
      same->first += ", " + run.name;
  };
  std::string missing;
  for (const ReportedRun& run : runs) {
    add(run, "Training text", run.train);
    add(run, "Evaluation text", run.eval);
    if (!run.train)
      missing += fmt::format("<div class=\"card\">{}: no ledger.json in this run folder</div>", breakable(run.name));
  }
  std::string out = "<h2>Where the text went</h2><div class=\"columns\">";
  for (const auto& [title, body] : cards)
    out += fmt::format("<div class=\"card\"><h3>{}</h3>{}</div>", breakable(title), body);
  return out + missing + "</div>";
}

std::string flags_in_force(const std::vector<NamedFlags>& runs) {
  std::string out = "<h2>Flags in force</h2><div class=\"columns\">";
  for (const NamedFlags& run : runs) {
    HtmlTable changed({{"flag"}, {"value"}}), rest({{"flag"}, {"value"}});
    for (const auto& [name, value] : run.flags.items()) {
      const bool differs = !run.defaults.is_object() || !run.defaults.contains(name) || run.defaults[name] != value;
      (differs ? changed : rest).add({flag_name(name), value_text(run.flags, name)});
    }
    out += "<div class=\"card\">" + (runs.size() > 1 ? fmt::format("<h3>{}</h3>", breakable(run.name)) : "");
    out += changed.html();
    if (!rest.empty()) out += "<details><summary>Flags at their defaults</summary>" + rest.html() + "</details>";
    out += "</div>";
  }
  return out + "</div>";
}

}  // namespace encore
