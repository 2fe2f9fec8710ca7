// The folder of a run.
//
//   config.json                   every flag in force, and under "defaults" the flags' defaults; --config of it repeats
//                                 the run
//   log.jsonl                     one object a step and one an evaluation (docs/training.md)
//   events.out.tfevents.*         the same for TensorBoard
//   ledger.json, report.html      where the text went; a page about the run (report/reported_run.h)
//   model/best, model/last        Hugging Face folders
//   state/step-N/                 what a resumed run continues from (train/state_file.h)
//   state/step-N.superseded/      of a course that was left by resuming from an earlier state; gone after the next save
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
  // A folder whose run goes on. Puts in order what an interrupted save left behind (kernels/base/atomic_folder.h).
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
  // The newest state below `step` that holds every byte that was written; -1: none. Reads them.
  int64_t whole_state_before(int64_t step) const;
  // Gives states beyond `step` another name: log.jsonl is about to be cut to `step`, and they were saved with more.
  void set_aside_states_after(int64_t step) const;

  // Is the folder where it was, and the same one? A folder that was removed must not be made anew by accident.
  bool in_place() const;
  // Throws IoError when it is not.
  void check_in_place() const;
  // Calls what writes into the folder. An IoError of a folder that was removed meanwhile says so, whatever the write
  // met first.
  void write(const std::function<void()>& writing) const;
  // Makes a removed folder anew, with config.json. Throws IoError when something else stands there.
  void restore();

  // Removes TensorBoard files other than this one: of steps that no state remembers.
  void remove_other_events(const std::string& keep) const;
  // After a save: removes superseded states, and the oldest of the others until `keep` are left whose files are all
  // there; never the newest of these, nor the one of step `best`.
  void remove_old_states(int64_t keep, int64_t best) const;

 private:
  explicit RunFolder(std::string path);
  void lock();
  std::string path_, config_;
  int lock_ = -1;
  uint64_t device_ = 0, inode_ = 0;  // of the folder
};

// Throws Error naming each of the `fixed` flags that a resumed run gives otherwise than the run's own config.json. The
// other flags change neither numbers nor data (where files go, how often is saved, when to stop early).
void check_same_config(const nlohmann::json& run, const nlohmann::json& now, const std::vector<std::string>& fixed,
                       const std::string& file);

}  // namespace encore
