#include "report/vampire_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "kernels/base/check.h"
#include "kernels/base/human.h"
#include "report/curves.h"
#include "report/frame.h"
#include "report/html_table.h"
#include "report/tables.h"

namespace encore {
namespace {

using nlohmann::json;
using Runs = std::vector<ReportedRun>;

// topics.json of a run; null before there is one. Every value that the page reads is checked.
json topics_of(const ReportedRun& run) {
  const std::string file = run.folder + "/topics.json";
  std::error_code error;
  if (!std::filesystem::exists(file, error)) return nullptr;
  json topics = read_json_object(file);
  const auto number = [](const json& object, const char* key) {
    return object.is_object() && object.contains(key) && object[key].is_number();
  };
  bool good = number(topics, "epoch") && number(topics, "npmi_standard") && number(topics, "npmi_vampire") &&
              topics.contains("topics") && topics["topics"].is_array();
  for (const json& topic : good ? topics["topics"] : json::array()) {
    good = good && number(topic, "topic") && number(topic, "npmi_standard") && number(topic, "npmi_vampire") &&
           topic.contains("words") && topic["words"].is_array();
    for (const json& word : good ? topic["words"] : json::array()) good = good && word.is_string();
  }
  check(good, "{}: is no list of topics of vampire_train", file);
  return topics;
}

std::string npmi(const json& object, const char* reading) {
  return fmt::format("{:.4f}", object[reading].get<double>());
}

std::string tiles(const ReportedRun& run, const json& topics) {
  std::string out = R"x(<div class="tiles">)x";
  if (!topics.is_null()) {
    const std::string at = fmt::format("{} topics, best at epoch {}", topics["topics"].size(), topics["epoch"].dump());
    out += tile("NPMI, standard", npmi(topics, "npmi_standard"), at);
    out += tile("NPMI, VAMPIRE's reading", npmi(topics, "npmi_vampire"), at);
  }
  if (run.log.last_eval)
    out += tile("Evaluation loss", with_decimals(run.log.last_eval->loss),
                fmt::format("nats a document, {} text", run.log.eval_name));
  out += tile("Time of training", human_time(run.log.seconds), fmt::format("{} steps", with_commas(run.log.last_step)));
  return out + "</div>";
}

std::string topics_card(const json& topics) {
  if (topics.is_null()) return "";
  std::vector<const json*> order;
  for (const json& topic : topics["topics"]) order.push_back(&topic);
  std::stable_sort(order.begin(), order.end(), [](const json* a, const json* b) {
    return (*a)["npmi_standard"].get<double>() > (*b)["npmi_standard"].get<double>();
  });
  HtmlTable table({{"topic"}, {"NPMI, standard", true}, {"NPMI, VAMPIRE's", true}, {"words, by falling weight"}});
  for (const json* topic : order) {
    std::string words;
    for (const json& word : (*topic)["words"]) words += (words.empty() ? "" : " ") + word.get<std::string>();
    table.add(
        {(*topic)["topic"].dump(), npmi(*topic, "npmi_standard"), npmi(*topic, "npmi_vampire"), breakable(words)});
  }
  return fmt::format(
      "<h2>Topics</h2><div class=\"card\">{}<p class=\"sub\">of epoch {}; NPMI of the first ten words "
      "over the texts of the dev set</p></div>",
      table.html(), topics["epoch"].dump());
}

std::string comparison(const Runs& runs, const std::vector<json>& topics) {
  HtmlTable table({{"run"},
                   {"epoch", true},
                   {"NPMI, standard", true},
                   {"NPMI, VAMPIRE's", true},
                   {"evaluation loss, nats a document", true},
                   {"time", true}});
  for (size_t i = 0; i < runs.size(); ++i) {
    const RunLog& log = runs[i].log;
    const bool any = !topics[i].is_null();
    table.add({breakable(runs[i].name), any ? topics[i]["epoch"].dump() : "–",
               any ? npmi(topics[i], "npmi_standard") : "–", any ? npmi(topics[i], "npmi_vampire") : "–",
               log.last_eval ? with_decimals(log.last_eval->loss) : "–", html(human_time(log.seconds))});
  }
  return "<h2>Runs</h2><div class=\"card\">" + table.html() + "</div>";
}

std::string charts(const Runs& runs, json& data) {
  std::string out = "<h2>Course</h2>" + chart_card(loss_chart(runs, "nats a document"), "loss", true, data) +
                    R"x(<div class="charts">)x";
  int n = 0;
  for (const Chart& chart : vampire_charts(runs)) out += chart_card(chart, fmt::format("small{}", n++), false, data);
  return out + "</div>";
}

}  // namespace

bool is_vampire_run(const ReportedRun& run) {
  return run.program() == "vampire_train";
}

std::string vampire_page(const Runs& runs) {
  const bool one = runs.size() == 1;
  std::string names;
  std::vector<json> topics;
  for (const ReportedRun& run : runs) {
    names += (names.empty() ? "" : ", ") + run.name;
    topics.push_back(topics_of(run));
  }
  json data = json::object();
  std::string body = one ? tiles(runs[0], topics[0]) : comparison(runs, topics);
  body += charts(runs, data) + "\n";
  if (one) body += topics_card(topics[0]) + "\n";
  if (!one) body += differing_flags(named_flags(runs)) + "\n";
  body += flags_in_force(named_flags(runs));
  return page_frame(names, one ? names : fmt::format("{} runs side by side", runs.size()),
                    one ? fmt::format("vampire_train · step {}", with_commas(runs[0].log.last_step)) : names, body,
                    data);
}

}  // namespace encore
