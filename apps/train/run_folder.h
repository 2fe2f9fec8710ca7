// The folder of a run.
//
//   config.json                   every flag in force; --config of it repeats the run
//   log.jsonl                     one object a step and one an evaluation (docs/training.md)
//   events.out.tfevents.*         the same for TensorBoard
//   ledger.json, report.html      where the text went; a page about the run (apps/train/report_run.h)
//   model/best, model/last        Hugging Face folders
//   state/step-N/                 what a resumed run continues from (apps/train/state_file.h)
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace encore {

class RunFolder {
 public:
  // Makes the folder. Throws Error when it holds a run already (naming --resume), or another process writes there.
  static RunFolder create(const std::string& path);
  // The first free one of parent/stem-1, parent/stem-2, ...
  static RunFolder create_numbered(const std::string& parent, const std::string& stem);
  // A folder whose run goes on. Removes what an interrupted save left behind.
  static RunFolder reopen(const std::string& path);
  static bool holds_run(const std::string& path);

  ~RunFolder();
  RunFolder(RunFolder&&) noexcept;
  RunFolder& operator=(RunFolder&&) = delete;

  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }
  std::string model_dir(const std::string& which) const { return path_ + "/model/" + which; }
  std::string state_dir(int64_t step) const;

  // Steps of the complete states, rising.
  std::vector<int64_t> states() const;
  // Removes TensorBoard files other than this one: of steps that no state remembers.
  void remove_other_events(const std::string& keep) const;
  // Removes the oldest states until `keep` are left; never the newest, nor the one of step `best`.
  void remove_old_states(int64_t keep, int64_t best) const;

 private:
  explicit RunFolder(std::string path);
  std::string path_;
  int lock_ = -1;
};

// Throws Error naming each flag of a resumed run that differs from the run's own config.json. Flags that change
// neither numbers nor data (where files go, how often is saved, when to stop early) may differ.
void check_same_config(const nlohmann::json& run, const nlohmann::json& now, const std::string& file);

}  // namespace encore
