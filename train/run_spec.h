// What a run of dapt_train or tapt_train is to do: every choice of its user, read once.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "data/sequences/masking.h"
#include "model/config.h"
#include "train/device.h"
#include "train/output_spec.h"
#include "train/profiler.h"
#include "train/run_data.h"
#include "train/text_batches.h"
#include "train/training_run.h"

namespace encore {

// How long to train: whichever ends sooner; 0: does not count.
struct RunLength {
  double epochs = 1;
  int64_t max_steps = 0;
};
// Examples of the whole run, where one pass has `examples`. Throws Error where nothing says how long to train.
int64_t total_examples(const RunLength&, int64_t examples, int64_t batch_sequences);

struct RunSpec {
  std::string program;             // "dapt_train"
  std::vector<std::string> notes;  // lines that the run says first
  std::string model_dir;
  EncoderConfig model = EncoderConfig();  // of model_dir, with the dropout in force
  OutputSpec output;
  bool dry_run = false;  // measure a few steps and write nothing
  DeviceSpec device;
  ProfileSpec profile;
  TextSpec text;
  MaskingOptions masking, eval_masking;
  RunLength length;
  TextBatchOptions batches;  // total_examples follows from length and text
  StepOptions step;
  RunOptions run;  // eval_every 0: ten times a run

  // output.config with what the run has worked out.
  nlohmann::json config_in_force(DType dtype) const;
};

}  // namespace encore
