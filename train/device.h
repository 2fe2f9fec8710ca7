// The device that a program computes on, and the precision of its activations.
#pragma once

#include <memory>
#include <string>

#include "data/tokenizer/tokenizer.h"
#include "kernels/backend.h"
#include "model/config.h"

namespace encore {

// The user's choice.
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
  int local_ranks = 1;              // ranks on this machine
  std::string description() const;  // "cpu: ..., bf16 activations"
};

// threads: worker threads if the spec says 0 (0: all cores of the affinity mask).
// local_rank, local_ranks: this process's rank on its machine, and the ranks there; each rank takes its own card.
// Throws Error if the device is not usable, or if the spec asks for bf16 and the device does not multiply it.
Device open_device(const DeviceSpec&, int threads = 0, int local_rank = 0, int local_ranks = 1);

// Throws Error when the tokenizer yields ids that the model's vocabulary lacks.
void check_vocabulary(const EncoderConfig&, const Tokenizer&, const std::string& model_dir);

}  // namespace encore
