// What a resumed run continues from: weights, moments and counters, in a folder that appears whole or not at all.
//
//   state.json     {"state": {...}, "crc32": of the text of "state"}
//   weights.f32, adam_m.f32, adam_v.f32
//                  the flat buffers of model/param_store.h, little-endian; bytes and CRC-32 stand in state.json
//   best.f32       of fine-tuning: the weights of the best epoch so far
// Order, masks and dropout are functions of the step, so nothing else is needed.
#pragma once

#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "kernels/base/check.h"
#include "model/param_store.h"
#include "optim/optimizer.h"

namespace encore {

struct RunState {
  int64_t step = 0;
  double seconds = 0;  // of training, over all sessions
  int64_t tokens = 0;  // seen, over all sessions
  double flops = 0;
  int64_t last_eval_step = -1;
  double first_eval_loss = std::numeric_limits<double>::quiet_NaN();  // before the first step
  double last_eval_loss = std::numeric_limits<double>::quiet_NaN();
  double best_loss = std::numeric_limits<double>::infinity();
  int64_t best_step = -1;
  int64_t skipped = 0;         // steps whose update was left out (train/nonfinite.h)
  int64_t skipped_in_row = 0;  // of these, the last ones without an update between
  uint64_t log_bytes = 0;      // of log.jsonl
  std::string events_file;     // name of the TensorBoard file
  uint64_t events_bytes = 0;
  nlohmann::json progress;  // of fine-tuning (train/finetuning.h); null for pretraining
  // Of the data and the model's shape: a state belongs to these alone.
  uint64_t train_fingerprint = 0, eval_fingerprint = 0, model_fingerprint = 0;
};

// Names, shapes and places of all parameters.
uint64_t layout_fingerprint(const ParamStore&);

// A file of a state that is missing or not what was written.
class DamagedState : public Error {
 public:
  using Error::Error;
};

// What lies beside the counters. A state without a store holds counters alone: the next weights are those of the
// checkpoint.
struct StateBuffers {
  ParamStore* params = nullptr;
  Optimizer* optimizer = nullptr;
  std::vector<float>* best = nullptr;  // of params' length; null or empty: none
};

// Publishes the folder. Throws IoError; a state that was there before is then untouched. An existing state of the same
// name is replaced, and at no moment is neither in place (kernels/base/atomic_folder.h).
void save_state(const std::string& dir, const RunState&, const StateBuffers&);

// Throws DamagedState naming the file, Error when it is of another version.
RunState read_state(const std::string& dir);
// Fills weights, moments, the optimiser's step, and `best` where the state holds it (else it is cleared). Throws
// DamagedState naming the file whose length or checksum is wrong.
void load_state(const std::string& dir, const RunState&, const StateBuffers&);

// Whether every file is there with the length that state.json tells, without reading the large ones.
bool state_looks_whole(const std::string& dir);
// Whether every byte is what was written.
bool state_is_whole(const std::string& dir);

}  // namespace encore
