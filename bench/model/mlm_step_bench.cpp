// Tokens per second of one masked-LM training step (forward, backward, gradient norm, AdamW) on random weights, and the
// time of each op. --help lists the flags.
#include <omp.h>

#include <algorithm>
#include <ctime>
#include <cxxopts.hpp>
#include <memory>
#include <random>

#include "kernels/backend_factory.h"
#include "kernels/base/atomic_file.h"
#include "kernels/base/clock.h"
#include "kernels/graphed_calls.h"
#include "model/model.h"
#include "optim/optimizer.h"
#include "train/profiler.h"

namespace encore {
namespace {

// --clock cpu counts processor time over the threads: on a busy machine it gives the step time of an idle one.
int cpu_clock_threads = 0;

double now() {
  if (cpu_clock_threads > 0) return double(std::clock()) / CLOCKS_PER_SEC / cpu_clock_threads;
  return steady_seconds();
}

EncoderConfig shape(const std::string& name) {
  EncoderConfig c;
  c.max_position_embeddings = 514;
  c.type_vocab_size = 1;
  c.layer_norm_eps = 1e-5f;
  const auto set = [&](int64_t vocabulary, int64_t hidden, int64_t layers, int64_t heads) {
    c.vocab_size = vocabulary, c.hidden_size = hidden, c.intermediate_size = 4 * hidden;
    c.num_hidden_layers = layers, c.num_attention_heads = heads;
  };
  if (name == "base") return c;
  if (name == "large") return set(50265, 1024, 24, 16), c;
  if (name == "mini") return set(8192, 256, 4, 4), c;
  check(name == "tiny", "--shape: '{}' is none of base, large, mini, tiny", name);
  return set(512, 64, 2, 2), c;
}

// 15 % of the tokens are targets.
PackedBatch random_batch(const EncoderConfig& c, int sequences, int length, std::mt19937_64& random) {
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
  b.finish();
  return b;
}

struct Times {
  std::vector<double> sorted;
  double at(double share) const { return sorted[size_t(share * double(sorted.size() - 1) + 0.5)]; }
};

// Results for scripts: times in seconds a step. "busy": the share of the time that lies within ops.
void write_json(const std::string& file, const cxxopts::ParseResult& args, const Times& t, double tokens, double flops,
                Backend& backend, const Profiler* profiler) {
  nlohmann::ordered_json j{{"device", backend.description()},
                           {"shape", args["shape"].as<std::string>()},
                           {"dtype", args["dtype"].as<std::string>()},
                           {"sequences", args["sequences"].as<int>()},
                           {"length", args["length"].as<int>()},
                           {"dropout", args["dropout"].as<float>()},
                           {"attention_dropout", args["attention-dropout"].as<float>()},
                           {"cuda_graph", backend.can_capture()},
                           {"steps", t.sorted.size()},
                           {"tokens_per_second", tokens / t.at(0.5)},
                           {"median_s", t.at(0.5)},
                           {"p10_s", t.at(0.1)},
                           {"p90_s", t.at(0.9)},
                           {"model_tflop_s", flops / t.at(0.5) * 1e-12},
                           {"workspace_bytes", backend.workspace_bytes()}};
  if (profiler) {
    const nlohmann::json step = profiler->json()["step"];
    double inside = 0;
    for (const auto& op : step["ops"]) inside += op["seconds"].get<double>();
    j["busy"] = inside / step["seconds"].get<double>();
    j["profile"] = step;
  }
  write_file_atomic(file, j.dump(1) + "\n");
}

int run(const cxxopts::ParseResult& args) {
  std::unique_ptr<Backend> device = make_backend(args["device"].as<std::string>(), args["threads"].as<int>());
  device->set_index_checks(false);
  device->allow_capture(args["cuda-graph"].as<std::string>() == "on");
  const bool cpu_clock = args["clock"].as<std::string>() == "cpu";
  if (cpu_clock) cpu_clock_threads = omp_get_max_threads();
  std::unique_ptr<Profiler> profiler;
  if (args.count("profile")) {
    profiler = std::make_unique<Profiler>("", cpu_clock ? Profiler::Clock(now) : Profiler::Clock());
    device = profiler->wrap(std::move(device));
  }
  Backend& backend = *device;
  const int warm_ups = backend.pads_batches() ? GraphedCalls::kWarmUps + 1 : 1;
  EncoderConfig config = shape(args["shape"].as<std::string>());
  config.hidden_dropout_prob = args["dropout"].as<float>();
  config.attention_probs_dropout_prob = args["attention-dropout"].as<float>();
  const DType dtype = args["dtype"].as<std::string>() == "bf16" ? DType::kBF16 : DType::kF32;
  const int steps = args["steps"].as<int>();
  std::mt19937_64 random(1);
  std::vector<PackedBatch> batches;
  for (int s = 0; s < warm_ups + steps; ++s)
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

  Times times;
  double flops = 0;
  const double begin = now(), most = args["seconds"].as<double>();
  for (int s = 0; s < warm_ups + steps && (s <= warm_ups || now() - begin < most); ++s) {
    const Profiler::Phase phase(profiler.get(), s < warm_ups ? "warm-up" : "step");
    const double start = now();
    model->params().zero_gradients();
    model->forward_backward(batches[size_t(s)], 1.0f / float(batches[size_t(s)].targets()), 1);
    const double norm = optimizer.gradient_norm();
    optimizer.step(1e-4, norm);
    const LossTotals totals = model->take_totals();
    if (s >= warm_ups) times.sorted.push_back(now() - start);
    flops = training_flops(config, batches[size_t(s)]);
    fmt::print("step {}: loss {:.4f}, norm {:.3f}, {:.3f} s\n", s, totals.loss_sum / double(totals.targets), norm,
               now() - start);
  }
  std::sort(times.sorted.begin(), times.sorted.end());
  const double median = times.at(0.5);
  fmt::print("{} {} {} x {}: {:.0f} tokens/s (median), best {:.0f}; {:.0f} GFLOP/s of the model\n",
             args["shape"].as<std::string>(), name_of(dtype), args["sequences"].as<int>(), args["length"].as<int>(),
             double(capacity.tokens) / median, double(capacity.tokens) / times.sorted.front(), flops / median / 1e9);
  if (profiler) fmt::print("{}", profiler->report());
  fmt::print("backend workspace {:.1f} MiB\n", double(backend.workspace_bytes()) / (1 << 20));
  const std::string json = args["json"].as<std::string>();
  if (!json.empty()) write_json(json, args, times, double(capacity.tokens), flops, backend, profiler.get());
  return 0;
}

}  // namespace
}  // namespace encore

int main(int argc, char** argv) {
  cxxopts::Options options("mlm_step_bench", "Speed of one masked-LM training step.");
  const auto text = [](const char* otherwise) { return cxxopts::value<std::string>()->default_value(otherwise); };
  const auto integer = [](const char* otherwise) { return cxxopts::value<int>()->default_value(otherwise); };
  const auto number = [](const char* otherwise) { return cxxopts::value<float>()->default_value(otherwise); };
  options.add_options()("device", "cpu, simt or cuda", text("cpu"))("shape", "base, large, mini or tiny", text("base"))(
      "dtype", "bf16 or fp32", text("bf16"))("sequences", "sequences of a step", integer("8"))(
      "length", "tokens of a sequence", integer("512"))("dropout", "of embeddings and branches", number("0.1"))(
      "attention-dropout", "of attention probabilities", number("0.1"))(
      "threads", "worker threads (0: the cores of this process)", integer("0"))(
      "steps", "measured steps after those that warm up", integer("3"))(
      "cuda-graph", "on or off: on a GPU the passes are recorded once and replayed", text("on"))(
      "seconds", "no step after the first measured one starts later than this",
      cxxopts::value<double>()->default_value("1e9"))("clock", "wall or cpu", text("wall"))("profile", "time by op")(
      "json", "write the results there", text(""))("help", "this text");
  try {
    const auto args = options.parse(argc, argv);
    if (args.count("help")) {
      fmt::print("{}", options.help());
      return 0;
    }
    return encore::run(args);
  } catch (const encore::Error& e) {
    fmt::print(stderr, "mlm_step_bench: {}\n", e.what());
    return e.exit_code();
  } catch (const std::exception& e) {
    fmt::print(stderr, "mlm_step_bench: {}\n", e.what());
    return 2;
  }
}
