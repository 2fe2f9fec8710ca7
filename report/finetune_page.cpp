#include "report/finetune_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "kernels/base/check.h"
#include "kernels/base/input_file.h"
#include "report/classes.h"
#include "report/frame.h"
#include "report/html_table.h"
#include "report/reported_run.h"
#include "report/tables.h"

namespace encore {
namespace {

using nlohmann::json;
using FinetuneRuns = std::vector<FinetuneRun>;

constexpr std::pair<const char*, const char*> kScores[] = {
    {"accuracy", "Accuracy"}, {"macro_f1", "Macro-F1"}, {"micro_f1", "Micro-F1"}, {"weighted_f1", "Weighted F1"}};

// "macro-f1" -> the key of log.jsonl. The log has no weighted F1; accuracy is shown instead.
std::string logged(const std::string& metric) {
  return metric == "macro-f1" ? "dev_macro_f1" : metric == "micro-f1" ? "dev_micro_f1" : "dev_accuracy";
}

std::string metric_of(const FinetuneRun& run) {
  return run.results["metric"].get<std::string>();
}

const char* split_of(const FinetuneRun& run) {
  return run.results.contains("test") ? "test" : "dev";
}

std::string mean_and_spread(const FinetuneRun& run, const char* split, const char* score) {
  if (!run.results.contains(split)) return "–";
  const json& s = run.results[split][score];
  const std::string mean = fmt::format("{:.4f}", s["mean"].get<double>());
  // One seed has no spread.
  if (run.results["seeds"].size() == 1) return mean;
  return mean + fmt::format(" <i>± {:.4f}</i>", s["std_sample"].get<double>());
}

// Checks every value that the page reads: a file of another program is refused, not shown in part.
void check_results(const json& results, const std::string& file) {
  const auto has = [&](bool good, const std::string& what) { check(good, "{}: no {}: not finetune's", file, what); };
  has(results.contains("metric") && results["metric"].is_string(), "\"metric\"");
  has(results.contains("seeds") && results["seeds"].is_array() && !results["seeds"].empty(), "\"seeds\"");
  has(results.contains("dev"), "\"dev\"");
  for (const char* split : {"dev", "test"}) {
    if (!results.contains(split)) continue;
    for (const auto& [score, name] : kScores) {
      const json& s = results[split];
      has(s.is_object() && s.contains(score) && s[score].is_object() && s[score].contains("mean") &&
              s[score]["mean"].is_number() && s[score].contains("std_sample") && s[score]["std_sample"].is_number(),
          fmt::format("\"{}\" of \"{}\"", score, split));
      for (const json& seed : results["seeds"])
        has(seed.is_object() && seed.contains("seed") && seed["seed"].is_number_integer() &&
                seed.contains("best_epoch") && seed["best_epoch"].is_number_integer() && seed.contains(split) &&
                seed[split].is_object() && seed[split].contains(score) && seed[split][score].is_number(),
            fmt::format("\"{}\" of \"{}\" in \"seeds\"", score, split));
    }
  }
}

void read_epochs(const std::string& path, FinetuneRun& run) {
  std::ifstream in = open_regular(path);
  check(bool(in), "{}: cannot be read", path);
  const std::string dev = logged(metric_of(run));
  int64_t number = 0;
  for (std::string text; std::getline(in, text);) {
    ++number;
    const json line = json::parse(text, nullptr, /*allow_exceptions=*/false);
    check(line.is_object(), "{}: line {} is not a JSON object: {}", path, number, text.substr(0, 60));
    for (const std::string& key : {std::string("seed"), std::string("epoch"), std::string("loss"), dev})
      check(line.contains(key) && line[key].is_number(), "{}: line {} has no number \"{}\"", path, number, key);
    check(line["seed"].is_number_integer(), "{}: line {}: {} is no \"seed\"", path, number, line["seed"].dump());
    run.seeds[line["seed"].get<int64_t>()].push_back(
        {line["epoch"].get<double>(), line["loss"].get<double>(), line[dev].get<double>()});
  }
}

Chart chart_of(const FinetuneRuns& runs, const std::string& title, const std::string& y_name,
               double FinetuneRun::Epoch::*value) {
  Chart chart{.title = title, .width = 520, .height = 300, .x_name = "epoch", .y_name = y_name};
  int colour = 0;
  for (const FinetuneRun& run : runs) {
    for (const auto& [seed, epochs] : run.seeds) {
      ChartLine line{.name = fmt::format("{}seed {}", runs.size() > 1 ? run.name + ", " : "", seed), .colour = colour};
      // Seeds of one run share a colour where there are several runs.
      if (runs.size() > 1) line.legend = seed == run.seeds.begin()->first ? run.name : " ";
      for (const auto& e : epochs) {
        line.x.push_back(e.epoch);
        line.y.push_back(e.*value);
      }
      chart.lines.push_back(line);
      if (runs.size() == 1) ++colour;
    }
    if (runs.size() > 1) ++colour;
  }
  return chart;
}

std::string scores_table(const FinetuneRuns& runs) {
  std::vector<HtmlTable::Column> columns{{"run"}, {"rows of"}};
  for (const auto& [score, name] : kScores) columns.push_back({name, true});
  columns.push_back({"seeds", true});
  HtmlTable table(columns);
  for (size_t i = 0; i < runs.size(); ++i)
    for (const char* split : {"dev", "test"}) {
      if (!runs[i].results.contains(split)) continue;
      std::vector<std::string> cells{
          fmt::format(
              R"x(<span class="key"><span class="swatch" style="background:var(--c{})"></span><span>{}</span></span>)x",
              i % 8, breakable(runs[i].name)),
          split};
      for (const auto& [score, name] : kScores) cells.push_back(mean_and_spread(runs[i], split, score));
      cells.push_back(std::to_string(runs[i].results["seeds"].size()));
      table.add(cells);
    }
  return "<h2>Scores</h2><div class=\"card\">" + table.html() +
         "<p class=\"sub\">mean ± sample standard deviation over the seeds</p></div>";
}

std::string seeds_table(const FinetuneRun& run) {
  const char* split = split_of(run);
  std::string key = metric_of(run);
  std::replace(key.begin(), key.end(), '-', '_');
  std::vector<HtmlTable::Column> columns{{"seed"}, {"best epoch", true}, {"dev " + metric_of(run), true}};
  for (const auto& [score, name] : kScores) columns.push_back({fmt::format("{} {}", split, name), true});
  HtmlTable table(columns);
  for (const json& seed : run.results["seeds"]) {
    std::vector<std::string> cells{seed["seed"].dump(), seed["best_epoch"].dump(),
                                   fmt::format("{:.4f}", seed["dev"].value(key, 0.0))};
    for (const auto& [score, name] : kScores) cells.push_back(fmt::format("{:.4f}", seed[split][score].get<double>()));
    table.add(cells);
  }
  return "<h2>Seeds</h2><div class=\"card\">" + table.html() + "</div>";
}

std::string tiles(const FinetuneRun& run) {
  std::string out = R"x(<div class="tiles">)x";
  const size_t seeds = run.results["seeds"].size();
  for (const auto& [score, name] : kScores)
    out += tile(name, mean_and_spread(run, split_of(run), score),
                fmt::format("{} rows, {} seed{}", split_of(run), seeds, seeds == 1 ? "" : "s"));
  return out + "</div>";
}

}  // namespace

bool is_finetune_folder(const std::string& folder) {
  std::error_code error;
  return std::filesystem::exists(folder + "/results.json", error);
}

FinetuneRun open_finetune_run(const std::string& folder) {
  FinetuneRun run{.folder = folder,
                  .name = name_of_folder(folder),
                  .flags = read_json_object(folder + "/config.json"),
                  .results = read_json_object(folder + "/results.json")};
  run.defaults = take_defaults(run.flags);
  check_results(run.results, folder + "/results.json");
  read_epochs(folder + "/log.jsonl", run);
  return run;
}

std::string finetune_page(const FinetuneRuns& runs) {
  const bool one = runs.size() == 1;
  json data = json::object();
  std::string names;
  std::vector<NamedFlags> flags;
  for (const FinetuneRun& run : runs) {
    names += (names.empty() ? "" : ", ") + run.name;
    flags.push_back({.name = run.name, .flags = run.flags, .defaults = run.defaults});
  }
  const auto model = runs[0].flags.find("model");
  const std::string from = model != runs[0].flags.end() && model->is_string() ? model->get<std::string>() : "?";
  std::string body = one ? tiles(runs[0]) : scores_table(runs);
  body +=
      "<h2>Course</h2><div class=\"columns\">" +
      chart_card(chart_of(runs, "Training loss, nats a row", "nats a row", &FinetuneRun::Epoch::loss), "loss", true,
                 data) +
      chart_card(chart_of(runs, "Score on dev: " + metric_of(runs[0]), metric_of(runs[0]), &FinetuneRun::Epoch::dev),
                 "dev", true, data) +
      "</div>";
  if (one)
    body += scores_table(runs) +
            classes_sections(runs[0].results, split_of(runs[0]), runs[0].folder + "/results.json") +
            seeds_table(runs[0]);
  if (!one) body += differing_flags(flags);
  body += flags_in_force(flags);
  return page_frame(names, one ? names : fmt::format("{} fine-tunings side by side", runs.size()),
                    one ? "finetune from " + from : names, body, data);
}

}  // namespace encore
