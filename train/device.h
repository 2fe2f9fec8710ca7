// The device that a program computes on, and the precision of its activations.
#pragma once

#include <memory>
#include <string>

#include "data/tokenizer/tokenizer.h"
#include "kernels/backend.h"
#include "model/config.h"

namespace encore {

// What a user asks for.
struct DeviceSpec {
  std::string device = "auto";  // "auto", "cpu", "cuda", "simt" (kernels/backend_factory.h)
  std::string dtype = "auto";   // "auto", "bf16", "fp32"
  int threads = 0;              // worker threads; 0: the cores that this process may use
  bool step_graphs = true;      // a GPU records the passes over a batch once and replays them
};

struct Device {
  std::unique_ptr<Backend> backend;
  DType dtype = DType::kF32;  // of activations
  int threads = 1;
  int local_ranks = 1;              // that share this machine
  std::string description() const;  // "cpu: ..., bf16 activations"
};

// threads: what this process may use where the spec says 0 (0: all cores of its affinity mask).
// local_rank, local_ranks: of this process on its machine; each rank takes a card of its own.
// Throws Error where the device is not usable or does not multiply bf16 that was asked for.
Device open_device(const DeviceSpec&, int threads = 0, int local_rank = 0, int local_ranks = 1);

// Throws Error when the tokenizer yields ids that the model's vocabulary lacks.
void check_vocabulary(const EncoderConfig&, const Tokenizer&, const std::string& model_dir);

}  // namespace encore
