#include "report/tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>

#include "kernels/base/human.h"
#include "report/chart.h"

namespace encore {
namespace {

using Runs = std::vector<ReportedRun>;
using nlohmann::json;

constexpr const char* kEmptyCell = "<span class=\"none\">–</span>";

std::string number_cell(const std::string& text) {
  return fmt::format("<td class=\"n\">{}</td>", text);
}

template <class AnyRun>
std::string name_cell(const std::vector<AnyRun>& runs, size_t i) {
  const std::string swatch = fmt::format(R"x(<span class="swatch" style="background:var(--c{})"></span>)x", i % 8);
  return fmt::format("<td><span class=\"key\">{}{}</span></td>", runs.size() > 1 ? swatch : "", html(runs[i].name));
}

std::string value_text(const json& flags, const std::string& name) {
  if (!flags.contains(name)) return kEmptyCell;
  const json& value = flags[name];
  if (value.is_string()) return value.get<std::string>().empty() ? kEmptyCell : html(value.get<std::string>());
  if (value.is_array()) {
    std::string text;
    for (const json& v : value)
      text += (text.empty() ? "" : "<br>") + html(v.is_string() ? v.get<std::string>() : v.dump());
    return text.empty() ? kEmptyCell : text;
  }
  return html(value.is_number_float() ? fmt::format("{:g}", value.get<double>()) : value.dump());
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
  std::string out =
      "<div class=\"scroll\"><table><tr><th>file</th><th class=\"n\">documents</th><th class=\"n\">text</th></tr>";
  for (size_t i = 0; i < ledger.files.size() && i < kListed; ++i)
    out += fmt::format("<tr><td class=\"wrap\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
                       html(ledger.files[i].path), with_commas(ledger.files[i].documents),
                       human_bytes(double(ledger.files[i].bytes)));
  if (ledger.files.size() > kListed)
    out += fmt::format("<tr><td>and {} files more</td><td></td><td></td></tr>", ledger.files.size() - kListed);
  out += "</table></div><table>";
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
  std::string out =
      "<h2>Before and after</h2><div class=\"card scroll\"><table><tr><th>run</th><th></th><th class=\"n\">step</th>"
      "<th class=\"n\">loss</th><th class=\"n\">perplexity</th><th class=\"n\">accuracy</th><th class=\"n\">tokens</th>"
      "<th class=\"n\">time of steps</th><th class=\"n\">tokens/s</th></tr>";
  for (size_t i = 0; i < runs.size(); ++i) {
    const RunLog& log = runs[i].log;
    const std::pair<const char*, const std::optional<EvalPoint>*> points[] = {
        {"before", &log.first_eval}, {"best", &log.best_eval}, {"last", &log.last_eval}};
    for (const auto& [when, point] : points) {
      const bool first = point == &log.first_eval;
      out += "<tr>" + (first ? name_cell(runs, i) : "<td></td>") + fmt::format("<td>{}</td>", when);
      if (*point)
        out += number_cell(with_commas((*point)->step)) + number_cell(fmt::format("{:.4f}", (*point)->loss)) +
               number_cell(fmt::format("{:.2f}", std::exp((*point)->loss))) +
               number_cell(fmt::format("{:.2f} %", 100 * (*point)->accuracy));
      else
        out += number_cell(kEmptyCell) + number_cell(kEmptyCell) + number_cell(kEmptyCell) + number_cell(kEmptyCell);
      const double rate = log.seconds > 0 ? double(log.tokens) / log.seconds : 0;
      out += first ? number_cell(with_commas(log.tokens)) + number_cell(human_time(log.seconds)) +
                         number_cell(with_commas(std::llround(rate)))
                   : std::string("<td></td><td></td><td></td>");
      out += "</tr>";
    }
  }
  return out + "</table></div>";
}

std::vector<NamedFlags> named_flags(const Runs& runs) {
  std::vector<NamedFlags> flags;
  for (const ReportedRun& run : runs) flags.push_back({.name = run.name, .flags = run.flags, .defaults = run.defaults});
  return flags;
}

std::string differing_flags(const std::vector<NamedFlags>& runs) {
  std::string rows;
  for (const std::string& name : flag_names(runs)) {
    if (name == "output") continue;
    std::set<std::string> values;
    for (const NamedFlags& run : runs) values.insert(value_text(run.flags, name));
    if (values.size() < 2) continue;
    rows += fmt::format("<tr><td><code>--{}</code></td>", html(name));
    for (const NamedFlags& run : runs) rows += fmt::format("<td class=\"wrap\">{}</td>", value_text(run.flags, name));
    rows += "</tr>";
  }
  std::string head = "<tr><th>flag</th>";
  for (size_t i = 0; i < runs.size(); ++i) head += name_cell(runs, i);
  return "<h2>Flags that differ</h2><div class=\"card scroll\">" +
         (rows.empty() ? std::string("None but --output.") : "<table>" + head + "</tr>" + rows + "</table>") + "</div>";
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
      missing += fmt::format("<div class=\"card\">{}: no ledger.json in this run folder</div>", html(run.name));
  }
  std::string out = "<h2>Where the text went</h2><div class=\"columns\">";
  for (const auto& [title, body] : cards)
    out += fmt::format("<div class=\"card\"><h3>{}</h3>{}</div>", html(title), body);
  return out + missing + "</div>";
}

std::string flags_in_force(const std::vector<NamedFlags>& runs) {
  std::string out = "<h2>Flags in force</h2><div class=\"columns\">";
  for (const NamedFlags& run : runs) {
    std::string changed, rest;
    for (const auto& [name, value] : run.flags.items()) {
      const bool differs = !run.defaults.is_object() || !run.defaults.contains(name) || run.defaults[name] != value;
      (differs ? changed : rest) += fmt::format("<tr><td><code>--{}</code></td><td class=\"wrap\">{}</td></tr>",
                                                html(name), value_text(run.flags, name));
    }
    out += "<div class=\"card\">" + (runs.size() > 1 ? fmt::format("<h3>{}</h3>", html(run.name)) : "");
    out += "<div class=\"scroll\"><table>" + changed + "</table></div>";
    if (!rest.empty())
      out += "<details><summary>Flags at their defaults</summary><div class=\"scroll\"><table>" + rest +
             "</table></div></details>";
    out += "</div>";
  }
  return out + "</div>";
}

}  // namespace encore
