#include "kernels/base/usable_cores.h"

#include <omp.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cmath>
#include <fstream>
#include <future>
#include <mutex>
#include <optional>
#include <vector>

#include "kernels/base/kernel_file.h"

namespace encore {
namespace {

// Processors that a group may use at once; nullopt: no limit, or the group does not exist.
std::optional<double> quota_of(const Cgroup& group) {
  double quota = 0, period = 0;
  if (group.unified) {
    std::ifstream in(group.folder / "cpu.max");  // "150000 100000", "max 100000"
    if (!(in >> quota >> period)) return std::nullopt;
  } else {
    quota = double(number_in(group.folder / "cpu.cfs_quota_us").value_or(0));  // the file says -1: no limit
    period = double(number_in(group.folder / "cpu.cfs_period_us").value_or(0));
  }
  if (quota <= 0 || period <= 0) return std::nullopt;
  return quota / period;
}

}  // namespace

int cores_of_affinity() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
  return std::max(1, int(sysconf(_SC_NPROCESSORS_ONLN)));
}

int cores_of_quota(const KernelFiles& kernel) {
  double cores = INT_MAX;
  for (const Cgroup& group : cgroups_of("cpu", kernel))
    if (const auto quota = quota_of(group)) cores = std::min(cores, *quota);
  // Upwards: with a quota of 1.5 cores two threads, which the kernel stops for a quarter of the time, ran training
  // steps 1.35 times as fast as one thread, which is never stopped (docs/performance.md).
  return std::max(1, int(std::ceil(cores)));
}

int usable_cores() {
  return std::min(cores_of_affinity(), cores_of_quota());
}

int startable_threads(int wanted) {
  static std::mutex asking;
  static int known = 1;
  const std::lock_guard lock(asking);
  if (wanted <= known) return wanted;
  // All must stand at once, as in a parallel loop.
  std::promise<void> end;
  std::vector<std::future<void>> started;
  try {
    const std::shared_future<void> wait = end.get_future().share();
    while (int(started.size()) < wanted - 1) started.push_back(std::async(std::launch::async, [wait] { wait.wait(); }));
  } catch (const std::exception&) {  // system_error or bad_alloc
  }
  end.set_value();
  const int count = int(started.size()) + 1;
  started.clear();
  known = std::max(known, count);
  // The team of this thread is made now, and kept, before memory is short.
#pragma omp parallel num_threads(count)
  {}
  return count;
}

int loop_threads(int wanted) {
  return startable_threads(wanted > 0 ? wanted : std::min(usable_cores(), omp_get_max_threads()));
}

}  // namespace encore
