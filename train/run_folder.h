// The folder of a run.
//
//   config.json                   every flag in force, and under "defaults" the flags' defaults; --config with it
//                                 repeats the run
//   log.jsonl                     one object a step and one an evaluation (docs/training.md)
//   events.out.tfevents.*         the same for TensorBoard
//   ledger.json, report.html      where the text went; a page about the run (report/reported_run.h)
//   model/best, model/last        Hugging Face folders; of vampire_train model/vampire/vampire_folder.h
//   vocabulary.json, topics.json  of vampire_train alone (train/vampire/vampire_training.h)
//   state/step-N/                 weights, moments and counters to resume from (train/state_file.h)
//   state/step-N.superseded/      set aside when the run resumed from an earlier state; removed after the next save
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "train/output_spec.h"

namespace encore {

class RunFolder {
 public:
  // Makes the folder of a new run, or opens that of a resumed one and repairs what an interrupted save left behind
  // (kernels/base/atomic_folder.h). config: the content of config.json, which a resumed run may not change
  // (OutputSpec); its "output" is filled in. Fills in output.folder where it is empty. Throws Error as check_output()
  // does, and when another process writes there. A new run's config.json is written by write_files().
  static RunFolder open(OutputSpec& output, nlohmann::json config);

  // Throws Error unless a run of the program may write into the folder: it is absent or empty, or `resume` and it holds
  // a run of the same program. Nothing that others put there is ever replaced. Returns whether it holds a run.
  static bool check_output(const std::string& path, const std::string& program, bool resume);

  ~RunFolder();
  RunFolder(RunFolder&&) noexcept;
  RunFolder& operator=(RunFolder&&) = delete;

  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }
  std::string model_dir(const std::string& which) const { return path_ + "/model/" + which; }
  std::string state_dir(int64_t step) const;

  bool resumed() const { return resumed_; }  // it held a run

  // Gives the folder a small file, to be written by write_files(), and again by restore().
  void put(const std::string& name, std::string text);
  // Writes the files that are not written yet. Throws IoError.
  void write_files();

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
  // Recreates a removed folder, with its small files. Throws IoError when something else has its path.
  void restore();

  // Removes the run's own TensorBoard files other than `keep`: no state refers to them.
  void remove_other_events(const std::string& keep) const;
  // Removes every state, and the folder of states if nothing else is in it.
  void remove_states() const;
  // After a save: removes superseded states, then the oldest of the others until `keep` complete ones are left. Never
  // removes the newest complete state or the state of step `best`.
  void remove_old_states(int64_t keep, int64_t best) const;

 private:
  explicit RunFolder(std::string path);
  static RunFolder create_numbered(const std::string& parent, const std::string& stem);
  void lock();
  std::vector<std::string> superseded_states() const;
  std::string path_;
  std::map<std::string, std::string> files_;  // small ones, by name
  std::set<std::string> unwritten_;           // of these
  bool resumed_ = false;
  int lock_ = -1;
  uint64_t device_ = 0, inode_ = 0;  // of the folder
};

}  // namespace encore
