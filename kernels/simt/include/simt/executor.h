// Controls and counters of the host executor, for tests and measuring programs. Kernels and launchers never include
// this.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace simt {

// Which ready thread runs next. A thread runs until it must wait.
enum class Order {
  kFifo,
  kLifo,
  kReverse,  // fifo, threads and blocks started from the last
  kRandom,   // a random thread
  kPct,      // random warp priorities, changed a few times: one warp runs far ahead of the others
};
// When the results of cp.async, TMA loads and wgmma land: at the last allowed moment, at once, or either.
enum class Async { kLate, kEarly, kRandom };

struct Options {
  Order order = Order::kFifo;
  Async async = Async::kLate;
  uint64_t seed = 1;
  int workers = 0;       // OS threads; 0: all cores
  bool poison = true;    // NaN in fresh memory, uninitialised locals and destinations in flight
  bool race = false;     // happens-before checks; the kernels must be built in mode "race"
  bool traffic = false;  // sectors, wavefronts, widths per warp access; same condition
  bool strict = true;    // refuse what hardware tolerates: exits before barriers, barriers met at different lines, ...
  bool late_streams = false;                       // work of a stream runs when somebody waits for it
  int64_t fail_launch = 0;                         // the device is lost at this launch, counted from 1; 0: never
  size_t memory = size_t(80) << 30, occupied = 0;  // of the device; of it, what other programs hold
  int devices = 1;                                 // number of devices that the runtime reports; they share the memory
  int arch = 90;           // 80, 86, 90, 100, 120: limits of shared memory, which instructions exist
  size_t stack_bytes = 0;  // of one CUDA thread; 0: 64 KiB (256 KiB under AddressSanitizer)
};
// Starts from SIMT_ORDER, SIMT_ASYNC, SIMT_SEED, SIMT_WORKERS, SIMT_POISON, SIMT_RACE, SIMT_TRAFFIC, SIMT_ARCH,
// SIMT_DEVICES, SIMT_LATE_STREAMS, SIMT_FAIL_LAUNCH, SIMT_MEMORY and SIMT_OCCUPIED.
// Throws std::invalid_argument for a value it does not know. Not to be changed during a launch.
Options& options();

// Sums over launches since reset_stats().
struct Stats {
  uint64_t launches, blocks, switches, collectives, barriers, races;
  uint64_t mma, ldmatrix, cp_async, tma, wgmma;  // warp instructions; cp_async and tma: calls
  uint64_t mma_flops, wgmma_flops;
  uint64_t ldmatrix_phases, ldmatrix_conflicts;  // 8-row phases, and extra wavefronts they cost
  // Bytes that cp.async and TMA read from global memory (all builds), then all loads and stores (builds with hooks).
  uint64_t async_global_bytes;
  uint64_t global_load_bytes, global_store_bytes, global_atomic_bytes;  // loads include async_global_bytes
  // Option traffic: per warp access. A sector is 32 bytes; ideal wavefronts are those of a conflict-free access.
  uint64_t global_load_sectors, global_store_sectors;
  // Distinct sectors that a launch touches, summed over launches: the traffic of a cache that is large enough for a
  // launch's data. A sector counts as loaded if a block loads from it before it stores there.
  uint64_t global_load_distinct, global_store_distinct;
  uint64_t global_width[5];  // warp accesses to global memory by bytes a lane: 1, 2, 4, 8, 16
  uint64_t memset_bytes;     // by cudaMemset and cudaMemsetAsync
  uint64_t products;         // by cublasLtMatmul
  uint64_t shared_load_bytes, shared_store_bytes, shared_wavefronts, shared_ideal_wavefronts;
};
Stats stats();
void reset_stats();
std::string to_json(const Stats&);
struct KernelStats {
  std::string kernel;  // its name with template arguments
  unsigned threads;    // of a block, at its last launch
  size_t dynamic_shared;
  Stats stats;
};
// The same for each kernel, in the order of first launches.
std::vector<KernelStats> stats_by_kernel();

// Message of the last failed launch of this process; empty if the last launch passed.
std::string last_error();

// True when the program holds the instrumentation hooks that options race and traffic need.
bool has_hooks();

}  // namespace simt
