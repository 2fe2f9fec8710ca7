// The flags that every computing program shares: device, precision, threads, profile.
#pragma once

#include <memory>

#include "apps/program/cli.h"
#include "model/config.h"
#include "train/device.h"
#include "train/profiler.h"

namespace encore {

// Heading of --help for flags that change speed and memory, and the result by rounding alone.
inline constexpr const char* kSpeedFlags = "Memory and speed";

// Declares --tokens-per-batch.
void add_tokens_per_batch_flag(Cli&, int64_t default_value);
// Declares --threads.
void add_threads_flag(Cli&);
// Declares --device, --dtype and --threads.
void add_device_flags(Cli&);
// Declares --device and --threads, of programs that compute in fp32 alone.
void add_fp32_device_flags(Cli&);
// Declares --cuda-graph, of programs that train.
void add_graph_flag(Cli&);
DeviceSpec device_spec(const Cli&);

// Declares --profile and --trace.
void add_profile_flags(Cli&);
ProfileSpec profile_spec(const Cli&);

// The length in force: the flag's value where it was given, else the smaller of its default and what the model can do.
// Throws Error when the flag asks for more positions than the model has.
int64_t resolve_max_length(const Cli&, const EncoderConfig&, const std::string& flag);

}  // namespace encore
