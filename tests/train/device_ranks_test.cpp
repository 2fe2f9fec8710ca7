// Compares training over several ranks that sum on their devices (host executor with its NCCL, MPI processes) with one
// process on the CPU backend.
#include <cstdio>
#include <sstream>

#include "kernels/base/program_path.h"
#include "tests/support/mpirun.h"
#include "tests/train/trainer_rig.h"

namespace encore::test {
namespace {

constexpr int kSteps = 6;  // the last micro-batch is recorded, in parts, at the fourth

struct Steps {
  std::vector<double> loss, grad_norm;
  std::vector<int64_t> correct;
};

Steps steps_of(Rig& rig) {
  Steps steps;
  for (int s = 0; s < kSteps; ++s) {
    const StepResult r = rig.trainer->run_step();
    steps.loss.push_back(r.loss);
    steps.grad_norm.push_back(r.grad_norm);
    steps.correct.push_back(r.correct);
  }
  return steps;
}

// Runs in each of several processes; rank 0 prints the result.
void print_steps(DType reduce_dtype) {
  // Micro-batches of 128: sums begin in the last of several.
  Rig rig(128, kSteps, DType::kF32, -1, "simt", reduce_dtype);
  ASSERT_NE(rig.devices, nullptr);
  const Steps steps = steps_of(rig);
  if (!rig.processes->root()) return;
  for (int s = 0; s < kSteps; ++s)
    std::printf("step %.17g %.17g %ld\n", steps.loss[size_t(s)], steps.grad_norm[size_t(s)],
                long(steps.correct[size_t(s)]));
}
TEST(Job, DISABLED_Steps) {
  print_steps(DType::kF32);
}
TEST(Job, DISABLED_StepsInBf16) {
  print_steps(DType::kBF16);
}

Steps run_job(const char* job, int ranks, std::string& said) {
  const RanksOutcome o = run_on_ranks(ranks, fmt::format("Job.DISABLED_{}", job), "SIMT_DEVICES=8 SIMT_WORKERS=1");
  EXPECT_EQ(o.code, 0) << o.said;
  said = o.said;
  Steps steps;
  std::istringstream lines(said);
  for (std::string line; std::getline(lines, line);) {
    double loss, norm;
    long correct;
    if (std::sscanf(line.c_str(), "step %lf %lf %ld", &loss, &norm, &correct) == 3) {
      steps.loss.push_back(loss);
      steps.grad_norm.push_back(norm);
      steps.correct.push_back(correct);
    }
  }
  return steps;
}

void expect_like_one_process(const char* job, int ranks, double tolerance) {
  Rig rig(1024, kSteps);
  const Steps expected = steps_of(rig);
  std::string said;
  const Steps found = run_job(job, ranks, said);
  ASSERT_EQ(found.loss.size(), size_t(kSteps)) << said;
  for (size_t s = 0; s < kSteps; ++s) {
    EXPECT_NEAR(found.loss[s], expected.loss[s], tolerance * expected.loss[s]) << ranks << " ranks, step " << s;
    EXPECT_NEAR(found.grad_norm[s], expected.grad_norm[s], 20 * tolerance * expected.grad_norm[s]) << "step " << s;
    EXPECT_NEAR(double(found.correct[s]), double(expected.correct[s]), 1) << "step " << s;
  }
}

// Sanitized builds do not build the host executor's library.
bool can_start_ranks() {
  return !plugin_path("libencore_simt.so").empty() && prepare_mpirun();
}

TEST(DeviceRanks, TrainLikeOneProcess) {
  if (!can_start_ranks()) GTEST_SKIP() << "skipped: no mpirun, or no libencore_simt.so";
  expect_like_one_process("Steps", 2, 1e-5);
  expect_like_one_process("Steps", 4, 1e-5);
}

TEST(DeviceRanks, TrainNearlySoWithGradientsInBf16) {
  if (!can_start_ranks()) GTEST_SKIP() << "skipped: no mpirun, or no libencore_simt.so";
  expect_like_one_process("StepsInBf16", 2, 4e-3);
}

}  // namespace
}  // namespace encore::test
