// Sums over ranks on the devices, with the host executor's NCCL over 2, 4 and 8 MPI processes. The tests named Job run
// in each of these processes; the other tests start the processes.
#include "optim/gradient_reducer.h"

#include <gmock/gmock.h>

#include "kernels/backend_factory.h"
#include "kernels/base/check.h"
#include "kernels/base/program_path.h"
#include "optim/device_communicator.h"
#include "tests/support/mpirun.h"

namespace encore::test {
namespace {

using testing::HasSubstr;

// Runs the test Job.DISABLED_<job> as `ranks` processes on a machine with `cards` GPUs.
RanksOutcome run_job(const char* job, int ranks, int cards, bool late = false) {
  return run_on_ranks(
      ranks, fmt::format("Job.DISABLED_{}", job),
      fmt::format("SIMT_LATE_STREAMS={:d} SIMT_DEVICES={} SIMT_WORKERS=1 SIMT_NCCL_SECONDS=20", late, cards));
}

// Sanitized builds have no library of the host executor.
bool can_start_ranks() {
  return !plugin_path("libencore_simt.so").empty() && prepare_mpirun();
}

// Gradients of this rank. They are small whole numbers, so that every sum is exact in bf16 too.
struct Gradients {
  explicit Gradients(Backend& backend) : backend(backend) {
    params.add({.name = "embeddings", .shape = {40, 64}});
    for (int i = 0; i < 6; ++i) params.add({.name = fmt::format("layer.{}", i), .shape = {96, 64}});
    params.add({.name = "head", .shape = {7}});
    params.allocate(backend, DType::kF32, true);
    totals = backend.allocate(16);
  }
  ~Gradients() { backend.free(totals); }
  void fill(int rank) {
    std::vector<float> host(size_t(params.length()));
    for (size_t i = 0; i < host.size(); ++i) host[i] = float((i * 7 + size_t(rank)) % 5);
    backend.copy_to_device(params.gradients().data, host.data(), host.size() * sizeof(float));
    const double loss = 0.25 * (rank + 1);
    const int64_t correct = 10 + rank;
    backend.copy_to_device(totals, &loss, sizeof loss);
    backend.copy_to_device(static_cast<char*>(totals) + 8, &correct, sizeof correct);
  }
  Tensor loss_sum() const { return Tensor(totals, DType::kF64, 1, 1); }
  Tensor correct() const { return Tensor(static_cast<char*>(totals) + 8, DType::kI64, 1, 1); }
  void expect_sums(int ranks) const {
    std::vector<float> host(size_t(params.length()));
    backend.copy_to_host(host.data(), params.gradients().data, host.size() * sizeof(float));
    size_t wrong = 0;
    for (size_t i = 0; i < host.size(); ++i) {
      float sum = 0;
      for (int r = 0; r < ranks; ++r) sum += float((i * 7 + size_t(r)) % 5);
      wrong += host[i] != sum;
    }
    EXPECT_EQ(wrong, 0u);
    double loss = 0;
    int64_t correct_sum = 0;
    backend.copy_to_host(&loss, loss_sum().data, sizeof loss);
    backend.copy_to_host(&correct_sum, correct().data, sizeof correct_sum);
    EXPECT_EQ(loss, 0.125 * ranks * (ranks + 1));
    EXPECT_EQ(correct_sum, 10 * ranks + ranks * (ranks - 1) / 2);
  }
  Backend& backend;
  ParamStore params;
  void* totals = nullptr;
};

struct Rank {
  std::unique_ptr<Communicator> processes = make_communicator();
  std::unique_ptr<Backend> backend = make_backend("simt", 0, processes->local_rank(), processes->local_size());
  std::unique_ptr<Communicator> devices = over_devices(*processes, *backend);
};

TEST(Job, DISABLED_Sums) {
  Rank r;
  ASSERT_NE(r.devices, nullptr);
  ASSERT_NE(r.devices->collectives(), nullptr);
  EXPECT_THAT(r.devices->description(), HasSubstr("sums over GPUs by NCCL 2.28.9"));
  Gradients g(*r.backend);
  const int64_t embeddings = g.params.parameters()[1].offset;
  for (const DType wire : {DType::kF32, DType::kBF16}) {
    GradientReducer reducer(*r.devices, g.params, embeddings, wire);
    EXPECT_TRUE(reducer.sums_on_devices());
    for (int step = 0; step < 3; ++step) {
      g.fill(r.devices->rank());
      // The ranks report their layers in different strides, and rank 1 reports none before finish().
      const size_t stride = size_t(r.devices->rank() % 3 + 1);
      if (r.devices->rank() != 1)
        for (size_t layer = 7; layer > stride; layer -= stride) reducer.final_from(g.params.parameters()[layer].offset);
      reducer.finish(g.loss_sum(), g.correct());
      g.expect_sums(r.devices->size());
    }
  }
}

TEST(Job, DISABLED_BucketsThatDiffer) {
  Rank r;
  Gradients g(*r.backend);
  g.fill(r.devices->rank());
  GradientReducer reducer(*r.devices, g.params, r.devices->root() ? 0 : g.params.parameters()[1].offset, DType::kF32);
  try {
    reducer.finish(g.loss_sum(), g.correct());
    FAIL() << "ranks that make different calls are not noticed";
  } catch (const DeviceError& e) {
    EXPECT_THAT(e.what(),
                HasSubstr("sum over ranks: NCCL: invalid usage: call 2 differs: rank 0 makes AllReduce sum of 10240 "
                          "float32, rank 1 makes AllReduce sum of 9216 float32"));
  }
}

TEST(Job, DISABLED_OneCardForTwo) {
  const auto processes = make_communicator();
  const auto backend = make_backend("simt");  // each rank opens the first GPU
  try {
    over_devices(*processes, *backend);
    FAIL() << "two ranks on a card are not noticed";
  } catch (const Error& e) {
    EXPECT_THAT(e.what(), HasSubstr("ranks 0 and 1 have the same GPU (GPU-00000000000000000000000000000000)"));
    EXPECT_EQ(e.exit_code(), 2);
  }
}

TEST(Job, DISABLED_MoreRanksThanCards) {
  const auto processes = make_communicator();
  try {
    make_backend("simt", 0, processes->local_rank(), processes->local_size());
    FAIL() << "four ranks on two cards are not noticed";
  } catch (const Error& e) {
    EXPECT_THAT(e.what(), HasSubstr("4 ranks on this machine and 2 GPUs: one rank a GPU, so start 2 here"));
  }
}

TEST(Job, DISABLED_SomeWithoutACard) {
  const auto processes = make_communicator();
  const auto backend = make_backend(processes->rank() == 1 ? "cpu" : "simt", 1, processes->rank(), processes->size());
  try {
    over_devices(*processes, *backend);
    FAIL() << "a rank without a card is not noticed";
  } catch (const Error& e) {
    EXPECT_THAT(e.what(), HasSubstr("1 of 4 ranks have no GPU (the first is rank 1)"));
  }
}

TEST(GradientReducer, SumsOnTheDevices) {
  if (!can_start_ranks()) GTEST_SKIP() << "skipped: no mpirun, or no libencore_simt.so";
  for (const int ranks : {2, 4, 8}) {
    // With four ranks, streams run their work as late as they may, so that a sum that does not wait is wrong.
    const RanksOutcome o = run_job("Sums", ranks, 8, /*late=*/ranks == 4);
    EXPECT_EQ(o.code, 0) << ranks << " ranks:\n" << o.said;
    EXPECT_THAT(o.said, HasSubstr("1 test from 1 test suite ran"));
  }
}

TEST(GradientReducer, CallsThatDifferAreNamed) {
  if (!can_start_ranks()) GTEST_SKIP() << "skipped: no mpirun, or no libencore_simt.so";
  const RanksOutcome o = run_job("BucketsThatDiffer", 2, 2);
  EXPECT_EQ(o.code, 0) << o.said;
}

TEST(GradientReducer, WrongMappingsAreNamed) {
  if (!can_start_ranks()) GTEST_SKIP() << "skipped: no mpirun, or no libencore_simt.so";
  for (const auto& [job, cards] : {std::pair{"OneCardForTwo", 1}, {"MoreRanksThanCards", 2}, {"SomeWithoutACard", 4}}) {
    const RanksOutcome o = run_job(job, 4, cards);
    EXPECT_EQ(o.code, 0) << job << ":\n" << o.said;
  }
}

TEST(GradientReducer, BucketsAreFourLargeOnesAndTheEmbeddings) {
  const auto comm = make_communicator();
  const auto backend = make_backend("cpu", 1);
  ParamStore params;
  params.add({.name = "embeddings", .shape = {50'304, 768}});
  for (int i = 0; i < 12; ++i) params.add({.name = fmt::format("layer.{}", i), .shape = {7'087'872}});
  params.outline(*backend, DType::kF32);
  const int64_t embeddings = params.parameters()[1].offset;
  const GradientReducer reducer(*comm, params, embeddings, DType::kF32);
  ASSERT_EQ(reducer.buckets().size(), 5u);
  EXPECT_EQ(reducer.buckets()[3], embeddings);
  EXPECT_EQ(reducer.buckets()[4], 0);
  int64_t end = params.length();
  for (size_t b = 0; b < 4; ++b) {
    EXPECT_NEAR(double(end - reducer.buckets()[b]), double(params.length() - embeddings) / 4, 2048);
    end = reducer.buckets()[b];
  }
  EXPECT_THROW(GradientReducer(*comm, params, embeddings, DType::kBF16), Error);
}

}  // namespace
}  // namespace encore::test
