// The files of a VAMPIRE run: log, best and last model, states, report; and what is done when they cannot be written.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "train/kept_weights.h"
#include "train/run_folder.h"
#include "train/save_policy.h"
#include "train/step_log.h"
#include "train/vampire/saved_vampire.h"
#include "train/vampire/vampire_epochs.h"

namespace encore {

class VampireFiles {
 public:
  // say: prints a line. state: its log marks are where the log goes on. All but `say` must outlive the files.
  VampireFiles(RunFolder&, VampireEpochs&, RunState& state, const BagVocabulary&, const BagKind&, const RunOptions&,
               std::function<void(const std::string&)> say);

  void write_line(const nlohmann::ordered_json& line);
  // The model of an epoch that was the best so far, and topics.json.
  void save_best();
  // Whether a state is due after a step or an epoch.
  bool save_due() const;
  // Writes a state, with model/last. Throws IoError, unless the run goes on without.
  void save();
  // The same at the end, where nothing can be tried later; does nothing if the newest state holds all.
  void save_at_end();
  void refresh_report(bool last);

 private:
  void write_all();
  void write_unsaved_best();
  void save_model(const std::string& which);
  bool saved() const;

  RunFolder& folder_;
  VampireEpochs& epochs_;
  RunState& state_;
  const BagVocabulary& vocabulary_;
  BagKind bags_;
  const RunOptions& options_;
  std::function<void(const std::string&)> say_;
  SavePolicy policy_;
  StepLog log_;
  // The model of the best epoch, while it could not be written (OnSaveError::kContinue).
  struct UnsavedBest {
    KeptWeights weights;
    std::vector<float> mean, variance;
  };
  std::optional<UnsavedBest> unsaved_best_;
  double saved_at_;                              // steady_seconds()
  int64_t saved_step_ = -1, saved_epochs_ = -1;  // of the newest state
};

}  // namespace encore
