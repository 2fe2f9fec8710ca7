#include "report/selection_page.h"

#include <fmt/format.h>

#include <filesystem>

#include "data/select/ledger.h"
#include "kernels/base/check.h"
#include "kernels/base/human.h"
#include "kernels/base/in_quotes.h"
#include "kernels/base/input_file.h"
#include "report/chart.h"
#include "report/frame.h"
#include "report/html_table.h"
#include "report/reported_run.h"

namespace encore {
namespace {

using nlohmann::json;

std::string count(const json& value) {
  return value.is_null() ? "–" : with_commas(value.get<int64_t>());
}
std::string size(const json& value) {
  return human_bytes(value.get<double>());
}
std::string decimals(const json& value, int digits) {
  return value.is_null() ? "–" : fmt::format("{:.{}f}", value.get<double>(), digits);
}

std::string card(const std::string& heading, const std::string& inner) {
  return fmt::format(R"x(<h2>{}</h2><div class="card">{}</div>)x", html(heading), inner);
}

std::string tiles(const json& ledger) {
  std::string out = R"x(<div class="tiles">)x";
  const json& domain = ledger.at("domain");
  out += tile("task", count(ledger.at("task").at("texts")), size(ledger.at("task").at("bytes")));
  out += tile("domain", count(domain.at("texts")),
              fmt::format("{} of {} documents", ledger.at("unit").get<std::string>(), count(domain.at("documents"))));
  const json& last = ledger.at("choices").back();
  out += tile(last.at("name").get<std::string>(), count(last.at("chosen").at("texts")), "chosen");
  return out + "</div>";
}

std::string choices_table(const json& ledger) {
  HtmlTable table({{"choice"},
                   {"proposed", true},
                   {"same text", true},
                   {"task's text", true},
                   {"near-duplicates", true},
                   {"chosen", true},
                   {"bytes", true},
                   {"tokens", true}});
  for (const json& c : ledger.at("choices"))
    table.add({breakable(c.at("name")), count(c.at("proposed")), count(c.at("same_text")), count(c.at("task_text")),
               count(c.at("near_duplicate")), count(c.at("chosen").at("texts")), size(c.at("chosen").at("bytes")),
               count(c.at("chosen").at("tokens"))});
  return table.html();
}

// How the most frequent words moved towards the task's.
std::string vocabulary_table(const json& ledger) {
  const json& shared = ledger.at("shared_words");
  if (shared.at("domain_percent").is_null()) return "";
  HtmlTable table({{"text"}, {"words shared with the task, %", true}});
  table.add({"the whole domain", decimals(shared.at("domain_percent"), 1)});
  for (const json& c : ledger.at("choices"))
    table.add({breakable(c.at("name")), decimals(c.at("shared_words_percent"), 1)});
  return card("Vocabulary",
              table.html() + fmt::format(R"x(<p class="sub">Among the {} most frequent words of each.</p>)x",
                                         count(shared.at("top"))));
}

// Which topics the task is about, and how far the chosen texts moved towards them.
std::string topics_table(const json& ledger) {
  const json topics = ledger.value("topics", json::array());
  if (topics.empty()) return "";
  std::vector<HtmlTable::Column> columns{{"topic"}, {"task, %", true}, {"domain, %", true}};
  for (const json& c : ledger.at("choices")) columns.push_back({c.at("name").get<std::string>() + ", %", true});
  HtmlTable table(columns);
  const auto percent = [](const json& share) { return fmt::format("{:.1f}", 100 * share.get<double>()); };
  for (const json& topic : topics) {
    std::vector<std::string> row{html(fmt::format("{}", fmt::join(topic.at("words"), " "))), percent(topic.at("task")),
                                 percent(topic.at("domain"))};
    for (const json& share : topic.at("choices")) row.push_back(percent(share));
    table.add(row);
  }
  return card("Topics", table.html() + R"x(<p class="sub">Mean shares of the topics in the texts, the task's largest
first.</p>)x");
}

std::string costs_table(const json& ledger) {
  HtmlTable table({{"training on"}, {"steps", true}, {"documents", true}, {"storage", true}, {"hours", true}});
  const json& training = ledger.at("training");
  for (const json& c : training.at("costs"))
    table.add({breakable(c.at("name")), count(c.at("steps")), count(c.at("documents")), size(c.at("storage_bytes")),
               decimals(c.at("hours"), 2)});
  std::string note;
  if (!training.at("tokens_per_second").is_null())
    note = fmt::format(R"x(<p class="sub">Hours by {} tokens/s: {}</p>)x",
                       with_commas(int64_t(training.at("tokens_per_second").get<double>())),
                       html(training.at("measured_with").get<std::string>()));
  return card("Cost", table.html() + note);
}

std::string neighbours(const json& ledger) {
  std::string out;
  for (const json& one : ledger.at("inspected")) {
    HtmlTable table({{"rank"}, {"cosine", true}, {"fate"}, {"passage"}});
    for (const json& n : one.at("neighbours"))
      table.add({fmt::format("{}", n.at("rank").get<int64_t>() + 1), decimals(n.at("score"), 4),
                 html(n.at("fate").get<std::string>()), breakable(n.at("text"))});
    out += fmt::format(R"x(<div class="card"><h3>{}</h3>{}</div>)x", html(one.at("text").get<std::string>()),
                       table.html());
  }
  return out.empty() ? "" : "<h2>Neighbours</h2>" + out;
}

std::string notes(const json& ledger) {
  std::string out;
  for (const json& note : ledger.at("notes"))
    out += fmt::format(R"x(<p class="sub">{}</p>)x", html(note.get<std::string>()));
  return out;
}

std::string ledger_path(const std::string& folder) {
  return folder + "/ledger.json";
}

}  // namespace

bool is_selection_folder(const std::string& folder) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(ledger_path(folder), error)) return false;
  return is_selection_ledger(read_input_file(ledger_path(folder)));
}

std::string selection_page(const std::string& folder) {
  const json ledger = read_json_object(ledger_path(folder));
  try {
    const json& embedding = ledger.at("embedding");
    const std::string method =
        ledger.at("method").get<std::string>() + (embedding.is_null() ? "" : " by " + embedding.get<std::string>());
    check(!ledger.at("choices").empty(), "{}: no choices", ledger_path(folder));
    const std::string body = tiles(ledger) + card("Chosen", choices_table(ledger) + notes(ledger)) +
                             vocabulary_table(ledger) + topics_table(ledger) + costs_table(ledger) + neighbours(ledger);
    const std::string name = name_of_folder(folder);
    return page_frame("Selection " + name, name, "select_data · " + method, body, json::object());
  } catch (const json::exception& e) {
    fail("{}: is damaged ({}): select again", ledger_path(folder), one_line(e.what()));
  }
}

}  // namespace encore
