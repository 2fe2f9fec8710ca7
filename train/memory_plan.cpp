#include "train/memory_plan.h"

#include <algorithm>
#include <filesystem>

#include "kernels/base/check.h"
#include "kernels/base/human.h"

namespace encore {
namespace {

constexpr size_t kHostBytesPerToken = 32;  // PackedBatch: seven int32 a token, a little a sequence
constexpr size_t kKernelBytes = size_t(76) << 10;
constexpr size_t kDeviceScratch = size_t(32) << 20;  // partial sums: a few hundred rows of the widest matrices
constexpr int64_t kKernelsPerBatch = 27, kMostKernels = 1024;

}  // namespace

// Every matrix that multiplies activations; position and token type embeddings do not.
size_t packed_bytes(const ParamStore& params) {
  int64_t elements = 0;
  for (const Parameter& p : params.parameters())
    if (p.shape.size() == 2 && p.name.find("position_embeddings") == std::string::npos &&
        p.name.find("token_type_embeddings") == std::string::npos)
      elements += p.extent;
  return size_t(elements) * size_of(params.compute_dtype());
}

size_t kernel_bytes(int64_t batches) {
  return kKernelBytes * size_t(std::min(kMostKernels, batches * kKernelsPerBatch));
}

size_t host_batch_bytes(int64_t tokens) {
  return size_t(tokens) * kHostBytesPerToken;
}

uint64_t weight_file_bytes(const std::string& model_dir) {
  uint64_t bytes = 0;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(model_dir, error))
    if (const auto e = entry.path().extension(); e == ".safetensors" || e == ".bin") bytes += entry.file_size(error);
  return bytes;
}

size_t largest_tensor_bytes(const ParamStore& params) {
  int64_t largest = 0;
  for (const Parameter& p : params.parameters()) largest = std::max(largest, p.size());
  return size_t(largest) * sizeof(float);
}

// oneDNN keeps the sums of a bf16 product in fp32 until they are rounded.
size_t product_workspace(const Model& model, int64_t tokens) {
  if (model.params().compute_dtype() != DType::kBF16) return 0;
  const int64_t widest = std::max(3 * model.config().hidden_size, model.config().intermediate_size);
  return size_t(tokens * widest) * sizeof(float);
}

void add_backend_regions(MemoryPlan& plan, const Model& model, const Backend& backend, int layouts, int64_t batches,
                         int64_t tokens) {
  if (backend.device_memory()) {
    const size_t row = size_t(model.config().hidden_size + model.config().num_attention_heads) * sizeof(float);
    plan.regions.push_back({"kernels' scratch", kDeviceScratch + size_t(tokens) * row});
    return;
  }
  if (layouts) plan.regions.push_back({"packed weights", size_t(layouts) * packed_bytes(model.params())});
  plan.regions.push_back({"kernels", kernel_bytes(batches)});
  if (const size_t bytes = product_workspace(model, tokens)) plan.regions.push_back({"products' workspace", bytes});
}

void add_workspace(MemoryPlan& plan, const Model& model, int layouts, int64_t batches, int64_t tokens, size_t before) {
  add_backend_regions(plan, model, model.params().backend(), layouts, batches, tokens);
  plan.regions.push_back({"a batch on the host", host_batch_bytes(tokens), /*host=*/true});
  plan.regions.push_back({"program, libraries, texts", before, /*host=*/true});
}

LargestStep largest_step(const BatchSource& source, int ranks) {
  LargestStep largest;
  for (int64_t step = 0; step < source.steps(); ++step)
    for (int rank = 0; rank < ranks; ++rank) {
      const std::vector<int64_t> lengths = source.micro_batch_tokens(step, rank, ranks);
      int64_t all = 0;
      for (const int64_t tokens : lengths) {
        largest.tokens = std::max(largest.tokens, tokens);
        all += tokens;
      }
      largest.step_tokens = std::max(largest.step_tokens, all);
      largest.micro_batches = std::max(largest.micro_batches, int64_t(lengths.size()));
      if (rank == 0) largest.batches += int64_t(lengths.size());
    }
  return largest;
}

MemoryPlan plan_run(const Model& model, const PlannedRun& run) {
  const ParamStore& params = model.params();
  MemoryPlan plan = model.plan(run.capacity, params.compute_dtype(), Mode::kTraining);
  plan.regions.push_back({"AdamW moments (fp32)", Optimizer::bytes(params.length())});
  if (const size_t bytes = GradientReducer::bytes(params.length(), run.reduce_dtype, run.ranks))
    plan.regions.push_back({"gradients between ranks (bf16)", bytes});

  const int64_t eval_batches = (run.eval_tokens / run.ranks + run.capacity.tokens - 1) / run.capacity.tokens;
  // A weight that is used twice between two updates is kept packed, in one layout for each of the two passes.
  const int layouts = run.largest.micro_batches > 1 ? 2 : eval_batches > 1 ? 1 : 0;
  add_backend_regions(plan, model, params.backend(), layouts, run.steps * run.largest.micro_batches + eval_batches,
                      run.capacity.tokens);
  plan.regions.push_back({"batches of a step", host_batch_bytes(run.largest.step_tokens), /*host=*/true});
  plan.regions.push_back({"a tensor on its way to a file", largest_tensor_bytes(params), /*host=*/true});
  plan.regions.push_back({"program and libraries", run.before, /*host=*/true});
  return plan;
}

std::string to_text(const MemoryPlan& plan) {
  std::string text;
  for (const auto& region : plan.regions)
    text += fmt::format("  {:<30}{:>12}\n", region.name, human_bytes(double(region.bytes)));
  return text + fmt::format("  {:<30}{:>12}", "total", human_bytes(double(plan.total())));
}

}  // namespace encore
