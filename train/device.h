// The flags that every computing program shares, and what follows from them.
#pragma once

#include <memory>
#include <string>

#include "apps/program/cli.h"
#include "data/tokenizer/tokenizer.h"
#include "kernels/backend.h"
#include "model/config.h"

namespace encore {

struct Device {
  std::unique_ptr<Backend> backend;
  DType dtype = DType::kF32;  // of activations
  int threads = 1;
  std::string description() const;  // "cpu: ..., bf16 activations"
};

// Heading of --help for flags that change speed and memory, and the result by rounding alone.
inline constexpr const char* kSpeedFlags = "Memory and speed";

// Declares --device, --dtype and --threads under kSpeedFlags.
void add_device_flags(Cli&);

// Declares --cuda-graph, of programs that train.
void add_graph_flag(Cli&);
void apply_graph_flag(const Cli&, Device&);

// threads: what this process may use when --threads is not given (0: all cores of its affinity mask).
// local_rank, local_ranks: of this process on its machine; each rank takes a card of its own.
Device open_device(const Cli&, int threads = 0, int local_rank = 0, int local_ranks = 1);

// The length in force: the flag's value where it was given, else the smaller of its default and what the model can do.
// Throws Error when the flag asks for more positions than the model has.
int64_t resolve_max_length(const Cli&, const EncoderConfig&, const std::string& flag);

// Throws Error when the tokenizer yields ids that the model's vocabulary lacks.
void check_vocabulary(const EncoderConfig&, const Tokenizer&, const std::string& model_dir);

}  // namespace encore
