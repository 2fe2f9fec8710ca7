// Tokens per second of one masked-LM training step (forward, backward, gradient norm, AdamW) on random weights, and
// where its time goes by op.
//   mlm_step_bench [--shape base|mini] [--dtype fp32|bf16] [--sequences N] [--length S] [--steps K] [--threads N]
//                  [--profile] [--clock wall|cpu]
#include <omp.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <cxxopts.hpp>
#include <memory>
#include <random>

#include "apps/train/profiler.h"
#include "kernels/backend_factory.h"
#include "model/model.h"
#include "optim/optimizer.h"

namespace encore {
namespace {

// --clock cpu counts processor time over the threads: what a step takes on a machine that does nothing else, measured
// on one that does.
int cpu_clock_threads = 0;

double now() {
  if (cpu_clock_threads > 0) return double(std::clock()) / CLOCKS_PER_SEC / cpu_clock_threads;
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

RobertaConfig shape(const std::string& name) {
  RobertaConfig c;
  c.max_position_embeddings = 514;
  c.type_vocab_size = 1;
  c.layer_norm_eps = 1e-5f;
  if (name == "base") return c;
  check(name == "mini", "--shape: '{}' is neither base nor mini", name);
  c.vocab_size = 8192;
  c.hidden_size = 256;
  c.num_hidden_layers = 4;
  c.num_attention_heads = 4;
  c.intermediate_size = 1024;
  return c;
}

// 15 % of the tokens are targets.
PackedBatch random_batch(const RobertaConfig& c, int sequences, int length, std::mt19937_64& random) {
  PackedBatch b;
  b.cu_seqlens = {0};
  for (int n = 0; n < sequences; ++n) {
    for (int i = 0; i < length; ++i) {
      if (random() % 100 < 15) {
        b.target_rows.push_back(int32_t(b.ids.size()));
        b.target_labels.push_back(int32_t(random() % uint64_t(c.vocab_size)));
      }
      b.ids.push_back(int32_t(3 + random() % uint64_t(c.vocab_size - 3)));
    }
    b.cu_seqlens.push_back(int32_t(b.ids.size()));
    b.example_keys.push_back(random() >> 24);
  }
  b.finish(c.pad_token_id);
  return b;
}

int run(const cxxopts::ParseResult& args) {
  std::unique_ptr<Backend> device = make_backend("cpu", args["threads"].as<int>());
  if (args["clock"].as<std::string>() == "cpu") cpu_clock_threads = omp_get_max_threads();
  std::unique_ptr<Profiler> profiler;
  if (args.count("profile")) {
    profiler = std::make_unique<Profiler>("", now);
    device = profiler->wrap(std::move(device));
  }
  Backend& backend = *device;
  const RobertaConfig config = shape(args["shape"].as<std::string>());
  const DType dtype = args["dtype"].as<std::string>() == "bf16" ? DType::kBF16 : DType::kF32;
  const int steps = args["steps"].as<int>();
  std::mt19937_64 random(1);
  std::vector<PackedBatch> batches;
  for (int s = 0; s <= steps; ++s)
    batches.push_back(random_batch(config, args["sequences"].as<int>(), args["length"].as<int>(), random));
  BatchCapacity capacity;
  for (const PackedBatch& b : batches) capacity = {b.tokens(), b.sequences(), std::max(capacity.targets, b.targets())};

  const auto model = make_mlm(config, backend, dtype, Mode::kTraining);
  model->params().initialise(1, config.initializer_range);
  model->params().weights_changed();
  model->reserve(capacity, Mode::kTraining);
  Optimizer optimizer(model->params(), {.weight_decay = 0.01});
  fmt::print("{}\n", backend.description());
  for (const auto& r : model->plan(capacity, dtype, Mode::kTraining).regions)
    fmt::print("  {:24} {:8.1f} MiB\n", r.name, double(r.bytes) / (1 << 20));

  std::vector<double> seconds;
  double flops = 0;
  for (int s = 0; s <= steps; ++s) {
    const Profiler::Phase phase(profiler.get(), "step");
    const double start = now();
    model->params().zero_gradients();
    model->forward_backward(batches[size_t(s)], 1.0f / float(batches[size_t(s)].targets()), 1);
    const double norm = optimizer.gradient_norm();
    optimizer.step(1e-4, norm);
    const LossTotals totals = model->take_totals();
    if (s > 0) seconds.push_back(now() - start);
    flops = training_flops(config, batches[size_t(s)]);
    fmt::print("step {}: loss {:.4f}, norm {:.3f}, {:.3f} s\n", s, totals.loss_sum / double(totals.targets), norm,
               now() - start);
  }
  std::sort(seconds.begin(), seconds.end());
  const double median = seconds[seconds.size() / 2];
  fmt::print("{} {} {} x {}: {:.0f} tokens/s (median), best {:.0f}; {:.0f} GFLOP/s of the model\n",
             args["shape"].as<std::string>(), name_of(dtype), args["sequences"].as<int>(), args["length"].as<int>(),
             double(capacity.tokens) / median, double(capacity.tokens) / seconds.front(), flops / median / 1e9);
  if (profiler) fmt::print("{}", profiler->report());
  fmt::print("backend workspace {:.1f} MiB\n", double(backend.workspace_bytes()) / (1 << 20));
  return 0;
}

}  // namespace
}  // namespace encore

int main(int argc, char** argv) {
  cxxopts::Options options("mlm_step_bench", "Speed of one masked-LM training step.");
  options.add_options()("shape", "base or mini", cxxopts::value<std::string>()->default_value("base"))(
      "dtype", "bf16 or fp32", cxxopts::value<std::string>()->default_value("bf16"))(
      "sequences", "sequences of a step", cxxopts::value<int>()->default_value("8"))(
      "length", "tokens of a sequence", cxxopts::value<int>()->default_value("512"))(
      "threads", "worker threads (0: the cores of this process)", cxxopts::value<int>()->default_value("0"))(
      "steps", "measured steps after one to warm up", cxxopts::value<int>()->default_value("3"))(
      "clock", "wall or cpu", cxxopts::value<std::string>()->default_value("wall"))("profile", "time by op")(
      "help", "this text");
  const auto args = options.parse(argc, argv);
  if (args.count("help")) {
    fmt::print("{}", options.help());
    return 0;
  }
  return encore::run(args);
}
