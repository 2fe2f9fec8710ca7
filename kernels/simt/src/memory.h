// The memory that one OS thread needs to run blocks: stacks of the fibers and the shared memory of a block. Reused from
// launch to launch.
#pragma once

#include <cstddef>
#include <cstdint>

namespace simt {

inline constexpr size_t kPage = 4096;
inline constexpr size_t kGuard = 1 << 20;  // inaccessible bytes on either side of the dynamic region
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
  // The fiber whose stack has p in its guard page, or -1.
  long stack_guard(const void* p) const;

  // The dynamic region, rounded up to 1024 bytes to keep its start aligned. It ends at an inaccessible page.
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

// True if the whole range lies in one live allocation.
bool is_device_range(const void* p, size_t bytes);

// The start of the live allocation that p lies in, or null.
const char* allocation_of(const void* p);
// A number that no other allocation gets, even one at the same address later. 0: no live allocation starts at `base`.
uint64_t allocation_id(const void* base);
// True if p lies in pinned host memory.
bool is_pinned(const void* p);

// A pool: the mappings outlive the OS threads of a launch.
WorkerMemory* borrow_memory();
void return_memory(WorkerMemory*);

}  // namespace simt
