// How many threads keep the cores busy that this process may use.
#pragma once

#include "kernels/base/cgroup.h"

namespace encore {

// The processors of this process's affinity mask, at least 1.
int cores_of_affinity();

// The processors that the CPU quotas of the control groups leave (cpu.max; cpu.cfs_quota_us under v1), the smallest of
// nested groups; INT_MAX where none is set. A fraction counts as a whole core: see usable_cores.cpp.
int cores_of_quota(const KernelFiles& = {});

// The smaller of the two.
int usable_cores();

// How many of `wanted` threads can be started. libgomp ends the program with words of its own where it gets no thread,
// so this is asked before a parallel loop.
int startable_threads(int wanted);

// The number of threads of a parallel loop: `wanted`; where that is 0, usable_cores() within OpenMP's own limit
// (OMP_NUM_THREADS, or what a backend has set). No more than startable_threads().
int loop_threads(int wanted);

}  // namespace encore
