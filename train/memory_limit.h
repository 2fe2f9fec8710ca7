// Finds how much memory this process may still allocate, and refuses a plan that does not fit.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "kernels/base/cgroup.h"
#include "model/model.h"

namespace encore {

struct MemoryRoom {
  uint64_t bytes = UINT64_MAX;
  std::string source;  // "RLIMIT_AS (ulimit -v)", "the memory cgroup /slurm/job_7", "this machine's free memory"
};

// The smallest of: what the machine has available (with swap), the memory cgroups that hold the process (v1 and v2,
// page cache counted as free), RLIMIT_DATA, RLIMIT_AS. The `ranks` of this machine share the first two.
// threads: threads that will start; mapped: bytes of files that will be mapped (both count towards the two limits).
MemoryRoom memory_room(int ranks, int threads, uint64_t mapped, const KernelFiles& = {});

// What a plan that does not fit may do about it.
struct MemoryAdvice {
  std::string flag = "--tokens-per-batch";  // whose value the plan is a function of
  std::string otherwise = "shorter texts, --dtype bf16, or a smaller model";
};

// Throws Error, in one line, when plan(tokens) does not fit. The line gives the plan, its limit, and the largest value
// of the flag, at least `least`, that fits with a hundredth of the room to spare (free memory varies a little between
// starts); least = 0: there is no such flag. already: bytes of the plan that are allocated.
void check_memory(const std::function<MemoryPlan(int64_t tokens)>& plan, int64_t tokens, int64_t least, size_t already,
                  const MemoryRoom&, const MemoryAdvice& = {});

// The same for a backend. If it allocates host memory the whole plan must fit in `host`; else the host regions must fit
// in `host` and the other regions in the free memory of the device.
void check_memory(const std::function<MemoryPlan(int64_t tokens)>& plan, int64_t tokens, int64_t least, size_t already,
                  const MemoryRoom& host, const Backend&, const MemoryAdvice& = {});

}  // namespace encore
