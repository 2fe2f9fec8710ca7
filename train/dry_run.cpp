#include "train/dry_run.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <numeric>

#include "data/sequences/sequence_sample.h"
#include "kernels/base/clock.h"
#include "kernels/base/human.h"
#include "train/evaluator.h"
#include "train/memory_use.h"
#include "train/profiler.h"
#include "train/progress.h"

namespace encore {
namespace {

constexpr int kMeasuredSteps = 5;
constexpr double kLongStep = 20;  // seconds: making kernels is a small part of a first step as long as this

template <class F>
double seconds_of(const F& work) {
  const double start = steady_seconds();
  work();
  return seconds_since(start);
}

double sum_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

void measure_evaluation(const DryRun& run, Rehearsal& r) {
  if (!run.data.eval || run.data.eval->examples() == 0) return;
  constexpr int64_t kMicroBatches = 8;  // of each rank
  const int64_t all = run.data.eval->examples();
  const double tokens = mean_example_tokens(*run.data.eval) * double(all);
  const double wanted = double(kMicroBatches * run.batches.tokens_per_batch * run.comm.size());
  const int64_t taken = std::clamp<int64_t>(int64_t(double(all) * std::min(1.0, wanted / tokens)), 1, all);
  const Evaluator evaluator(spread_sample(run.data.eval, taken), run.eval_objective, run.batches.tokens_per_batch);
  const double whole = double(all) / double(taken);
  const Profiler::Phase phase(run.options.profiler, "evaluation");
  r.first_eval = whole * seconds_of([&] { evaluator.run(run.reservation, run.comm); });
  r.repeated_eval = whole * seconds_of([&] { evaluator.run(run.reservation, run.comm); });
  const int64_t every = run.options.eval_every;
  r.evaluations = 2 + (every > 0 ? (run.trainer.steps() - 1) / every : 0);  // before the first step, after the last
}

void measure_steps(const DryRun& run, Rehearsal& r) {
  r.run_steps = run.trainer.steps();
  r.run_tokens = mean_example_tokens(*run.data.train) * double(run.batches.total_examples);
  const auto one = [&] {
    StepResult result;
    const Profiler::Phase phase(run.options.profiler, "step");
    const double seconds = seconds_of([&] { result = run.trainer.run_step(); });
    r.measured_tokens += result.tokens;
    return seconds;
  };
  // A short run has no warm-up: its measured steps make the kernels.
  if (run.trainer.steps() > kMeasuredSteps) {
    const double seconds = one();
    if (max_over_ranks(seconds >= kLongStep, run.comm)) {
      r.steps.push_back(seconds);
    } else {
      r.first_step = seconds;
      r.measured_tokens = 0;
    }
  }
  while (int(r.steps.size()) < kMeasuredSteps && !run.trainer.done()) {
    r.steps.push_back(one());
    if (r.steps.back() >= kLongStep) {
      fmt::print("  step {} of {}: {}\n", r.steps.size(), kMeasuredSteps, human_time(r.steps.back()));
      std::fflush(stdout);
    }
  }
}

// Bytes a second into a nameless file in `folder`, flushed to the disk; 0: the file system has no such files.
double write_rate(const std::string& folder, const std::vector<float>& content) {
  const int fd = ::open(folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
  if (fd < 0) return 0;
  const size_t bytes = content.size() * sizeof(float);
  size_t done = 0;
  const double seconds = seconds_of([&] {
    while (done < bytes) {
      const ssize_t n = ::write(fd, reinterpret_cast<const char*>(content.data()) + done, bytes - done);
      if (n <= 0) break;
      done += size_t(n);
    }
    if (done == bytes && ::fsync(fd) != 0) done = 0;
  });
  ::close(fd);
  return done == bytes ? double(bytes) / seconds : 0;
}

void measure_saving(const DryRun& run, Rehearsal& r) {
  const ParamStore& params = run.reservation.model().params();
  r.state_bytes = 3.0 * 4.0 * double(params.length());
  r.model_bytes = double(size_of(run.options.save_dtype)) * double(params.length());
  if (!run.comm.root()) return;
  constexpr int64_t kProbe = int64_t(16) << 20;  // floats
  std::vector<float> content(size_t(std::min(kProbe, params.length())));
  params.backend().copy_to_host(content.data(), params.weights().data, content.size() * sizeof(float));
  std::error_code error;
  std::filesystem::path folder = std::filesystem::absolute(run.output.empty() ? "runs/x" : run.output, error);
  do folder = folder.parent_path();
  while (folder.has_relative_path() && !std::filesystem::exists(folder, error));
  r.write_rate = write_rate(folder.string(), content);
}

void print(const DryRun& run, const Rehearsal& r, const RunEstimate& e) {
  const auto line = [](const std::string& name, const std::string& value, const std::string& note = "") {
    fmt::print("  {:<24}{:>14}{}{}\n", name, value, note.empty() ? "" : "   ", note);
  };
  const double seconds = sum_of(r.steps), mean = seconds / double(r.steps.size());
  const auto [least, most] = std::minmax_element(r.steps.begin(), r.steps.end());
  line("a step", human_time(mean),
       fmt::format("{} to {}; {} tokens, {} tokens/s", human_time(*least), human_time(*most),
                   with_commas(std::llround(double(r.measured_tokens) / double(r.steps.size()))),
                   with_commas(std::llround(double(r.measured_tokens) / seconds))));
  line(fmt::format("{} steps", with_commas(r.run_steps)), human_time(e.steps),
       fmt::format("{} tokens", with_commas(std::llround(r.run_tokens))));
  if (r.evaluations > 0)
    line(fmt::format("{} evaluations", r.evaluations), human_time(e.evaluations),
         fmt::format("{} each; {} tokens of {}", human_time(r.repeated_eval), with_commas(run.data.eval_tokens),
                     run.data.eval_name));
  line(fmt::format("saving {} {}", e.saves, e.saves == 1 ? "time" : "times"),
       r.write_rate > 0 ? human_time(e.saving) : "not known",
       fmt::format("{} in all at most{}", human_bytes(e.saving_bytes),
                   r.write_rate > 0 ? fmt::format("; {}/s to the disk", human_bytes(r.write_rate)) : ""));
  line("ETA", human_time(e.total()), r.write_rate > 0 ? "" : "without saving");
  const double limit = run.options.max_hours * 3600;
  if (limit > 0 && limit < e.total())
    line("--max-hours ends it after", human_time(limit),
         fmt::format("near step {}", with_commas(std::llround(double(r.run_steps) * limit / e.total()))));
  line("memory so far", human_bytes(double(memory_use().anonymous)),
       fmt::format("anonymous; the plan says {}", human_bytes(double(run.options.planned_bytes))));
}

}  // namespace

RunEstimate estimate_run(const Rehearsal& r, const RunOptions& options) {
  RunEstimate e;
  const double seconds = sum_of(r.steps);
  const double scale = r.measured_tokens > 0 ? r.run_tokens / double(r.measured_tokens) : 0;
  const double mean = r.steps.empty() ? 0 : seconds / double(r.steps.size());
  e.steps = seconds * scale + std::max(0.0, r.first_step - mean);
  if (r.evaluations > 0) e.evaluations = r.first_eval + double(r.evaluations - 1) * r.repeated_eval;
  const int64_t by_steps = options.save_every > 0 ? (r.run_steps - 1) / options.save_every : 0;
  const double minutes = (e.steps + e.evaluations) / 60;
  const int64_t by_time = options.save_minutes > 0 ? int64_t(minutes / options.save_minutes) : 0;
  e.saves = 1 + std::max(by_steps, by_time);
  e.saving_bytes = double(e.saves) * (r.state_bytes + r.model_bytes) +
                   double(std::max<int64_t>(0, r.evaluations - 1)) * r.model_bytes;
  if (r.write_rate > 0) e.saving = e.saving_bytes / r.write_rate;
  return e;
}

void dry_run(const DryRun& run) {
  fmt::print("\nDry run: nothing is trained, nothing is written. Measuring {} of the run's own steps ...\n",
             std::min<int64_t>(kMeasuredSteps, run.trainer.steps()));
  std::fflush(stdout);
  Rehearsal r;
  measure_evaluation(run, r);
  measure_steps(run, r);
  measure_saving(run, r);
  print(run, r, estimate_run(r, run.options));
}

}  // namespace encore
