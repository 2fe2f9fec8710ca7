#include "train/device.h"

#include <algorithm>

#include "kernels/backend_factory.h"

namespace encore {

std::string Device::description() const {
  return fmt::format("{}, {} activations", backend->description(), name_of(dtype));
}

void add_device_flags(Cli& cli) {
  cli.choice(
      kSpeedFlags, "device",
      "where to compute; auto is the GPU if one can be used, else the CPU; simt runs the GPU's kernels on the CPU, "
      "for tests",
      {"auto", "cpu", "cuda", "simt"}, "auto");
  cli.choice(kSpeedFlags, "dtype",
             "precision of activations; auto is bf16 where the processor or card multiplies it faster than fp32",
             {"auto", "bf16", "fp32"}, "auto");
  cli.integer(kSpeedFlags, "threads", "worker threads; 0: the cores this process may use", 0, 0, 4096);
}

void add_graph_flag(Cli& cli) {
  cli.choice(kSpeedFlags, "cuda-graph",
             "on a GPU: on records the passes over a batch and the update once and replays them; off makes every call",
             {"on", "off"}, "on");
}

void apply_graph_flag(const Cli& cli, Device& device) {
  device.backend->allow_capture(cli.get("cuda-graph") == "on");
}

Device open_device(const Cli& cli, int threads, int local_rank, int local_ranks) {
  Device d;
  const int asked = int(cli.get_integer("threads"));
  d.backend = make_backend(cli.get("device"), asked > 0 ? asked : threads, local_rank, local_ranks);
  d.threads = asked > 0 ? asked : threads;
  const std::string dtype = cli.get("dtype");
  check(dtype != "bf16" || d.backend->native_bf16(),
        "--dtype bf16: {} does not multiply bf16 natively; use --dtype fp32", d.backend->description());
  d.dtype = dtype == "auto" ? auto_dtype(*d.backend) : dtype == "fp32" ? DType::kF32 : DType::kBF16;
  return d;
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

void check_vocabulary(const EncoderConfig& config, const Tokenizer& tokenizer, const std::string& model_dir) {
  check(tokenizer.vocab_size() <= config.vocab_size,
        "{}/config.json: vocab_size {} is smaller than the tokenizer's {} ids; the two belong to different models",
        model_dir, config.vocab_size, tokenizer.vocab_size());
}

}  // namespace encore
