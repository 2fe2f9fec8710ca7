// The folder of a run.
//
//   config.json                   every flag in force, and under "defaults" the flags' defaults; --config with it
//                                 repeats the run
//   log.jsonl                     one object a step and one an evaluation (docs/training.md)
//   events.out.tfevents.*         the same for TensorBoard
//   ledger.json, report.html      where the text went; a page about the run (report/reported_run.h)
//   model/best, model/last        Hugging Face folders
//   state/step-N/                 weights, moments and counters to resume from (train/state_file.h)
//   state/step-N.superseded/      set aside when the run resumed from an earlier state; removed after the next save
#pragma once

#include <cstdint>
#include <functional>
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
  // Opens the folder of a resumed run. Repairs what an interrupted save left behind (kernels/base/atomic_folder.h).
  static RunFolder reopen(const std::string& path);
  static bool holds_run(const std::string& path);

  ~RunFolder();
  RunFolder(RunFolder&&) noexcept;
  RunFolder& operator=(RunFolder&&) = delete;

  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }
  std::string model_dir(const std::string& which) const { return path_ + "/model/" + which; }
  std::string state_dir(int64_t step) const;

  // Writes config.json and remembers it for restore().
  void write_config(const std::string& text);

  // Steps of the published states, rising.
  std::vector<int64_t> states() const;
  // The newest undamaged state before `step`; -1: none. Reads every byte to compare checksums.
  int64_t whole_state_before(int64_t step) const;
  // Renames the states beyond `step`: they belong to a longer log.jsonl than the one that is about to be cut to `step`.
  void set_aside_states_after(int64_t step) const;

  // Whether the folder is still in place, and the same one. A removed folder must not be recreated by accident.
  bool in_place() const;
  // Throws IoError unless in_place().
  void check_in_place() const;
  // Calls a function that writes into the folder. If the folder was removed meanwhile, the IoError says so, instead of
  // what the first failing write met.
  void write(const std::function<void()>& writing) const;
  // Recreates a removed folder, with config.json. Throws IoError when something else has its path.
  void restore();

  // Removes the TensorBoard files other than `keep`, which no state refers to.
  void remove_other_events(const std::string& keep) const;
  // After a save: removes superseded states, then the oldest of the others until `keep` complete ones are left. Never
  // removes the newest complete state or the state of step `best`.
  void remove_old_states(int64_t keep, int64_t best) const;

 private:
  explicit RunFolder(std::string path);
  void lock();
  std::string path_, config_;
  int lock_ = -1;
  uint64_t device_ = 0, inode_ = 0;  // of the folder
};

// Throws Error naming each of the `fixed` flags whose value differs from the run's own config.json. The other flags
// (where files go, how often to save, when to stop early) change neither numbers nor data.
void check_same_config(const nlohmann::json& run, const nlohmann::json& now, const std::vector<std::string>& fixed,
                       const std::string& file);

}  // namespace encore
