// Runs the steps, evaluations, saves and log of a run, from its first step, or the one it resumes at, to its end.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "data/tokenizer/tokenizer.h"
#include "train/evaluator.h"
#include "train/kept_weights.h"
#include "train/memory_use.h"
#include "train/progress.h"
#include "train/run_folder.h"
#include "train/save_policy.h"
#include "train/state_file.h"
#include "train/step_log.h"
#include "train/trainer.h"

namespace encore {

class Profiler;

// Makes report.html of a run folder; last: the run has ended. Returns an error message, or "".
using ReportMaker = std::function<std::string(bool last)>;
using ReportMakerOf = std::function<ReportMaker(const std::string& folder)>;

struct RunOptions {
  int64_t eval_every = 0;    // steps; 0: only before the first step and after the last
  int64_t save_every = 0;    // steps; 0: by time alone
  double save_minutes = 30;  // 0: by steps alone
  int64_t keep = 2;          // states
  double max_hours = 0;      // of this process; 0: no limit
  double log_seconds = 10;   // between plain lines without a terminal
  OnSaveError on_save_error = OnSaveError::kStop;
  DType save_dtype = DType::kF32;
  std::string eval_name = "held-out";
  size_t planned_bytes = 0;  // total of the memory plan, to compare with at the end
  Profiler* profiler = nullptr;
  ReportMaker report;  // called after each save and at the end, on rank 0
};

// How a run ended, as the program's exit code.
enum class RunEnd { kFinished, kTimeUp, kSignal };
constexpr int exit_code(RunEnd end) {
  return end == RunEnd::kSignal ? 75 : 0;
}

class TrainingRun {
 public:
  // folder: null on ranks other than 0. evaluator: null when nothing is held out. tokenizer: of the model folders.
  // state: a RunState with a digest alone for a new run, whose trainer holds the checkpoint's weights; else the state
  // that load_state() filled the trainer from.
  TrainingRun(Trainer&, Reservation&, const Evaluator*, Communicator&, RunFolder*, const RunState&, const RunOptions&,
              const Tokenizer&);

  // Throws IoError when the disk fails (the last complete state is intact; OnSaveError::kContinue throws only at the
  // end of the run), NonFiniteError when the loss or gradient is not finite (train/trainer.h), DeviceError naming the
  // step, the op and the last complete state.
  RunEnd run();

  const RunState& state() const { return state_; }

 private:
  enum Stop { kGoOn = 0, kTime = 1, kAsked = 2 };
  RunEnd run_to_end();
  std::string last_complete_state() const;
  int agree_on_stop();
  void before_first_step();
  void record(const StepResult&, double seconds);
  void evaluate();
  bool keep_if_best(double loss);
  void write_unsaved_best();
  void write_line(const nlohmann::ordered_json& line);
  void save();
  void save_at_end();
  void write_state();
  void save_hf(const std::string& which);
  void sample_memory();
  void report_end(RunEnd);
  void refresh_report(bool last);
  bool eval_due(int64_t step) const;
  bool save_due() const;

  Trainer& trainer_;
  Reservation& reservation_;
  const Evaluator* evaluator_;
  Communicator& comm_;
  RunFolder* folder_;
  RunState state_;
  RunOptions options_;
  const Tokenizer& tokenizer_;
  std::unique_ptr<StepLog> log_;
  Progress progress_;
  SavePolicy policy_;
  double start_, last_save_;  // steady_seconds()
  int64_t first_step_ = 0, last_saved_step_ = -1;
  // The best weights so far, if model/best could not be written (OnSaveError::kContinue): they are tried again.
  struct UnsavedBest {
    double loss = std::numeric_limits<double>::infinity();
    int64_t step = -1;
    KeptWeights weights;  // on rank 0
  } unsaved_best_;
  // The previous step, if rates are over two steps.
  struct {
    int64_t tokens = 0;
    double seconds = 0;
  } before_;
  double idle_seconds_ = 0;
  double step_seconds_ = 0, recent_seconds_ = 0;  // of this process; recent: a running mean of one step
  int64_t session_tokens_ = 0;
  double session_flops_ = 0;
  AnonymousPeak peak_anonymous_;
};

}  // namespace encore
