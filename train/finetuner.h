// Fine-tuning of a classifier: best dev epoch, test once, several seeds in one run.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "data/sequences/labelled.h"
#include "data/tokenizer/tokenizer.h"
#include "kernels/backend.h"
#include "model/model.h"
#include "optim/optimizer.h"
#include "optim/schedule.h"
#include "train/metrics.h"

namespace encore {

class Profiler;

struct FinetuneOptions {
  std::string model_dir, output_dir;
  std::string flags;  // text of OUTPUT/config.json
  int epochs = 10;
  int64_t batch_size = 16;
  int64_t max_length = 512;
  int64_t tokens_per_batch = 8192;  // a batch is cut into micro-batches of at most this many tokens
  int seeds = 1;
  uint64_t first_seed = 0;
  int patience = 0;  // epochs without a better dev score before stopping; 0: never
  std::string metric = "macro-f1";
  double warmup_ratio = 0.06;
  Schedule schedule;  // kind and lr; steps are worked out
  AdamWOptions adamw;
  DType dtype = DType::kF32;
  Profiler* profiler = nullptr;
  BatchCapacity capacity;    // of the largest micro-batch (train/classifier_memory.h); scoring keeps to it
  size_t planned_bytes = 0;  // what the memory plan promised, for the comparison at the end
};

struct LabelledData {
  LabelMap labels;
  ClassificationSet train, dev, test;  // test may be empty: then nothing is said of it
};

// What one seed gave.
struct SeedResult {
  uint64_t seed = 0;
  int best_epoch = 0;  // from 1
  Scores dev, test;
  nlohmann::json to_json(const std::vector<std::string>& labels, bool with_test) const;
};

// Predicted label of each row, and (optionally) probabilities [n, labels], in the order of the rows. Batches are made
// by length, so nothing is padded and memory is bounded by tokens_per_batch.
std::vector<int32_t> classify(Model&, const ClassificationSet&, int64_t tokens_per_batch,
                              std::vector<float>* probabilities = nullptr);

// Trains `seeds` classifiers from the same checkpoint, writes OUTPUT/config.json, OUTPUT/log.jsonl, OUTPUT/model (the
// best seed by dev), OUTPUT/results.json, and returns what results.json holds. OUTPUT is made once the checkpoint is
// loaded. Throws NonFiniteError naming seed, epoch, step, tensor and rows when a loss or gradient is not finite;
// IoError when a file cannot be written.
nlohmann::json finetune(const FinetuneOptions&, const LabelledData&, const Tokenizer&, Backend&);

}  // namespace encore
