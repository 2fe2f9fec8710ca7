// Trains VAMPIRE on bags of words, epoch by epoch; the epoch whose topics have the best NPMI on the dev text is kept.
#pragma once

#include <cstdint>
#include <string>

#include "model/vampire/vampire_config.h"
#include "optim/optimizer.h"
#include "train/device.h"
#include "train/output_spec.h"
#include "train/training_run.h"
#include "train/vampire/kl_schedule.h"
#include "train/vampire/vampire_text.h"

namespace encore {

enum class NpmiReading : uint8_t { kStandard, kVampire };

// Every choice of the user of vampire_train; the flags are read into it once.
struct VampireSpec {
  OutputSpec output;
  DeviceSpec device;  // activations are fp32
  VampireTextOptions text;
  VampireConfig model;  // the vocabulary is that of the text
  KlSchedule kl;
  int64_t epochs = 50;
  int64_t batch_documents = 64;
  double lr = 1e-3;  // without a schedule
  AdamWOptions adam = {.clip = 0};
  uint64_t seed = 42;
  int64_t patience = 5;  // epochs without a better NPMI before the run ends; 0: never
  NpmiReading npmi = NpmiReading::kStandard;
  // When states are saved. The fields about evaluations and log are ignored.
  RunOptions run;
};

// Writes
//   config.json, log.jsonl (a line a step, and one an epoch with "eval_loss"), events.out.tfevents.*, report.html
//   vocabulary.json                 the words and their counts (data/select/bags/bag_vocabulary.h)
//   topics.json                     of the best epoch (train/vampire/topics.h)
//   model/best, model/last          train/vampire/saved_vampire.h
//   state/step-N                    to resume from
// into the output folder, which is made when nothing can be refused any more. A resumed run gives the same bits as one
// that was never stopped. Losses are nats a document; eval_loss is the negative ELBO of the dev text with KL weight 1.
// Throws NonFiniteError naming epoch and step, with what to try, when a loss or gradient is not finite; IoError when a
// file cannot be written; Error in one line for what cannot be read or does not fit.
RunEnd train_vampire(VampireSpec, const ReportMakerOf&);

}  // namespace encore
