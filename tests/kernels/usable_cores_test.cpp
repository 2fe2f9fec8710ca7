// The number of cores, from the kernel's files under cgroup v1, v2 and in containers.
#include "kernels/base/usable_cores.h"

#include <gtest/gtest.h>

#include <climits>
#include <cstdlib>
#include <fstream>
#include <initializer_list>
#include <string>
#include <utility>

namespace fs = std::filesystem;

namespace encore {
namespace {

// A machine without limits, laid out in a folder.
class UsableCores : public testing::Test {
 protected:
  UsableCores() {
    std::string name = fs::temp_directory_path() / "usable_cores.XXXXXX";
    place_ = ::mkdtemp(name.data());
  }
  ~UsableCores() override { fs::remove_all(place_); }

  void put(const std::string& name, const std::string& text) {
    fs::create_directories((place_ / name).parent_path());
    std::ofstream(place_ / name) << text;
  }
  void own_group(const std::string& line) { put("proc/self/cgroup", line + "\n"); }
  void quota_v1(const std::string& folder, const std::string& quota, const std::string& period) {
    put(folder + "/cpu.cfs_quota_us", quota + "\n");
    put(folder + "/cpu.cfs_period_us", period + "\n");
  }
  int cores() const { return cores_of_quota({place_ / "proc", place_ / "cgroup"}); }

 private:
  fs::path place_;
};

TEST_F(UsableCores, NoLimit) {
  EXPECT_EQ(cores(), INT_MAX);
  own_group("0::/user.slice/job");
  put("cgroup/user.slice/job/cpu.max", "max 100000\n");
  EXPECT_EQ(cores(), INT_MAX);
  EXPECT_LE(usable_cores(), cores_of_affinity());
  EXPECT_GE(usable_cores(), 1);
}

TEST_F(UsableCores, QuotaOfAContainer) {
  own_group("0::/");
  put("cgroup/cpu.max", "200000 100000\n");
  EXPECT_EQ(cores(), 2);
  put("cgroup/cpu.max", "400000 50000\n");
  EXPECT_EQ(cores(), 8);
}

// A fraction counts as a core.
TEST_F(UsableCores, RoundsUp) {
  own_group("0::/job");
  for (const auto& [text, expected] : std::initializer_list<std::pair<const char*, int>>{{"150000 100000", 2},
                                                                                         {"100001 100000", 2},
                                                                                         {"100000 100000", 1},
                                                                                         {"1000 100000", 1},
                                                                                         {"390000 100000", 4}}) {
    put("cgroup/job/cpu.max", std::string(text) + "\n");
    EXPECT_EQ(cores(), expected) << text;
  }
}

// The limit of a group binds all groups inside it.
TEST_F(UsableCores, SmallestOfNestedGroups) {
  own_group("0::/slurm/job_7/step_0");
  put("cgroup/slurm/job_7/step_0/cpu.max", "max 100000\n");
  put("cgroup/slurm/job_7/cpu.max", "300000 100000\n");
  put("cgroup/slurm/cpu.max", "800000 100000\n");
  EXPECT_EQ(cores(), 3);
  put("cgroup/slurm/cpu.max", "100000 50000\n");
  EXPECT_EQ(cores(), 2);
  put("cgroup/slurm/job_7/step_0/cpu.max", "100000 100000\n");
  EXPECT_EQ(cores(), 1);
}

// Without a cgroup namespace a container's process sees a path that does not exist in the container.
TEST_F(UsableCores, PathOfTheHost) {
  own_group("0::/docker/0123456789ab");
  put("cgroup/cpu.max", "300000 100000\n");
  EXPECT_EQ(cores(), 3);
}

TEST_F(UsableCores, FirstVersion) {
  own_group("12:memory:/elsewhere\n4:cpu,cpuacct:/job/inner\n1:name=systemd:/user.slice");
  quota_v1("cgroup/cpu/job/inner", "-1", "100000");  // the value of v1 for no limit
  EXPECT_EQ(cores(), INT_MAX);
  quota_v1("cgroup/cpu/job", "250000", "100000");
  EXPECT_EQ(cores(), 3);
  quota_v1("cgroup/cpu/elsewhere", "100000", "100000");
  EXPECT_EQ(cores(), 3);
}

// The mount of several controllers, without a link for each.
TEST_F(UsableCores, FirstVersionMountedUnderAllNames) {
  own_group("4:cpu,cpuacct:/job");
  quota_v1("cgroup/cpu,cpuacct/job", "200000", "100000");
  EXPECT_EQ(cores(), 2);
}

TEST_F(UsableCores, DamagedFilesSetNoLimit) {
  own_group("0::/job");
  for (const char* text : {"", "max", "0 100000", "100000 0", "words"}) {
    put("cgroup/job/cpu.max", text);
    EXPECT_EQ(cores(), INT_MAX) << text;
  }
}

TEST_F(UsableCores, OfALoop) {
  EXPECT_EQ(loop_threads(5), 5);
  EXPECT_GE(loop_threads(0), 1);
  EXPECT_LE(loop_threads(0), usable_cores());
}

}  // namespace
}  // namespace encore
