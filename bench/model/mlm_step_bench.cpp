// Tokens per second of one masked-LM training step (forward, backward, gradient norm, AdamW) on random weights, and
// where its time goes by op.
//   mlm_step_bench [--shape base|mini] [--dtype fp32|bf16] [--sequences N] [--length S] [--steps K] [--profile]
//                  [--clock wall|cpu]
#include <omp.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <cxxopts.hpp>
#include <map>
#include <random>

#include "kernels/backend_factory.h"
#include "model/model.h"
#include "optim/optimizer.h"
#include "tests/support/forwarding_backend.h"

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

class OpTimes {
 public:
  void add(const char* name, double seconds) {
    auto& [calls, total] = times_[name];
    ++calls;
    total += seconds;
  }
  void clear() { times_.clear(); }
  void print(int steps, double step_seconds) const {
    std::vector<std::pair<double, std::string>> lines;
    double sum = 0;
    for (const auto& [name, entry] : times_) {
      sum += entry.second;
      lines.push_back({entry.second, fmt::format("{:24} {:6.1f} calls", name, double(entry.first) / steps)});
    }
    std::sort(lines.rbegin(), lines.rend());
    for (const auto& [seconds, text] : lines)
      fmt::print("  {} {:9.2f} ms {:5.1f} %\n", text, 1e3 * seconds / steps, 100 * seconds / (steps * step_seconds));
    fmt::print("  outside ops {:.2f} ms\n", 1e3 * (step_seconds - sum / steps));
  }

 private:
  std::map<std::string, std::pair<int, double>> times_;
};

int run(const cxxopts::ParseResult& args) {
  const auto cpu = make_backend("cpu");
  OpTimes times;
  test::ForwardingBackend timed(*cpu, [&](const char* name, const auto& call) {
    const double start = now();
    call();
    times.add(name, now() - start);
  });
  if (args["clock"].as<std::string>() == "cpu") cpu_clock_threads = omp_get_max_threads();
  const bool profile = args.count("profile") > 0;
  Backend& backend = profile ? static_cast<Backend&>(timed) : *cpu;
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
    if (s == 1) times.clear();
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
  double mean = 0;
  for (const double x : seconds) mean += x / double(seconds.size());
  fmt::print("{} {} {} x {}: {:.0f} tokens/s (median), best {:.0f}; {:.0f} GFLOP/s of the model\n",
             args["shape"].as<std::string>(), name_of(dtype), args["sequences"].as<int>(), args["length"].as<int>(),
             double(capacity.tokens) / median, double(capacity.tokens) / seconds.front(), flops / median / 1e9);
  if (profile) times.print(steps, mean);
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
