// The state of a run, to resume from: weights, moments and counters, in a folder that appears whole or not at all.
//
//   state.json     {"state": {...}, "crc32": of the text of "state"}
//   weights.f32, adam_m.f32, adam_v.f32
//                  the flat buffers of model/param_store.h, little-endian; state.json has their bytes and CRC-32
//   best.f32       fine-tuning only: the weights of the best epoch so far
//   NAME.f32       what a model has beside parameters: the running statistics of batch norm
// Order, masks and dropout are functions of the step, so nothing else is needed.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "kernels/base/check.h"
#include "model/param_store.h"
#include "optim/optimizer.h"
#include "train/run_digest.h"
#include "train/step_log.h"

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
  int64_t skipped_in_row = 0;  // the latest of these, without an update between
  LogMarks log;                // where log.jsonl and the TensorBoard file end
  nlohmann::json progress;     // fine-tuning only (train/finetune_results.h); null for pretraining
  // A state is valid only for a run whose digest has the same values. A state of version 1 has three fields alone.
  RunDigest digest;
};

// A file of a state is missing or damaged.
class DamagedState : public Error {
 public:
  using Error::Error;
};

// The buffers beside the counters. A state without params holds counters alone, and the next seed starts from the
// checkpoint.
struct StateBuffers {
  ParamStore* params = nullptr;
  Optimizer* optimizer = nullptr;
  std::vector<float>* best = nullptr;  // of params' length; null or empty: none
  // By name. load_state() fills them and expects the size that they have.
  std::map<std::string, std::vector<float>*> more;
};

// Publishes the folder. Replaces an existing state of the same name such that one of the two is in place at every
// moment (kernels/base/atomic_folder.h). Throws IoError, and then leaves the existing state untouched.
void save_state(const std::string& dir, const RunState&, const StateBuffers&);

// Throws DamagedState naming the file, Error when it is of another version.
RunState read_state(const std::string& dir);
// Fills weights, moments, the optimiser's step, and `best` (cleared if the state holds none). Throws DamagedState
// naming the file whose length or checksum is wrong.
void load_state(const std::string& dir, const RunState&, const StateBuffers&);

// Whether every file has the length that state.json gives; does not read the large ones.
bool state_looks_whole(const std::string& dir);
// Whether every file has its checksum.
bool state_is_whole(const std::string& dir);

}  // namespace encore
