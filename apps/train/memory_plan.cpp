#include "apps/train/memory_plan.h"

#include <algorithm>

#include "apps/train/memory_use.h"
#include "kernels/base/check.h"

namespace encore {
namespace {

constexpr size_t kHostBytesPerToken = 32;  // PackedBatch: seven int32 a token, a little a sequence
constexpr size_t kKernelBytes = size_t(76) << 10;
constexpr int64_t kKernelsPerBatch = 27, kMostKernels = 1024;

// Every matrix that multiplies activations; position and token type embeddings do not.
size_t matrix_bytes(const ParamStore& params) {
  int64_t elements = 0;
  for (const Parameter& p : params.parameters())
    if (p.shape.size() == 2 && p.name.find("position_embeddings") == std::string::npos &&
        p.name.find("token_type_embeddings") == std::string::npos)
      elements += p.extent;
  return size_t(elements) * size_of(params.compute_dtype());
}

// oneDNN keeps the sums of a bf16 product in fp32 until they are rounded.
size_t product_workspace(const Model& model, int64_t tokens) {
  if (model.params().compute_dtype() != DType::kBF16) return 0;
  const int64_t widest = std::max(3 * model.config().hidden_size, model.config().intermediate_size);
  return size_t(tokens * widest) * sizeof(float);
}

}  // namespace

MemoryPlan plan_run(const Model& model, const PlannedRun& run) {
  const ParamStore& params = model.params();
  MemoryPlan plan = model.plan(run.capacity, params.compute_dtype(), Mode::kTraining);
  plan.regions.push_back({"AdamW moments (fp32)", Optimizer::bytes(params.length())});

  const auto batches = [&](int64_t tokens) {
    return (tokens + run.step.tokens_per_batch - 1) / run.step.tokens_per_batch;
  };
  const int64_t step_tokens = (run.step.batch_sequences + run.ranks - 1) / run.ranks * run.seq_length;
  // A weight that is used twice between two updates is kept packed, one way for the forward pass, one for the backward.
  const int layouts = batches(step_tokens) > 1 ? 2 : batches(run.eval_tokens / run.ranks) > 1 ? 1 : 0;
  if (layouts) plan.regions.push_back({"packed weights", size_t(layouts) * matrix_bytes(params)});
  const int64_t steps = (run.step.total_examples + run.step.batch_sequences - 1) / run.step.batch_sequences;
  const int64_t shapes = steps * batches(step_tokens) + batches(run.eval_tokens / run.ranks);
  plan.regions.push_back({"kernels", kKernelBytes * size_t(std::min(kMostKernels, shapes * kKernelsPerBatch))});
  if (const size_t bytes = product_workspace(model, run.capacity.tokens))
    plan.regions.push_back({"products' workspace", bytes});
  plan.regions.push_back({"batches of a step", size_t(step_tokens) * kHostBytesPerToken});
  plan.regions.push_back({"program and libraries", run.before});
  return plan;
}

std::string to_text(const MemoryPlan& plan) {
  std::string text;
  for (const auto& region : plan.regions)
    text += fmt::format("  {:<24}{:>12}\n", region.name, human_bytes(double(region.bytes)));
  return text + fmt::format("  {:<24}{:>12}", "total", human_bytes(double(plan.total())));
}

}  // namespace encore
