// The memory that a process may allocate, from the kernel's files under cgroup v1, v2 and in containers, and the
// refusal of a plan that does not fit.
#include "train/memory_limit.h"

#include <sys/resource.h>

#include "tests/train/tiny_run.h"

namespace encore::test {
namespace {

constexpr uint64_t kMiB = uint64_t(1) << 20;

// A machine with 8 GiB free and no limits, laid out in a folder.
class MemoryRoomTest : public testing::Test {
 protected:
  MemoryRoomTest() {
    put("proc/meminfo",
        "MemTotal:       16777216 kB\nMemFree:          100000 kB\nMemAvailable:    7340032 kB\n"
        "SwapTotal:       2097152 kB\nSwapFree:        1048576 kB\n");
    put("proc/self/status", "Name:\tdapt_train\nVmSize:\t 1048576 kB\nVmData:\t  524288 kB\n");
  }

  void put(const std::string& name, const std::string& text) {
    fs::create_directories(fs::path(place_ / name).parent_path());
    write_text(place_ / name, text);
  }
  // A group of cgroup v2: its limit as the kernel prints it, its usage, and the page cache within that usage.
  void group_v2(const std::string& folder, const std::string& limit, uint64_t used, uint64_t inactive = 0,
                uint64_t active = 0) {
    put(folder + "/memory.max", limit + "\n");
    put(folder + "/memory.current", std::to_string(used) + "\n");
    put(folder + "/memory.stat", fmt::format("anon {}\nfile {}\ninactive_anon 12345\nactive_anon 67890\n"
                                             "inactive_file {}\nactive_file {}\nunevictable 0\n",
                                             used - inactive - active, inactive + active, inactive, active));
  }
  void group_v1(const std::string& folder, uint64_t limit, uint64_t used, uint64_t inactive = 0, uint64_t active = 0) {
    put(folder + "/memory.limit_in_bytes", std::to_string(limit) + "\n");
    put(folder + "/memory.usage_in_bytes", std::to_string(used) + "\n");
    // Lines without total_ leave out the group's children.
    put(folder + "/memory.stat",
        fmt::format("cache 0\ninactive_file 777\nactive_file 777\nhierarchical_memory_limit 5\n"
                    "total_inactive_file {}\ntotal_active_file {}\n",
                    inactive, active));
  }
  MemoryRoom room(int ranks = 1) const {
    return memory_room(ranks, /*threads=*/1, /*mapped=*/0, {place_ / "proc", place_ / "cgroup"});
  }
  void expect(const MemoryRoom& found, uint64_t bytes, const std::string& source) const {
    EXPECT_EQ(found.bytes, bytes);
    EXPECT_EQ(found.source, source);
  }

 private:
  TemporaryFolder place_;
};

TEST_F(MemoryRoomTest, WithoutLimitsWhatTheMachineHasWithSwap) {
  expect(room(), 8192 * kMiB, "this machine's free memory");
  expect(room(4), 2048 * kMiB, "this machine's free memory, shared by 4 ranks");
  // A group without limits changes nothing.
  put("proc/self/cgroup", "0::/user.slice/job\n");
  group_v2("cgroup/user.slice/job", "max", 100 * kMiB);
  expect(room(), 8192 * kMiB, "this machine's free memory");
}

TEST_F(MemoryRoomTest, GroupOfVersion2) {
  put("proc/self/cgroup", "0::/user.slice/job\n");
  group_v2("cgroup/user.slice/job", std::to_string(1000 * kMiB), 300 * kMiB);
  expect(room(), 700 * kMiB, "the memory cgroup /user.slice/job");
  expect(room(2), 350 * kMiB, "the memory cgroup /user.slice/job, shared by 2 ranks");
}

TEST_F(MemoryRoomTest, CacheOfFilesCountsAsFree) {
  put("proc/self/cgroup", "0::/job\n");
  group_v2("cgroup/job", std::to_string(1000 * kMiB), 900 * kMiB, 500 * kMiB, 100 * kMiB);
  expect(room(), 700 * kMiB, "the memory cgroup /job");
}

// systemd and Slurm set the limit above the group that holds the process.
TEST_F(MemoryRoomTest, LimitOfAParentBinds) {
  put("proc/self/cgroup", "0::/slurm/job_7/step_0\n");
  group_v2("cgroup/slurm/job_7/step_0", "max", 200 * kMiB);
  group_v2("cgroup/slurm/job_7", std::to_string(2000 * kMiB), 500 * kMiB);  // its siblings use 300 of these
  group_v2("cgroup/slurm", std::to_string(4000 * kMiB), 600 * kMiB);
  expect(room(), 1500 * kMiB, "the memory cgroup /slurm/job_7");
  // The tightest of several.
  group_v2("cgroup/slurm", std::to_string(4000 * kMiB), 3900 * kMiB);
  expect(room(), 100 * kMiB, "the memory cgroup /slurm");
  group_v2("cgroup/slurm/job_7/step_0", std::to_string(250 * kMiB), 200 * kMiB);
  expect(room(), 50 * kMiB, "the memory cgroup /slurm/job_7/step_0");
}

TEST_F(MemoryRoomTest, GroupThatIsOverItsLimitLeavesNothing) {
  put("proc/self/cgroup", "0::/job\n");
  group_v2("cgroup/job", std::to_string(100 * kMiB), 150 * kMiB);
  expect(room(), 0, "the memory cgroup /job");
}

// With a cgroup namespace the process sees itself at the root of the mount; without one, at a path that does not exist.
TEST_F(MemoryRoomTest, Containers) {
  group_v2("cgroup", std::to_string(600 * kMiB), 100 * kMiB);
  for (const char* path : {"/", "/docker/0123abcd"}) {
    put("proc/self/cgroup", fmt::format("0::{}\n", path));
    expect(room(), 500 * kMiB, "the memory cgroup /");
  }
}

TEST_F(MemoryRoomTest, GroupOfVersion1) {
  put("proc/self/cgroup", "12:cpu,cpuacct:/elsewhere\n4:memory:/job/inner\n1:name=systemd:/user.slice\n");
  group_v1("cgroup/memory/job/inner", 9223372036854771712u, 100 * kMiB);  // the value of v1 for no limit
  expect(room(), 8192 * kMiB, "this machine's free memory");
  group_v1("cgroup/memory/job", 1000 * kMiB, 900 * kMiB, 150 * kMiB, 50 * kMiB);
  expect(room(), 300 * kMiB, "the memory cgroup /job");
  // Folders of other controllers do not count.
  group_v1("cgroup/memory/elsewhere", 10 * kMiB, 0);
  expect(room(), 300 * kMiB, "the memory cgroup /job");
}

// Both at once (systemd's hybrid): v1 has the memory controller, v2 is mounted beside it.
TEST_F(MemoryRoomTest, BothVersions) {
  put("proc/self/cgroup", "5:cpuset,memory:/a\n0::/b\n");
  group_v1("cgroup/memory/a", 1000 * kMiB, 100 * kMiB);
  expect(room(), 900 * kMiB, "the memory cgroup /a");
  group_v2("cgroup/unified/b", std::to_string(500 * kMiB), 100 * kMiB);
  expect(room(), 400 * kMiB, "the memory cgroup /b");
}

TEST_F(MemoryRoomTest, FilesThatCannotBeReadLimitNothing) {
  put("proc/self/cgroup", "0::/job\nnonsense\n");
  put("cgroup/job/memory.max", "\n");
  put("cgroup/job/memory.current", "123\n");
  expect(room(), 8192 * kMiB, "this machine's free memory");
  put("proc/meminfo", "");
  expect(room(), UINT64_MAX, "");
}

// A limit of the process itself, set briefly to 3,032 MiB above its present address space: 32 MiB are the margin, and a
// third of the rest is kept spare.
TEST_F(MemoryRoomTest, LimitOfAddressSpace) {
  const std::string status = read_text("/proc/self/status");
  put("proc/self/status", status);
  const uint64_t kilobytes = std::strtoull(status.c_str() + status.find("VmSize:") + 7, nullptr, 10);
  struct rlimit old {};
  ASSERT_EQ(::getrlimit(RLIMIT_AS, &old), 0);
  struct rlimit low = old;
  low.rlim_cur = rlim_t(kilobytes * 1024 + 3032 * kMiB);
  ASSERT_EQ(::setrlimit(RLIMIT_AS, &low), 0);
  const MemoryRoom found = room();
  ::setrlimit(RLIMIT_AS, &old);
  expect(found, 2000 * kMiB, "RLIMIT_AS (ulimit -v)");
}

TEST(MemoryRoom, OfThisMachine) {
  const MemoryRoom room = memory_room(1, 1, 0), shared = memory_room(4, 1, 0);
  EXPECT_GT(room.bytes, 16 * kMiB);
  EXPECT_LT(room.bytes, UINT64_MAX);
  EXPECT_FALSE(room.source.empty());
  EXPECT_LE(shared.bytes, room.bytes);
}

TEST(CheckMemory, NamesTheLargestBatchThatFits) {
  const auto plan = [](int64_t tokens) {
    return MemoryPlan{{{"weights", 1000}, {"activations", size_t(tokens) * 10}}};
  };
  const auto message = [&](uint64_t room, int64_t least, size_t already = 0) -> std::string {
    try {
      check_memory(plan, 500, least, already, {room, "the test"});
    } catch (const Error& e) {
      EXPECT_EQ(e.exit_code(), 2);
      return e.what();
    }
    return "";
  };
  EXPECT_EQ(message(6000, 16), "");
  // A hundredth of the room stays free.
  EXPECT_NE(message(5999, 16).find("--tokens-per-batch 484 is the largest"), std::string::npos);
  EXPECT_NE(message(2009, 16).find("--tokens-per-batch 98 is the largest"), std::string::npos);
  EXPECT_NE(message(2009, 16).find("weights 1000 B, activations 4.88 KiB"), std::string::npos) << message(2009, 16);
  EXPECT_NE(message(2009, 16, 1000).find("--tokens-per-batch 198 is the largest"), std::string::npos);
  EXPECT_NE(message(1100, 16).find("not even --tokens-per-batch 16"), std::string::npos);
}

}  // namespace
}  // namespace encore::test
