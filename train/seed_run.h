// One seed of a fine-tuning, from the checkpoint's weights to its scores.
#pragma once

#include <memory>

#include "model/checkpoint.h"
#include "train/finetuning.h"
#include "train/metrics.h"
#include "train/state_file.h"
#include "train/work_progress.h"

namespace encore {

// Result of one seed.
struct SeedResult {
  uint64_t seed = 0;
  int best_epoch = 0;  // from 1
  Scores dev, test;
  nlohmann::json to_json(const std::vector<std::string>& labels, bool with_test) const;
};

// Progress of a seed, beside its weights and moments.
struct SeedProgress {
  int epochs = 0;            // done and scored on dev
  double epoch_loss = 0;     // nats, summed over the rows of the epoch under way
  double epoch_seconds = 0;  // of the epoch under way
  int best_epoch = 0;        // from 1; 0: none yet
  Scores best_dev;
};

class SeedRun {
 public:
  // Shared by all seeds. Must outlive the run.
  struct Shared {
    const FinetuneSpec& spec;
    const LabelledData& data;
    Backend& backend;
    DType dtype;
    BatchCapacity capacity;  // of the largest micro-batch; scoring keeps to it
    Communicator& comm;
    Profiler* profiler;
  };
  SeedRun(const Shared&, uint64_t seed);

  uint64_t seed() const { return seed_; }
  const LoadReport& report() const { return report_; }
  const Model& model() const { return *model_; }
  Trainer& trainer() { return *trainer_; }
  SeedProgress& progress() { return progress_; }

  bool over() const;  // every epoch is done, or --patience is used up
  // Whether all steps of the epoch are done and the epoch is not yet scored.
  bool epoch_complete() const { return trainer_->step() == (progress_.epochs + 1) * source_->steps_per_epoch(); }
  StepResult step();

  // Takes the bar of the epoch off the terminal, for a line that is printed in the middle of an epoch.
  void erase_display() { display_.reset(); }

  struct Epoch {
    int number = 0;      // from 1
    double loss = 0;     // nats a row of training
    double seconds = 0;  // training and scoring
    Scores dev;
  };
  // Scores dev, and keeps the weights if they are the best so far. REQUIRES: epoch_complete().
  Epoch end_epoch();
  // Restores the best epoch's weights and scores test with them.
  SeedResult finish();

  // Weights, moments and the best epoch's weights, as a state holds them.
  StateBuffers buffers();

 private:
  Scores evaluate(const ClassificationSet&);

  const Shared& shared_;
  uint64_t seed_;
  std::unique_ptr<Model> model_;
  LoadReport report_;
  std::optional<Reservation> reservation_;
  std::unique_ptr<LabelledBatches> source_;
  std::optional<Trainer> trainer_;
  SeedProgress progress_;
  std::vector<float> best_;              // weights; empty: none yet
  std::optional<WorkProgress> display_;  // of the epoch under way
};

}  // namespace encore
