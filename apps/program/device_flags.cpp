#include "apps/program/device_flags.h"

#include <algorithm>

#include "apps/program/output_path.h"

namespace encore {

namespace {

void add_device_flag(Cli& cli) {
  cli.choice(
         kSpeedFlags, "device",
         "where to compute; auto is the GPU if one can be used, else the CPU; simt runs the GPU's kernels on the CPU, "
         "for tests",
         {"auto", "cpu", "cuda", "simt"}, "auto")
      .often();
}

}  // namespace

void add_tokens_per_batch_flag(Cli& cli, int64_t default_value) {
  cli.integer(kSpeedFlags, "tokens-per-batch", "tokens computed at a time by one rank; less takes less memory",
              default_value, 8, 1 << 26)
      .often();
}

void add_threads_flag(Cli& cli) {
  cli.integer(kSpeedFlags, "threads", "worker threads; 0: the cores this process may use", 0, 0, 4096)
      .may_change_on_resume();
}

void add_device_flags(Cli& cli) {
  add_device_flag(cli);
  cli.choice(kSpeedFlags, "dtype",
             "precision of activations; auto is bf16 where the processor or card multiplies it faster than fp32",
             {"auto", "bf16", "fp32"}, "auto");
  add_threads_flag(cli);
}

void add_fp32_device_flags(Cli& cli) {
  add_device_flag(cli);
  add_threads_flag(cli);
}

void add_graph_flag(Cli& cli) {
  cli.choice(kSpeedFlags, "cuda-graph",
             "on a GPU: on records the passes over a batch and the update once and replays them; off makes every call",
             {"on", "off"}, "on");
}

DeviceSpec device_spec(const Cli& cli) {
  return {.device = cli.get("device"),
          .dtype = cli.declares("dtype") ? cli.get("dtype") : "fp32",
          .threads = int(cli.get_integer("threads")),
          .step_graphs = !cli.declares("cuda-graph") || cli.get("cuda-graph") == "on"};
}

void add_profile_flags(Cli& cli) {
  cli.flag(kSpeedFlags, "profile", "at the end, print every op's share of the time, and its speed")
      .may_change_on_resume();
  cli.text(kSpeedFlags, "trace", "as --profile, and write the first steps as a trace for chrome://tracing or Perfetto",
           "FILE")
      .written()
      .may_change_on_resume();
}

ProfileSpec profile_spec(const Cli& cli) {
  return {.profile = cli.get_flag("profile"), .trace_file = output_file(cli, "trace", is_profile_trace)};
}

int64_t resolve_max_length(const Cli& cli, const EncoderConfig& config, const std::string& flag) {
  const int64_t asked = cli.get_integer(flag);
  if (!cli.given(flag)) return std::min(asked, config.max_length());
  check(
      asked <= config.max_length(),
      "--{} {} is longer than the model's {} positions (max_position_embeddings {} less {} reserved); give at most {}",
      flag, asked, config.max_length(), config.max_position_embeddings,
      config.max_position_embeddings - config.max_length(), config.max_length());
  return asked;
}

}  // namespace encore
