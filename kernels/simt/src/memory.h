// What one OS thread needs to run blocks: stacks for the fibers and the shared memory of a block. Pooled between
// launches.
#pragma once

#include <cstddef>
#include <cstdint>

namespace simt {

inline constexpr size_t kPage = 4096;
inline constexpr size_t kGuard = 1 << 20;  // inaccessible, on either side of the dynamic region
inline constexpr size_t kStaticMax = 48 * 1024;
inline constexpr size_t kDynamicMax = 227 * 1024;
inline constexpr size_t kDynamicMap = (kDynamicMax + kPage - 1) / kPage * kPage;
// Addresses of the 32-bit shared window.
inline constexpr uint32_t kDynamicBase = 1024, kStaticBase = 0x3c000;

// NaN as bf16 and as f32, large as an integer.
void poison_fill(void* p, size_t bytes);

class WorkerMemory {
 public:
  WorkerMemory();
  ~WorkerMemory();
  WorkerMemory(const WorkerMemory&) = delete;

  // Stacks for n fibers, each `bytes` with a guard page at its low end.
  void need_stacks(size_t n, size_t bytes);
  char* stack_low(size_t i) const { return stacks_ + i * stack_bytes_ + kPage; }
  size_t stack_size() const { return stack_bytes_ - kPage; }
  bool in_stacks(const void* p) const { return p >= stacks_ && p < stacks_ + stack_count_ * stack_bytes_; }
  // The guard page of which fiber's stack p lies in, or -1.
  long stack_guard(const void* p) const;

  // The dynamic region ends at an inaccessible page: rounded up to 1024 bytes, which keeps its start aligned.
  unsigned char* dynamic_start(size_t bytes) const { return dynamic_ + kDynamicMap - (bytes + 1023) / 1024 * 1024; }
  unsigned char* dynamic_map() const { return dynamic_; }
  unsigned char* static_start() const { return static_; }
  bool near_dynamic(const void* p) const { return p >= dynamic_ - kGuard && p < dynamic_ + kDynamicMap + kGuard; }

 private:
  char* stacks_ = nullptr;
  size_t stack_count_ = 0, stack_bytes_ = 0;
  unsigned char* dynamic_ = nullptr;
  unsigned char* static_ = nullptr;
};

// Whether all of it lies in one allocation that was not freed.
bool is_device_range(const void* p, size_t bytes);

// The start of the live allocation that p lies in, or null; what distinguishes an allocation from all that were and
// will be at its address (0: none begins there); whether p lies in pinned host memory.
const char* allocation_of(const void* p);
uint64_t allocation_id(const void* base);
bool is_pinned(const void* p);

// Borrow and return: the mappings outlive the OS threads of a launch.
WorkerMemory* borrow_memory();
void return_memory(WorkerMemory*);

}  // namespace simt
