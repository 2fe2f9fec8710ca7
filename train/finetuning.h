// Fine-tuning of a classifier: best dev epoch, test once, several seeds in one run.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "data/sequences/labelled.h"
#include "data/tokenizer/tokenizer.h"
#include "train/device.h"
#include "train/labelled_batches.h"
#include "train/output_spec.h"
#include "train/profiler.h"
#include "train/training_run.h"

namespace encore {

// The files of rows, and how they are read.
struct RowsSpec {
  std::string train, dev, test;  // test may be empty
  LabelledOptions fields;
  int64_t max_length = 512;  // tokens of an input, specials counted
};

// Every choice of the user of finetune; the flags are read into it once.
struct FinetuneSpec {
  std::string model_dir;
  EncoderConfig model = EncoderConfig();  // of model_dir
  OutputSpec output;
  DeviceSpec device;
  ProfileSpec profile;
  RowsSpec rows;
  LabelledBatchOptions batches;  // the seed is set for each classifier
  StepOptions step;              // likewise
  int seeds = 1;
  uint64_t first_seed = 0;
  int patience = 0;  // epochs without a better dev score before a seed ends; 0: never
  std::string metric = "macro-f1";
  // When states are saved. The fields about evaluations, time limit and log are ignored.
  RunOptions run;
};

struct LabelledData {
  LabelMap labels;
  ClassificationSet train, dev, test;  // test may be empty: then it is not scored
};

// Trains `seeds` classifiers from the same checkpoint and writes
//   config.json, log.jsonl (a line an epoch), events.out.tfevents.* (a record a step too)
//   results.json, report.html, after every seed
//   model/       the best seed by dev
//   state/       until the run is complete
// into the output folder, which is created after the checkpoint is loaded. Every rank calls it with the same spec; rank
// 0 writes. A resumed run gives the same bits as one that was never stopped.
// Throws NonFiniteError naming seed, epoch, step, tensor and rows when a loss or gradient is not finite; IoError when a
// file cannot be written; Error in one line for what cannot be read or does not fit.
RunEnd finetune(FinetuneSpec, Communicator& processes, const ReportMakerOf&);

}  // namespace encore
