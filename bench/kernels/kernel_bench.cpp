// kernel_bench: every op of a backend at RoBERTa's shapes (README.md of this folder).
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cxxopts.hpp>
#include <string_view>

#include "bench/kernels/measure.h"
#include "kernels/backend_factory.h"

namespace encore::bench {
namespace {

// Google Benchmark removes its flags from the command line; its min_time is the least total time of one result's runs.
double min_time_of(int argc, char** argv, double otherwise) {
  constexpr std::string_view kFlag = "--benchmark_min_time=";
  for (int i = 1; i < argc; ++i)
    if (std::string_view(argv[i]).starts_with(kFlag)) return std::atof(argv[i] + kFlag.size());
  return otherwise;
}

bool has_flag(int argc, char** argv, std::string_view start) {
  return std::any_of(argv + 1, argv + argc, [&](const char* a) { return std::string_view(a).starts_with(start); });
}

// A dtype that is named on the command line is measured; else bf16 if the device multiplies it, and fp32 on the CPU
// too.
std::vector<DType> dtypes_of(const std::string& flag, const std::string& device, const Backend& backend) {
  const bool bf16 = backend.native_bf16();
  check(flag != "bf16" || bf16, "--dtype bf16: {} has no products of it", backend.description());
  if (flag == "bf16") return {DType::kBF16};
  if (flag == "fp32") return {DType::kF32};
  check(flag == "auto", "--dtype: '{}' is neither auto, bf16 nor fp32", flag);
  if (!bf16) return {DType::kF32};
  return device == "cpu" ? std::vector{DType::kBF16, DType::kF32} : std::vector{DType::kBF16};
}

void report(benchmark::State& state, const Timing& t, const OpCost& cost, const Peaks& peaks, DType dtype) {
  auto& c = state.counters;
  c["median_us"] = t.median * 1e6;
  c["p10_us"] = t.p10 * 1e6;
  c["p90_us"] = t.p90 * 1e6;
  c["runs"] = double(t.runs);
  c["GB/s"] = cost.bytes / t.median * 1e-9;
  c["of_copy"] = c["GB/s"] / (peaks.copy * 1e-9);
  if (cost.flops > 0) {
    c["TFLOP/s"] = cost.flops / t.median * 1e-12;
    c["of_matmul"] = c["TFLOP/s"] / (peaks.matmul.at(dtype) * 1e-12);
  }
  state.SetIterationTime(t.median);
}

cxxopts::ParseResult parse(int argc, char** argv, cxxopts::Options& options) {
  options.add_options()("device", "auto, cpu, simt or cuda", cxxopts::value<std::string>()->default_value("auto"))(
      "dtype", "auto, bf16 or fp32", cxxopts::value<std::string>()->default_value("auto"))(
      "tiny", "shapes that the host executor does in milliseconds, each run once")(
      "threads", "of the cpu device (0: the cores of this process)", cxxopts::value<int>()->default_value("0"))(
      "help", "this text, and then Google Benchmark's");
  return options.parse(argc, argv);
}

int run(int argc, char** argv) {
  cxxopts::Options options("kernel_bench", "Speed of every op. Also takes --benchmark_filter, _format, _out, ...");
  const bool help = has_flag(argc, argv, "--help"), list = has_flag(argc, argv, "--benchmark_list_tests");
  if (help) parse(1, argv, options), fmt::print("{}\n", options.help()), std::fflush(stdout);
  const double min_time = min_time_of(argc, argv, 0.15);
  benchmark::Initialize(&argc, argv);
  const auto args = parse(argc, argv, options);
  const bool tiny = args.count("tiny") > 0;
  const std::unique_ptr<Backend> backend = make_backend(args["device"].as<std::string>(), args["threads"].as<int>());
  backend->set_index_checks(false);
  std::string device = args["device"].as<std::string>();
  if (device == "auto") device = backend->description().substr(0, backend->description().find(':'));

  Cases cases(sizes_of(device, tiny), dtypes_of(args["dtype"].as<std::string>(), device, *backend));
  for (const Register r : registrations()) r(cases);
  std::sort(cases.all.begin(), cases.all.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  Meter meter(*backend, device, tiny, min_time);
  Peaks peaks;
  if (!list) {
    peaks = meter.peaks(cases.dtypes);
    benchmark::AddCustomContext("device", backend->description());
    benchmark::AddCustomContext("copy_gb_s", fmt::format("{:.1f}", peaks.copy * 1e-9));
    for (const auto& [dtype, flops] : peaks.matmul)
      benchmark::AddCustomContext(fmt::format("matmul_{}_tflop_s", name_of(dtype)),
                                  fmt::format("{:.4f}", flops * 1e-12));
  }

  int failed = 0;
  for (const Cases::Case& c : cases.all)
    benchmark::RegisterBenchmark(c.name.c_str(),
                                 [&](benchmark::State& state) {
                                   for (auto _ : state) {
                                     try {
                                       Inputs inputs(*backend);
                                       const Work work = c.make(inputs);
                                       report(state, meter.time(work), work.cost, peaks, c.dtype);
                                     } catch (const Error& e) {
                                       ++failed;
                                       state.SkipWithError(e.what());
                                       break;
                                     }
                                   }
                                 })
        ->Iterations(1)
        ->UseManualTime()
        ->Unit(benchmark::kMicrosecond);
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return failed ? 1 : 0;
}

}  // namespace
}  // namespace encore::bench

int main(int argc, char** argv) {
  try {
    return encore::bench::run(argc, argv);
  } catch (const encore::Error& e) {
    fmt::print(stderr, "kernel_bench: {}\n", e.what());
    return e.exit_code();
  } catch (const std::exception& e) {
    fmt::print(stderr, "kernel_bench: {}\n", e.what());
    return 2;
  }
}
