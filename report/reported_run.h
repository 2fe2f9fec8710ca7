// A run folder, read for a report.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "data/sequences/ledger.h"
#include "report/run_log.h"

namespace encore {

// Throws Error naming the file: cannot be read, is not a JSON object.
nlohmann::json read_json_object(const std::string& path);
// Takes the key "defaults" out of the flags of a config.json and returns its value; null where there is none.
nlohmann::json take_defaults(nlohmann::json& flags);
// "runs/a/" -> "a"; "." -> the folder's own name.
std::string name_of_folder(const std::string& folder);

struct ReportedRun {
  std::string folder;
  std::string name;         // on the page
  nlohmann::json flags;     // config.json
  nlohmann::json defaults;  // of the flags, from config.json; null where an older run has none
  nlohmann::json about;     // ledger.json (train/run_data.h); null where an older run has none
  std::optional<Ledger> train, eval;
  RunLog log;

  std::string program() const;  // "dapt_train"; "" when not known
  int64_t steps() const;        // of the whole run; 0: not known
};

// Reads config.json and ledger.json, not the log. Throws Error naming folder or file and what is wrong with it.
ReportedRun open_reported_run(const std::string& folder);

// The page of runs whose logs have been read.
std::string report_page(const std::vector<ReportedRun>&);

// The page of these folders: all of dapt_train and tapt_train, all of finetune, or all of vampire_train. Throws Error
// as opening them does.
std::string report_of_folders(const std::vector<std::string>& folders);

// Writes report.html of a run in progress.
class RunReport {
 public:
  explicit RunReport(std::string folder) : folder_(std::move(folder)) {}

  // Writes the page again, but skips it (unless it is the last time) while making pages has taken more than 1/50 of the
  // time since the first call. Returns the message of an error, or "": a page is no reason to stop a run.
  std::string refresh(bool last);

 private:
  std::string folder_;
  std::optional<ReportedRun> run_;
  double first_ = -1, spent_ = 0;     // seconds
  uint64_t written_at_ = UINT64_MAX;  // bytes of the log in the newest page
};

}  // namespace encore
