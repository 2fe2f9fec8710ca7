#include "train/memory_plan.h"

#include <algorithm>
#include <filesystem>
#include <vector>

#include "kernels/base/check.h"
#include "kernels/base/human.h"
#include "model/mlm_head.h"

namespace encore {
namespace {

constexpr size_t kHostBytesPerToken = 32;            // PackedBatch: seven int32 a token, a little a sequence
constexpr size_t kDeviceScratch = size_t(32) << 20;  // partial sums: a few hundred rows of the widest matrices

// The matrices that multiply activations, as linear layers over the rows of the largest batch. Matrices of one shape
// share kernels, and are listed once, with their number.
struct Layers {
  LinearShape shape;
  bool encoder = true;  // over all tokens; else a head, over the rows that it reads
  int64_t count = 0;
};

std::vector<Layers> linear_layers(const Model& model, const BatchCapacity& c, bool training) {
  std::vector<Layers> all;
  const auto add = [&](int64_t rows, int64_t in, int64_t out, bool encoder) {
    for (Layers& l : all)
      if (l.shape.rows == rows && l.shape.in == in && l.shape.out == out) return void(++l.count);
    const LinearShape shape{
        .rows = rows, .in = in, .out = out, .dtype = model.params().compute_dtype(), .training = training};
    all.push_back({.shape = shape, .encoder = encoder, .count = 1});
  };
  const std::vector<Parameter>& parameters = model.params().parameters();
  for (size_t i = 0; i < parameters.size(); ++i) {
    const Parameter& p = parameters[i];
    const auto named = [&](const char* part) { return p.name.find(part) != std::string::npos; };
    if (p.shape.size() != 2 || named("position_embeddings") || named("token_type_embeddings")) continue;
    const bool encoder = named("layer."), decoder = named("word_embeddings");
    int64_t out = p.extent / p.cols();
    // Query, key and value are one matrix.
    for (; encoder && i + 1 < parameters.size() && parameters[i + 1].shape == p.shape; ++i) out += p.rows();
    const int64_t read = decoder ? std::min(c.targets, MlmHead::kBlockRows) : c.targets > 0 ? c.targets : c.sequences;
    if (const int64_t rows = encoder ? c.tokens : read; rows > 0) add(rows, p.cols(), out, encoder);
  }
  return all;
}

}  // namespace

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

void add_backend_regions(MemoryPlan& plan, const Model& model, const BatchCapacity& capacity, Mode mode,
                         const ProductUse& use) {
  const Backend& backend = model.params().backend();
  if (backend.device_memory()) {
    const size_t row = size_t(model.config().hidden_size + model.config().num_attention_heads) * sizeof(float);
    plan.regions.push_back({"kernels' scratch", kDeviceScratch + size_t(capacity.tokens) * row});
    return;
  }
  size_t packed = 0, workspace = 0;
  double kernels = 0, kernel_bytes = 0;
  for (const Layers& l : linear_layers(model, capacity, mode == Mode::kTraining)) {
    const LinearMemory memory = backend.linear_memory(l.shape);
    packed += size_t(l.count) *
              ((use.layouts > 0 ? memory.packed_forward : 0) + (use.layouts > 1 ? memory.packed_backward : 0));
    workspace = std::max(workspace, memory.workspace);
    const double sizes = double(l.encoder ? use.token_counts : std::min(use.batches, l.shape.rows));
    kernels += sizes * double(memory.kernels);
    kernel_bytes += sizes * double(memory.kernel_bytes);
  }
  if (kernels > double(backend.most_kernels())) kernel_bytes *= double(backend.most_kernels()) / kernels;
  if (packed) plan.regions.push_back({"packed weights", packed});
  plan.regions.push_back({"kernels", kLibraryMemory + size_t(kernel_bytes)});
  if (workspace) plan.regions.push_back({"products' workspace", workspace});
}

void add_workspace(MemoryPlan& plan, const Model& model, const BatchCapacity& capacity, Mode mode,
                   const ProductUse& use, size_t before) {
  add_backend_regions(plan, model, capacity, mode, use);
  plan.regions.push_back({"a batch on the host", host_batch_bytes(capacity.tokens), /*host=*/true});
  plan.regions.push_back({"program, libraries, texts", before, /*host=*/true});
}

LargestStep largest_step(const BatchSource& source, int ranks) {
  LargestStep largest;
  for (int64_t step = 0; step < source.steps(); ++step)
    for (int rank = 0; rank < ranks; ++rank) {
      const std::vector<int64_t> lengths = source.micro_batch_tokens(step, rank, ranks);
      int64_t all = 0;
      for (const int64_t tokens : lengths) {
        largest.add(tokens);
        all += tokens;
      }
      largest.step_tokens = std::max(largest.step_tokens, all);
      largest.micro_batches = std::max(largest.micro_batches, int64_t(lengths.size()));
      if (rank == 0) largest.batches += int64_t(lengths.size());  // add() has counted those of all ranks
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
  // A weight that is used twice between two updates is kept packed, in one layout for each of the two passes. The batch
  // of an evaluation and that of the next step are two.
  add_backend_regions(plan, model, run.capacity, Mode::kTraining,
                      {.layouts = run.largest.micro_batches > 1 ? 2
                                  : eval_batches > 0            ? 1
                                                                : 0,
                       .batches = run.steps * run.largest.micro_batches + eval_batches,
                       .token_counts = run.largest.token_counts() + eval_batches});
  plan.regions.push_back({"batches of a step", host_batch_bytes(run.largest.step_tokens), /*host=*/true});
  if (run.keeps_best)
    plan.regions.push_back({"a best model not saved yet", size_t(params.length()) * sizeof(float), /*host=*/true});
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
