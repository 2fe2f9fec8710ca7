// What this process may still allocate, and the refusal when a plan does not fit in it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "model/model.h"

namespace encore {

// Where the kernel tells what there is. Tests lay out trees of their own.
struct KernelFiles {
  std::filesystem::path proc = "/proc", cgroup = "/sys/fs/cgroup";
};

struct MemoryRoom {
  uint64_t bytes = UINT64_MAX;
  std::string source;  // "RLIMIT_AS (ulimit -v)", "the memory cgroup /slurm/job_7", "this machine's free memory"
};

// The smallest of: what the machine has available (with swap), the memory cgroups that hold the process (v1 and v2,
// page cache counted as free), RLIMIT_DATA, RLIMIT_AS. The first two are shared by the `ranks` of this machine.
// threads: that will run; mapped: bytes of files that will be mapped (both count towards the two limits).
MemoryRoom memory_room(int ranks, int threads, uint64_t mapped, const KernelFiles& = {});

// Throws Error, in one line, when plan(tokens) does not fit: the plan, what limits it, and the largest
// --tokens-per-batch that fits with a hundredth of the room to spare (what is free differs a little from one start to
// the next), at least `least`; least = 0: there is no such flag. already: bytes of the plan that are allocated.
void check_memory(const std::function<MemoryPlan(int64_t tokens)>& plan, int64_t tokens, int64_t least, size_t already,
                  const MemoryRoom&);

// The same for what a backend allocates: within `host` where its memory is the host's, else the host's regions within
// `host` and the others within what is free on the device.
void check_memory(const std::function<MemoryPlan(int64_t tokens)>& plan, int64_t tokens, int64_t least, size_t already,
                  const MemoryRoom& host, const Backend&);

}  // namespace encore
