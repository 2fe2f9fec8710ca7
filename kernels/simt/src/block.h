// One block in execution: its threads (a fiber each), warps, barriers, shared memory and asynchronous operations. It
// runs in a cluster, mostly one of its own (cluster.h), on one OS thread, so nothing here locks.
#pragma once

#include <cuda_runtime.h>
#include <simt/executor.h>
#include <src/memory.h>
#include <src/race.h>
#include <src/scheduler.h>
#include <src/site.h>
#include <src/traffic.h>

#include <boost/context/detail/fcontext.hpp>
#include <deque>
#include <device/tma.cuh>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace simt {

class Block;
class Cluster;
struct Warp;

struct CpAsync {
  unsigned char* to;
  const unsigned char* from;
  int bytes;       // negative: already performed
  uint32_t epoch;  // of the issuing thread's copy engine
  Loc loc;
};

// The true values of one lane's wgmma accumulators while products are in flight; the registers hold poison meanwhile.
struct Accumulator {
  float* registers;
  std::vector<float> values;
  int in_flight;
};

struct WgmmaInFlight {
  float* d[32];
  const uint32_t* a[32];
  uint64_t descriptor_a, descriptor_b;
  int n;
  bool accumulate, transpose_b, performed;
  uint32_t epoch;
  Loc loc;
};

enum class State : uint8_t { kReady, kBlocked, kDone };

struct Thread {
  Block* block;
  Warp* warp;
  boost::context::detail::fcontext_t context;
  uint3 index;
  unsigned linear, lane;
  unsigned actor;  // of the race detector: counts through the blocks of the cluster
  State state;
  const char* waits_in;  // the primitive that it waits in, and its line
  Loc waits_at;
  char* stack;
  void* fake_stack = nullptr;    // AddressSanitizer's
  uint64_t cluster_phase = 0;    // of its last arrival at the barrier of the cluster
  bool cluster_arrived = false;  // and has not waited yet
  bool waited_for_launches = false;
  std::vector<CpAsync> copies;  // open group
  std::vector<std::vector<CpAsync>> copy_groups;
  std::vector<Accumulator> accumulators;
};

struct Collective {
  uint32_t mask, arrived;
  const char* name;
  unsigned flags;
  Loc loc;
  WarpFunction compute;
  void* operands[32];
};

struct Warp {
  unsigned index;
  Thread* first;
  uint32_t exists = 0, live = 0;
  std::vector<Collective> pending;
  std::vector<WgmmaInFlight> products;  // open group
  std::vector<std::vector<WgmmaInFlight>> product_groups;
  bool fenced = false;
  Loc wgmma_at{};
  uint64_t wgmma_count = 0;
};

struct Barrier {
  int arrived = 0, expected = 0;  // expected -1: all threads of the block
  std::vector<Thread*> waiting;
  Loc first{};
  SyncClock clock;
  int count = 0;
  bool all = true, any = false;
};

// A copy in flight: of a box of a tensor, or of consecutive bytes if `from` is not null.
struct TmaInFlight {
  ptx::TensorMap map;
  int column, row;
  const unsigned char* from;
  unsigned char* to;
  uint32_t bytes;
  uint64_t* barrier;
  unsigned thread;
  uint32_t epoch;
  Loc loc;
};

// A store by another block of the cluster that is still in flight.
struct StoreInFlight {
  unsigned char* to;
  std::vector<unsigned char> value;
  uint64_t* barrier;
  SyncClock released;  // by the storing thread
  Loc loc;
};

struct MbarrierWait {
  Thread* thread;
  uint64_t* barrier;
  uint32_t parity;
};

class Block {
 public:
  Block(Cluster&, WorkerMemory&, unsigned id, unsigned rank);
  // Call order: prepare() once, advance() until no block of the cluster can go on, finish(); enter() before each of
  // them. When one fails, `error` holds what went wrong.
  void enter();  // makes this the block that the OS thread runs
  void prepare();
  bool advance(uint64_t most);  // runs until all threads wait for other blocks, at most `most` turns; true if any ran
  void finish();

  // Fibers.
  void block_on(const char* what, Loc);  // the current thread waits until someone wakes it
  void wake(Thread*);
  void yield();

  // Shared memory.
  bool in_dynamic(const void* p) const { return p >= dynamic && p < dynamic + dynamic_bytes; }
  bool in_static(const void* p) const;
  bool in_shared(const void* p) const { return in_dynamic(p) || in_static(p); }
  unsigned char* shared_at(uint32_t address, size_t bytes, Loc);
  std::string describe(const void* p) const;

  void check_mbarrier(uint64_t*);
  void land_tma(size_t i);
  void land_store(size_t i);
  Collective* join_collective(uint32_t mask, const char* name, unsigned flags, WarpFunction, Loc);
  void arrive(int barrier, int expected, bool wait, Loc);
  void release(Barrier&);

  Cluster& cluster;
  const Grid& grid;
  const Options& options;
  WorkerMemory& memory;
  const unsigned id, rank, thread_count;  // rank: in the cluster
  std::vector<Thread> threads;
  std::vector<Warp> warps;
  Barrier barriers[16];
  Thread* current = nullptr;
  unsigned live;
  std::mt19937_64 random;
  std::unique_ptr<Scheduler> scheduler;
  unsigned char* dynamic;
  size_t dynamic_bytes;
  std::deque<TmaInFlight> tma;
  std::deque<StoreInFlight> stores;
  std::vector<MbarrierWait> mbarrier_waits;
  RaceDetector* race;  // the cluster's; null unless asked for
  std::unique_ptr<Traffic> traffic;
  Stats stats{};
  std::string error;

 private:
  friend void fiber_entry(boost::context::detail::transfer_t);
  void land();  // completes one copy or store in flight
  void start_fiber(Thread&);
  void resume(Thread*);
  void on_exit(Thread&);
  void check_end();
  void check_slack();
  std::string deadlock() const;

  boost::context::detail::fcontext_t scheduler_context_ = nullptr;
  void* scheduler_fake_stack_ = nullptr;
  const void* scheduler_stack_ = nullptr;
  size_t scheduler_stack_bytes_ = 0;
};

// The block this OS thread is running, or null.
extern __thread Block* current_block;
// Installs the handler that turns a bad access of a kernel into a report (once per process, and per OS thread).
void catch_faults();

}  // namespace simt
