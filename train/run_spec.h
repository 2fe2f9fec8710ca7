// Every choice of the user of dapt_train or tapt_train; the flags are read into it once.
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

// The length of training: the limit that is reached first ends it; 0: no limit.
struct RunLength {
  double epochs = 1;
  int64_t max_steps = 0;
};
// Examples of the whole run if one pass has `examples`. Throws Error when both limits are 0.
int64_t total_examples(const RunLength&, int64_t examples, int64_t batch_sequences);

struct RunSpec {
  std::string program;             // "dapt_train"
  std::vector<std::string> notes;  // lines that the run prints first
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
  RunOptions run;  // eval_every 0: ten evaluations a run

  // output.config with the values that the run has resolved.
  nlohmann::json config_in_force(DType dtype) const;
};

}  // namespace encore
