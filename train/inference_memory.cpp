#include "train/inference_memory.h"

#include "train/memory_limit.h"
#include "train/memory_plan.h"
#include "train/memory_use.h"

namespace encore {

MemoryPlan plan_inference(const Model& outline, const Device& device, const BatchCapacity& capacity, int64_t batches,
                          size_t before) {
  MemoryPlan plan = outline.plan(capacity, device.dtype, Mode::kInference);
  const BatchCapacity smallest{.tokens = 2, .sequences = 1, .targets = 1};
  const size_t weights = outline.plan(smallest, device.dtype, Mode::kInference).total();
  add_workspace(plan, outline, capacity, Mode::kInference,
                {.layouts = batches > 1 ? 1 : 0, .batches = batches, .token_counts = batches}, before);
  // Reading the weights needs one more tensor; that is the peak if the batches need less.
  const size_t reading = weights + largest_tensor_bytes(outline.params()) + before;
  if (!device.backend->device_memory() && reading > plan.total())
    plan.regions.push_back({"reading the weights", reading - plan.total()});
  return plan;
}

void check_inference_memory(const EncoderConfig& config, const std::string& model_dir, const Device& device,
                            const InferenceBatches& b) {
  const size_t before = memory_use().anonymous;
  const auto outline = outline_mlm(config, *device.backend, device.dtype, Mode::kInference);
  const auto plan = [&](int64_t tokens) {
    MemoryPlan plan = plan_inference(*outline, device, b.capacity(tokens), b.batches, before);
    if (b.host_bytes_per_token)
      plan.regions.push_back({"results on the host", size_t(tokens) * b.host_bytes_per_token, /*host=*/true});
    if (b.reading_bytes) plan.regions.push_back({"rows being read", b.reading_bytes, /*host=*/true});
    return plan;
  };
  check_memory(plan, b.tokens, b.least, before,
               memory_room(device.local_ranks, device.threads, weight_file_bytes(model_dir)), *device.backend);
}

}  // namespace encore
