// Documents per second of one training step of VAMPIRE (forward, backward, Adam) on random bags, the time of each op,
// and the shares of the machine's memory bandwidth and of its matrix product that the step reaches. --help lists the
// flags.
#include <omp.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <cxxopts.hpp>
#include <memory>
#include <random>

#include "kernels/backend_factory.h"
#include "kernels/base/atomic_file.h"
#include "kernels/base/clock.h"
#include "model/vampire/vampire_model.h"
#include "optim/optimizer.h"
#include "train/profiler.h"

namespace encore {
namespace {

// --clock cpu counts processor time over the threads: on a busy machine it gives about the step time of an idle one.
int cpu_clock_threads = 0;

double now() {
  if (cpu_clock_threads > 0) return double(std::clock()) / CLOCKS_PER_SEC / cpu_clock_threads;
  return steady_seconds();
}

// Words by Zipf's law, as many different ones a document as asked for, each with a count of 1 to 3.
VampireBatch random_batch(int64_t documents, int64_t words, int64_t entries, std::mt19937_64& random) {
  std::uniform_real_distribution<double> uniform(0, 1);
  VampireBatch batch;
  for (int64_t r = 0; r < documents; ++r) {
    std::vector<int32_t> column;
    while (int64_t(column.size()) < entries) {
      const int32_t w = int32_t(std::pow(double(words - 1), uniform(random)));
      if (std::find(column.begin(), column.end(), w) == column.end()) column.push_back(w);
    }
    std::sort(column.begin(), column.end());
    std::vector<float> value;
    for (size_t i = 0; i < column.size(); ++i) value.push_back(float(1 + random() % 3));
    batch.add(column, value, random() >> 24);
  }
  return batch;
}

// Bytes a second of a = b + s c over arrays that no cache holds; the read of `a` before it is written is not counted.
double stream_bandwidth(int threads) {
  constexpr int64_t kFloats = int64_t(32) << 20;
  std::vector<float> a(kFloats), b(kFloats, 1.f), c(kFloats, 2.f);
  double best = HUGE_VAL;
  for (int i = 0; i < 5; ++i) {
    const double start = now();
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t j = 0; j < kFloats; ++j) a[size_t(j)] = b[size_t(j)] + 3.f * c[size_t(j)];
    best = std::min(best, now() - start);
  }
  return 3.0 * double(kFloats) * sizeof(float) / best;
}

// Flops a second of a square product in fp32.
double product_peak(Backend& backend) {
  constexpr int64_t kEdge = 2048;
  std::vector<float> ones(size_t(kEdge * kEdge), 1.f);
  Tensor x(backend.allocate(ones.size() * sizeof(float)), DType::kF32, kEdge, kEdge), w = x, y = x;
  w.data = backend.allocate(x.bytes()), y.data = backend.allocate(x.bytes());
  backend.copy_to_device(x.data, ones.data(), x.bytes());
  backend.copy_to_device(w.data, ones.data(), x.bytes());
  double best = HUGE_VAL;
  for (int i = 0; i < 5; ++i) {
    const double start = now();
    linear_forward(backend, {.x = x, .w = w, .y = y});
    backend.synchronize();
    best = std::min(best, now() - start);
  }
  for (const Tensor& t : {x, w, y}) backend.free(t.data);
  return 2.0 * double(kEdge) * double(kEdge) * double(kEdge) / best;
}

struct Floor {
  double bytes, flops;
};
// What a step must move when no cache holds the parameters: Adam reads and writes three arrays and reads the gradient,
// which is written once. The reconstruction is written and read by products and read twice by the likelihood where it
// does not fit a cache, which is not counted.
Floor floor_of(const VampireConfig& c, int64_t documents, int64_t parameters) {
  return {.bytes = 8.0 * 4 * double(parameters),
          .flops = 3 * 2.0 * double(c.vocabulary) * double(c.latent) * double(documents)};
}

int run(const cxxopts::ParseResult& args) {
  const auto integer = [&](const char* name) { return int64_t(args[name].as<int>()); };
  std::unique_ptr<Backend> device = make_backend(args["device"].as<std::string>(), args["threads"].as<int>());
  const std::string description = device->description();
  const bool cpu_clock = args["clock"].as<std::string>() == "cpu";
  const int threads = args["threads"].as<int>() ? args["threads"].as<int>() : omp_get_max_threads();
  if (cpu_clock) cpu_clock_threads = threads;
  std::unique_ptr<Profiler> profiler;
  if (args.count("profile")) {
    profiler = std::make_unique<Profiler>("", cpu_clock ? Profiler::Clock(now) : Profiler::Clock());
    device = profiler->wrap(std::move(device));
  }
  Backend& backend = *device;
  const VampireConfig config{
      .vocabulary = integer("words") + 1, .hidden = integer("latent"), .latent = integer("latent")};
  const int64_t documents = integer("batch"), steps = integer("steps");
  std::mt19937_64 random(1);
  std::vector<VampireBatch> batches;
  for (int i = 0; i < 8; ++i) batches.push_back(random_batch(documents, config.vocabulary, integer("entries"), random));
  VampireModel model(config, backend, Mode::kTraining);
  model.initialise(1);
  model.reserve({.documents = documents, .entries = documents * integer("entries")}, Mode::kTraining);
  Optimizer optimizer(model.params(), {.clip = 0});
  std::vector<double> seconds;
  VampireTotals totals;
  for (int64_t s = 0; s < steps + 2; ++s) {
    const Profiler::Phase phase(profiler.get(), s < 2 ? "warm-up" : "step");
    const double start = now();
    model.forward_backward(batches[size_t(s) % batches.size()], 0.5f, 1);
    optimizer.step(1e-3, 1);
    totals = model.take_totals();
    if (s >= 2) seconds.push_back(now() - start);
  }
  std::sort(seconds.begin(), seconds.end());
  const double median = seconds[seconds.size() / 2];
  const Floor floor = floor_of(config, documents, model.params().length());
  const double stream = stream_bandwidth(threads), peak = product_peak(backend);
  nlohmann::ordered_json j{{"device", description},
                           {"words", config.vocabulary},
                           {"latent", config.latent},
                           {"batch", documents},
                           {"entries_a_document", integer("entries")},
                           {"steps", steps},
                           {"median_s", median},
                           {"best_s", seconds.front()},
                           {"documents_per_second", double(documents) / median},
                           {"nll_a_document", -totals.log_likelihood / double(totals.documents)},
                           {"adam_gb_s", floor.bytes / median * 1e-9},
                           {"stream_gb_s", stream * 1e-9},
                           {"products_gflop_s", floor.flops / median * 1e-9},
                           {"product_peak_gflop_s", peak * 1e-9}};
  if (profiler) fmt::print("{}", profiler->report());
  fmt::print("{}\n", j.dump());
  const std::string json = args["json"].as<std::string>();
  if (!json.empty()) write_file_atomic(json, j.dump(1) + "\n");
  return 0;
}

}  // namespace
}  // namespace encore

int main(int argc, char** argv) {
  cxxopts::Options options("vampire_bench", "Speed of one training step of VAMPIRE.");
  const auto integer = [](const char* otherwise) { return cxxopts::value<int>()->default_value(otherwise); };
  const auto text = [](const char* otherwise) { return cxxopts::value<std::string>()->default_value(otherwise); };
  options.add_options()("device", "cpu, simt or cuda", text("cpu"))("words", "words", integer("30000"))(
      "latent", "latent variables and hidden units", integer("81"))("batch", "documents of a step", integer("64"))(
      "entries", "different words a document", integer("60"))("steps", "measured steps", integer("50"))(
      "threads", "worker threads (0: the cores of this process)", integer("0"))("clock", "wall or cpu", text("wall"))(
      "profile", "time by op")("json", "write the results there", text(""))("help", "this text");
  try {
    const auto args = options.parse(argc, argv);
    if (args.count("help")) {
      fmt::print("{}", options.help());
      return 0;
    }
    return encore::run(args);
  } catch (const encore::Error& e) {
    fmt::print(stderr, "vampire_bench: {}\n", e.what());
    return e.exit_code();
  } catch (const std::exception& e) {
    fmt::print(stderr, "vampire_bench: {}\n", e.what());
    return 2;
  }
}
