#include "report/reported_run.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>

#include "data/sequences/ledger_json.h"
#include "kernels/base/atomic_file.h"
#include "kernels/base/check.h"
#include "kernels/base/clock.h"
#include "kernels/base/input_file.h"
#include "report/finetune_page.h"
#include "report/frame.h"
#include "report/selection_page.h"
#include "report/vampire_page.h"

namespace fs = std::filesystem;

namespace encore {
namespace {

constexpr int kDeepest = 64;  // printing a value goes down its levels

// Runs whose folders have the same name are shown by their paths.
template <class AnyRun>
void tell_apart(std::vector<AnyRun>& runs) {
  std::multiset<std::string> names;
  for (const AnyRun& run : runs) names.insert(run.name);
  for (AnyRun& run : runs)
    if (names.count(run.name) > 1) run.name = run.folder;
}

// Throws Error if somebody put a page of their own there.
void check_replaceable(const std::string& page) {
  std::ifstream in = open_regular(page);
  std::string start(size_t(1) << 16, '\0');
  in.read(start.data(), std::streamsize(start.size()));
  start.resize(size_t(in.gcount()));
  check(start.empty() || is_page(start), "{}: is there already, and no program of Encore wrote it", page);
}

}  // namespace

nlohmann::json read_json_object(const std::string& path) {
  std::ifstream in = open_regular(path);
  check(bool(in), "{}: cannot be read", path);
  nlohmann::json json;
  try {
    json = nlohmann::json::parse(in, [&](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
      check(depth < kDeepest, "{}: JSON nested deeper than {} levels", path, kDeepest);
      return true;
    });
  } catch (const nlohmann::json::parse_error& e) {
    fail("{}: is not JSON (byte {})", path, e.byte);
  } catch (const nlohmann::json::out_of_range&) {
    fail("{}: holds a number that is beyond every range", path);
  }
  check(json.is_object(), "{}: is not a JSON object", path);
  return json;
}

nlohmann::json take_defaults(nlohmann::json& flags) {
  const auto found = flags.find("defaults");
  if (found == flags.end()) return nullptr;
  nlohmann::json defaults = std::move(*found);
  flags.erase(found);
  return defaults;
}

std::string name_of_folder(const std::string& folder) {
  std::error_code error;
  fs::path path = fs::absolute(folder, error).lexically_normal();
  if (!path.has_filename()) path = path.parent_path();
  return path.filename().empty() ? folder : path.filename().string();
}

std::string ReportedRun::program() const {
  if (about.is_object()) return about.value("program", "");
  const auto named = flags.find("program");
  return named != flags.end() && named->is_string() ? named->get<std::string>() : "";
}

int64_t ReportedRun::steps() const {
  return about.is_object() ? about.value("steps", int64_t(0)) : 0;
}

ReportedRun open_reported_run(const std::string& folder) {
  std::error_code error;
  check(fs::is_directory(folder, error), "{}: no such folder", folder);
  check(fs::exists(folder + "/config.json", error) && fs::exists(folder + "/log.jsonl", error),
        "{}: no run folder: it has no {}", folder,
        fs::exists(folder + "/config.json", error) ? "log.jsonl" : "config.json");
  ReportedRun run{.folder = folder, .name = name_of_folder(folder), .flags = read_json_object(folder + "/config.json")};
  run.defaults = take_defaults(run.flags);
  const std::string ledger = folder + "/ledger.json";
  if (!fs::exists(ledger, error)) return run;
  run.about = read_json_object(ledger);
  for (const char* text : {"program", "device", "processes", "eval_name"})
    check(!run.about.contains(text) || run.about[text].is_string(), "{}: \"{}\" is no text", ledger, text);
  check(!run.about.contains("steps") || run.about["steps"].is_number_integer(), "{}: \"steps\" is no whole number",
        ledger);
  if (run.about.contains("train")) run.train = ledger_from_json(run.about["train"], ledger);
  if (run.about.contains("eval")) run.eval = ledger_from_json(run.about["eval"], ledger);
  return run;
}

std::string report_of_folders(const std::vector<std::string>& folders) {
  for (const std::string& folder : folders) {
    if (!is_selection_folder(folder)) continue;
    check(folders.size() == 1, "{} is a folder of select_data: its page shows no other folder", folder);
    return selection_page(folder);
  }
  std::vector<FinetuneRun> finetuned;
  std::vector<ReportedRun> runs;
  for (const std::string& folder : folders) {
    if (is_finetune_folder(folder)) {
      finetuned.push_back(open_finetune_run(folder));
    } else {
      runs.push_back(open_reported_run(folder));
      runs.back().log.read(folder + "/log.jsonl");
    }
  }
  check(finetuned.empty() || runs.empty(), "{} is a folder of finetune and {} is not: a page holds one kind of run",
        finetuned.empty() ? "" : finetuned[0].folder, runs.empty() ? "" : runs[0].folder);
  tell_apart(runs);
  tell_apart(finetuned);
  if (!finetuned.empty()) return finetune_page(finetuned);
  const auto of_vampire = [](const ReportedRun& run) { return is_vampire_run(run); };
  const auto first = std::find_if(runs.begin(), runs.end(), of_vampire);
  if (first == runs.end()) return report_page(runs);
  const auto other = std::find_if_not(runs.begin(), runs.end(), of_vampire);
  check(other == runs.end(), "{} is a folder of vampire_train and {} is not: a page holds one kind of run",
        first->folder, other == runs.end() ? "" : other->folder);
  return vampire_page(runs);
}

std::string RunReport::refresh(bool last) {
  const double start = steady_seconds();
  if (first_ < 0) first_ = start;
  if (!last && spent_ * 50 > start - first_) return "";
  const std::string page = folder_ + "/report.html";
  try {
    check_replaceable(page);
    if (is_finetune_folder(folder_)) {
      write_file_atomic(page, report_of_folders({folder_}));
      spent_ += seconds_since(start);
      return "";
    }
    if (!run_) run_ = open_reported_run(folder_);
    run_->log.read(folder_ + "/log.jsonl");
    if (run_->log.bytes != written_at_)
      write_file_atomic(page, is_vampire_run(*run_) ? vampire_page({*run_}) : report_page({*run_}));
    written_at_ = run_->log.bytes;
  } catch (const std::exception& e) {
    return e.what();
  }
  spent_ += seconds_since(start);
  return "";
}

}  // namespace encore
