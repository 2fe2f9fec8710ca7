// The communicator of one process, and the share of a rank in the machine's cores. Several ranks are tested in
// communicator_mpi_test.cpp and tests/apps/train_program_test.cpp.
#include "optim/communicator.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

namespace encore {
namespace {

TEST(Communicator, OneProcess) {
  ASSERT_FALSE(under_mpi());
  const auto self = make_communicator();
  EXPECT_TRUE(self->root());
  EXPECT_EQ(self->rank(), 0);
  EXPECT_EQ(self->size(), 1);
  EXPECT_EQ(self->local_rank(), 0);
  EXPECT_EQ(self->local_size(), 1);
  EXPECT_EQ(self->description(), "1 process");
  std::vector<float> f{1.5f};
  std::vector<double> d{2.5};
  std::vector<int64_t> i{3};
  std::vector<char> c{'x'};
  self->all_reduce_sum(std::span(f));
  self->all_reduce_sum(std::span(d));
  self->all_reduce_sum(std::span(i));
  self->all_reduce_max(std::span(i));
  self->broadcast(c, 0);
  self->barrier();
  EXPECT_EQ(f[0], 1.5f);
  EXPECT_EQ(d[0], 2.5);
  EXPECT_EQ(i[0], 3);
  EXPECT_EQ(c[0], 'x');
  EXPECT_EXIT(self->abort(75), testing::ExitedWithCode(75), "");
}

TEST(Communicator, KnowsItsLaunchers) {
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK"}) {
    ::setenv(name, "2", 1);
    EXPECT_TRUE(under_mpi()) << name;
    ::unsetenv(name);
    EXPECT_FALSE(under_mpi()) << name;
  }
}

class Ranks final : public Communicator {
 public:
  explicit Ranks(int local) : local_(local) {}
  int rank() const override { return 0; }
  int size() const override { return local_; }
  int local_rank() const override { return 0; }
  int local_size() const override { return local_; }
  void all_reduce_sum(std::span<float>) override {}
  void all_reduce_sum(std::span<double>) override {}
  void all_reduce_sum(std::span<int64_t>) override {}
  void all_reduce_max(std::span<int64_t>) override {}
  void broadcast(std::span<char>, int) override {}
  void barrier() override {}
  [[noreturn]] void abort(int code) override { ::_exit(code); }
  std::string description() const override { return "ranks that are counted alone"; }

 private:
  int local_;
};

TEST(Communicator, SharesTheCoresOut) {
  cpu_set_t all;
  ASSERT_EQ(sched_getaffinity(0, sizeof all, &all), 0);
  const int cores = CPU_COUNT(&all), machine = int(sysconf(_SC_NPROCESSORS_ONLN));
  EXPECT_EQ(threads_for_rank(Ranks(1)), cores);
  EXPECT_EQ(threads_for_rank(Ranks(4 * machine)), cores < machine ? cores : 1) << "never none";
  if (cores == machine) {
    EXPECT_EQ(threads_for_rank(Ranks(2)), std::max(1, cores / 2));
  }
  // A rank that the launcher pinned to one core has one thread, and so has a single process that is pinned to one.
  cpu_set_t one;
  CPU_ZERO(&one);
  for (int c = 0; c < CPU_SETSIZE && CPU_COUNT(&one) == 0; ++c)
    if (CPU_ISSET(c, &all)) CPU_SET(c, &one);
  ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
  EXPECT_EQ(threads_for_rank(Ranks(1)), 1);
  EXPECT_EQ(threads_for_rank(Ranks(2)), 1);
  ASSERT_EQ(sched_setaffinity(0, sizeof all, &all), 0);
}

}  // namespace
}  // namespace encore
