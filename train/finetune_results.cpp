#include "train/finetune_results.h"

#include <filesystem>

#include "kernels/base/check.h"
#include "kernels/base/in_quotes.h"
#include "kernels/base/read_json.h"

namespace encore {
namespace {

using nlohmann::json;

json summary(const std::vector<SeedResult>& results, Scores SeedResult::*split) {
  json out = json::object();
  const auto add = [&](const char* name, double Scores::*member) {
    std::vector<double> values;
    values.reserve(results.size());
    for (const SeedResult& r : results) values.push_back(r.*split.*member);
    out[name] = mean_std(values).to_json();
  };
  add("accuracy", &Scores::accuracy);
  add("macro_f1", &Scores::macro_f1);
  add("micro_f1", &Scores::micro_f1);
  add("weighted_f1", &Scores::weighted_f1);
  return out;
}

}  // namespace

LabelledData read_labelled_data(const RowsSpec& spec, const Tokenizer& tokenizer, int threads) {
  LabelledData data;
  const auto rows = read_labelled(spec.train, spec.fields);
  data.labels = LabelMap::from_rows(rows);
  check(data.labels.size() >= 2, "{}: all {} rows have the same label '{}': nothing to learn", spec.train, rows.size(),
        data.labels.size() ? data.labels.names()[0] : "");
  const auto tokenize = [&](const std::vector<LabelledRow>& r, const std::string& path) {
    ClassificationSet set = tokenize_rows(r, path, tokenizer, data.labels, spec.max_length, threads);
    fmt::print(
        "{}: {} rows, {} tokens{}\n", path, set.size(), set.tokens.size(),
        set.truncated_rows ? fmt::format(", {} rows cut to {} tokens", set.truncated_rows, spec.max_length) : "");
    return set;
  };
  data.train = tokenize(rows, spec.train);
  data.dev = tokenize(read_labelled(spec.dev, spec.fields), spec.dev);
  if (!spec.test.empty())
    data.test = tokenize(read_labelled(spec.test, spec.fields), spec.test);
  else
    data.test.offset = {0};
  return data;
}

json results_json(const std::vector<SeedResult>& results, const std::string& metric,
                  const std::vector<std::string>& labels, bool with_test, const RunDigest& digest) {
  json out{{"metric", metric}, {"labels", labels}, {"seeds", json::array()}};
  for (const SeedResult& r : results) out["seeds"].push_back(r.to_json(labels, with_test));
  out["dev"] = summary(results, &SeedResult::dev);
  if (with_test) out["test"] = summary(results, &SeedResult::test);
  out["digest"] = digest;
  return out;
}

void print_results(const json& results) {
  for (const char* split : {"dev", "test"}) {
    if (!results.contains(split)) continue;
    fmt::print("{:<5}", split);
    for (const auto& [name, value] : results[split].items())
      fmt::print("  {} {:.4f} ± {:.4f}", name, value["mean"].get<double>(), value["std_sample"].get<double>());
    fmt::print("\n");
  }
}

bool print_complete_results(const std::string& folder, int seeds, const RunDigest& now) {
  const std::string file = folder + "/results.json";
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) return false;
  const json results = read_json_file(file);
  try {
    const RunDigest saved = results.value("digest", json::object()).get<RunDigest>();
    const std::string different = differences(now, saved, file);
    check(different.empty(), "--resume: another run than the one whose results are there: {}: start a new run",
          different);
    if (int(results.at("seeds").size()) < seeds) return false;
    for (const char* split : {"dev", "test"}) {
      const json scores = results.value(split, json::object());
      for (const auto& [name, score] : scores.items())
        for (const char* of : {"mean", "std_sample"}) score.at(of).get<double>();
    }
  } catch (const json::exception&) {
    fail("{}: is not the JSON that a run writes: move it away, or start a new run", file);
  }
  fmt::print("{} is complete:\n", one_line(folder));
  print_results(results);
  return true;
}

json to_json(const FinetuneProgress& progress, const SeedProgress& s) {
  json seeds = json::array();
  for (const SeedResult& r : progress.results)
    seeds.push_back(
        {{"seed", r.seed}, {"best_epoch", r.best_epoch}, {"dev", r.dev.confusion}, {"test", r.test.confusion}});
  return {{"seeds", seeds},
          {"steps", progress.steps},
          {"epochs", s.epochs},
          {"epoch_loss", s.epoch_loss},
          {"epoch_seconds", s.epoch_seconds},
          {"best_epoch", s.best_epoch},
          {"best_dev", s.best_dev.confusion}};
}

FinetuneProgress finetune_progress_from_json(const json& j, const std::string& dir, SeedProgress& s) {
  using Counts = std::vector<std::vector<int64_t>>;
  try {
    FinetuneProgress progress{.steps = j.at("steps").get<int64_t>()};
    for (const json& r : j.at("seeds"))
      progress.results.push_back({.seed = r.at("seed").get<uint64_t>(),
                                  .best_epoch = r.at("best_epoch").get<int>(),
                                  .dev = score_counts(r.at("dev").get<Counts>()),
                                  .test = score_counts(r.at("test").get<Counts>())});
    s = {.epochs = j.at("epochs").get<int>(),
         .epoch_loss = j.at("epoch_loss").get<double>(),
         .epoch_seconds = j.at("epoch_seconds").get<double>(),
         .best_epoch = j.at("best_epoch").get<int>(),
         .best_dev = score_counts(j.at("best_dev").get<Counts>())};
    return progress;
  } catch (const json::exception& e) {
    throw DamagedState(fmt::format("{}/state.json: is no state of a fine-tuning ({})", dir, e.what()));
  }
}

}  // namespace encore
