#include <src/memory.h>
#include <sys/mman.h>

#include <cstring>
#include <memory>
#include <mutex>
#include <new>
#include <vector>

namespace simt {
namespace {

void* map(size_t bytes, int protection) {
  void* p = mmap(nullptr, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) throw std::bad_alloc();
  return p;
}

std::mutex pool_mutex;
std::vector<std::unique_ptr<WorkerMemory>>& pool() {
  static std::vector<std::unique_ptr<WorkerMemory>> p;
  return p;
}

}  // namespace

void poison_fill(void* p, size_t bytes) {
  auto* b = static_cast<unsigned char*>(p);
  if (bytes && reinterpret_cast<uintptr_t>(b) & 1) *b++ = 0x7f, --bytes;
  const uint16_t nan = 0x7fc0;
  for (size_t i = 0; i + 1 < bytes; i += 2) std::memcpy(b + i, &nan, 2);
  if (bytes & 1) b[bytes - 1] = 0xc0;
}

WorkerMemory::WorkerMemory() {
  dynamic_ = static_cast<unsigned char*>(map(kDynamicMap + 2 * kGuard, PROT_NONE)) + kGuard;
  mprotect(dynamic_, kDynamicMap, PROT_READ | PROT_WRITE);
  static_ = static_cast<unsigned char*>(map(kStaticMax, PROT_READ | PROT_WRITE));
}

WorkerMemory::~WorkerMemory() {
  munmap(dynamic_ - kGuard, kDynamicMap + 2 * kGuard);
  munmap(static_, kStaticMax);
  if (stacks_) munmap(stacks_, stack_count_ * stack_bytes_);
}

void WorkerMemory::need_stacks(size_t n, size_t bytes) {
  if (n <= stack_count_ && bytes == stack_bytes_) return;
  if (stacks_) munmap(stacks_, stack_count_ * stack_bytes_);
  stacks_ = nullptr;
  stacks_ = static_cast<char*>(map(n * bytes, PROT_READ | PROT_WRITE));
  stack_count_ = n;
  stack_bytes_ = bytes;
  for (size_t i = 0; i < n; ++i) mprotect(stacks_ + i * bytes, kPage, PROT_NONE);
}

long WorkerMemory::stack_guard(const void* p) const {
  if (!in_stacks(p)) return -1;
  const size_t offset = size_t(static_cast<const char*>(p) - stacks_);
  return offset % stack_bytes_ < kPage ? long(offset / stack_bytes_) : -1;
}

WorkerMemory* borrow_memory() {
  std::lock_guard lock(pool_mutex);
  if (pool().empty()) return new WorkerMemory;
  WorkerMemory* m = pool().back().release();
  pool().pop_back();
  return m;
}

void return_memory(WorkerMemory* m) {
  std::lock_guard lock(pool_mutex);
  pool().emplace_back(m);
}

}  // namespace simt
