// The part of the executor that its CUDA headers are written with: source places, warp collectives, barriers, shared
// memory. Kernels do not call these; they use CUDA's own names and the wrappers of device/.
#pragma once

#include <cstddef>
#include <cstdint>

namespace simt {

// A place in kernel source. Every primitive takes one as two defaulted arguments, so that a report names the kernel's
// line.
struct Loc {
  const char* file;
  int line;
};
#define SIMT_LOC const char *file_ = __builtin_FILE(), int line_ = __builtin_LINE()
#define SIMT_HERE \
  ::simt::Loc {   \
    file_, line_  \
  }

// Ends the launch with a message that starts with the place, the block and the thread. Never returns to the kernel.
[[noreturn]] void fail(Loc, const char* format, ...) __attribute__((format(printf, 2, 3)));

enum CollectiveFlags : unsigned {
  kOrdersMemory = 1,  // of __syncwarp: an edge for the race detector, which shuffles and mma are not
  kFullWarp = 2,      // of the .aligned instructions: all lanes must take part
};
// Blocks until every lane of `mask` has arrived with its `operands`; the last one calls compute(operands of all lanes).
using WarpFunction = void (*)(void** lane_operands, uint32_t mask);
void warp_collective(uint32_t mask, const char* name, unsigned flags, WarpFunction compute, void* operands, Loc);

enum class Reduce { kCount, kAnd, kOr };
void sync_threads(Loc);
int sync_threads_reduce(int predicate, Reduce, Loc);
void named_barrier(int id, int threads, bool wait, Loc);

// The barrier of the cluster, and an asynchronous store to the shared memory of block `rank` of the cluster: p and
// barrier are addresses in this block, and the same offsets in block `rank` give the destination and the mbarrier that
// counts the bytes.
void cluster_arrive(Loc);
void cluster_wait(Loc);
unsigned cluster_rank();
unsigned cluster_size();
void cluster_store_async(void* p, uint64_t* barrier, unsigned rank, const void* value, size_t bytes, Loc);

// For launches that may start before the earlier ones have ended.
void wait_for_earlier_launches();

unsigned lane_id();
uint32_t active_mask();

// The block's dynamic shared memory, and one zero-copy region per `key` (static shared memory). Both start poisoned.
void* dynamic_shared(size_t align, Loc);
void* static_shared(const void* key, size_t bytes, size_t align, Loc);
uint32_t shared_address(const void* p, Loc);  // the 32-bit window address of PTX

// Notes an atomic access: it cannot race with another one, and counts as traffic.
void note_atomic(const void* p, size_t bytes, Loc);

}  // namespace simt
