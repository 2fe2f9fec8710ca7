#include "train/device.h"

#include "kernels/backend_factory.h"

namespace encore {

std::string Device::description() const {
  return fmt::format("{}, {} activations", backend->description(), name_of(dtype));
}

Device open_device(const DeviceSpec& spec, int threads, int local_rank, int local_ranks) {
  const int workers = spec.threads > 0 ? spec.threads : threads;
  Device d{.backend = make_backend(spec.device, workers, local_rank, local_ranks),
           .threads = workers,
           .local_ranks = local_ranks};
  check(spec.dtype != "bf16" || d.backend->native_bf16(),
        "--dtype bf16: {} does not multiply bf16 natively; use --dtype fp32", d.backend->description());
  d.dtype = spec.dtype == "auto" ? auto_dtype(*d.backend) : spec.dtype == "fp32" ? DType::kF32 : DType::kBF16;
  d.backend->allow_capture(spec.step_graphs);
  return d;
}

void check_vocabulary(const EncoderConfig& config, const Tokenizer& tokenizer, const std::string& model_dir) {
  check(tokenizer.vocab_size() <= config.vocab_size,
        "{}/config.json: vocab_size {} is smaller than the tokenizer's {} ids; the two belong to different models",
        model_dir, config.vocab_size, tokenizer.vocab_size());
}

}  // namespace encore
