// The communicator over MPI. Each test starts itself under mpirun, and every rank checks its results.
#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "optim/communicator.h"
#include "tests/support/mpirun.h"

namespace encore {
namespace {

constexpr int kRanks = 3;
// More than two of the pieces into which a collective is cut (1 MB), and a part of one.
constexpr size_t kLong = (size_t(5) << 19) + 3;

// Runs the current test under mpirun and returns the exit code; -1: it cannot be started here.
int under_mpirun() {
  if (!test::prepare_mpirun()) return -1;
  const auto* info = testing::UnitTest::GetInstance()->current_test_info();
  const auto o = test::run_on_ranks(kRanks, std::string(info->test_suite_name()) + "." + info->name());
  std::fputs(o.said.c_str(), stdout);
  return o.code;
}

TEST(MpiCommunicator, EveryRankGetsTheSame) {
  if (!under_mpi()) {
    const int code = under_mpirun();
    if (code < 0) GTEST_SKIP() << "skipped: no mpirun, or built without MPI";
    EXPECT_EQ(code, 0);
    return;
  }
  const auto comm = make_communicator();
  ASSERT_EQ(comm->size(), kRanks);
  EXPECT_EQ(comm->local_size(), kRanks);
  EXPECT_EQ(comm->local_rank(), comm->rank());
  EXPECT_EQ(comm->root(), comm->rank() == 0);
  EXPECT_EQ(comm->description().rfind("3 ranks over MPI (", 0), 0u) << comm->description();

  std::vector<int64_t> ranks{comm->rank(), 1};
  comm->all_reduce_sum(std::span<int64_t>(ranks));
  EXPECT_EQ(ranks, (std::vector<int64_t>{0 + 1 + 2, kRanks})) << "each rank is there once";
  std::vector<int64_t> largest{comm->rank(), -comm->rank(), 7};
  comm->all_reduce_max(std::span<int64_t>(largest));
  EXPECT_EQ(largest, (std::vector<int64_t>{2, 0, 7}));

  std::vector<float> floats(kLong);
  std::vector<double> doubles(kLong / 4);
  for (size_t i = 0; i < floats.size(); ++i) floats[i] = float(i % 1000) + float(comm->rank());
  for (size_t i = 0; i < doubles.size(); ++i) doubles[i] = double(i) * 1e-3 * double(comm->rank() + 1);
  comm->all_reduce_sum(std::span<float>(floats));
  comm->all_reduce_sum(std::span<double>(doubles));
  for (size_t i = 0; i < floats.size(); ++i) ASSERT_EQ(floats[i], 3 * float(i % 1000) + 3) << i;
  for (size_t i = 0; i < doubles.size(); ++i) ASSERT_NEAR(doubles[i], double(i) * 6e-3, 1e-9) << i;

  std::vector<char> text(kLong, char('a' + comm->rank()));
  comm->broadcast(text, 1);
  EXPECT_EQ(text, std::vector<char>(kLong, 'b'));
  for (int i = 0; i < 3; ++i) comm->barrier();
}

// One rank fails while the others wait for it. All end with its exit code.
TEST(MpiCommunicator, AbortEndsEveryRank) {
  if (!under_mpi()) {
    const int code = under_mpirun();
    if (code < 0) GTEST_SKIP() << "skipped: no mpirun, or built without MPI";
    EXPECT_EQ(code, 74);
    return;
  }
  const auto comm = make_communicator();
  if (comm->rank() == 1) comm->abort(74);
  comm->barrier();
  FAIL() << "rank " << comm->rank() << " went on";
}

}  // namespace
}  // namespace encore
