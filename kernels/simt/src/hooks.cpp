// The functions that code compiled with `g++ -fsanitize=thread` calls at every access. They take the place of libtsan
// and feed the executor's own race detector and counters. Link this object only with kernels compiled that way.
#include <src/block.h>
#include <src/launch.h>

#include <algorithm>

namespace simt {
namespace {

[[maybe_unused]] const bool linked = hooks_linked = true;

// True for threadIdx and the like, which lie side by side in thread-local storage: accesses to them are not counted.
bool is_index(uintptr_t p) {
  const uintptr_t a[4] = {reinterpret_cast<uintptr_t>(&threadIdx), reinterpret_cast<uintptr_t>(&blockIdx),
                          reinterpret_cast<uintptr_t>(&blockDim), reinterpret_cast<uintptr_t>(&gridDim)};
  return std::any_of(a, a + 4, [p](uintptr_t v) { return p >= v && p < v + sizeof(dim3); });
}

bool is_argument(const Block& b, const void* p) {
  auto* first = static_cast<const char*>(b.grid.arguments);
  return p >= first && p < first + b.grid.argument_bytes;
}

void access(const void* p, size_t bytes, bool write, void* pc) {
  Block* b = current_block;
  if (!b || !b->current || b->memory.in_stacks(p) || is_argument(*b, p)) return;
  const auto address = reinterpret_cast<uintptr_t>(p);
  if (is_index(address)) return;
  const bool shared = b->in_shared(p);
  const bool wrong =
      shared ? b->in_dynamic(p) && !b->in_dynamic(static_cast<const char*>(p) + bytes - 1) : b->memory.near_dynamic(p);
  if (wrong) {
    fail({nullptr, 0}, "%s of %zu bytes at %s: dynamic shared offset %ld, but the launch has %zu bytes",
         write ? "write" : "read", bytes, site_name(site_of(pc)).c_str(),
         long(static_cast<const unsigned char*>(p) - b->dynamic), b->dynamic_bytes);
  }
  if (!shared) (write ? b->stats.global_store_bytes : b->stats.global_load_bytes) += bytes;
  const Thread& t = *b->current;
  if (b->traffic) b->traffic->note(t.warp->index, t.lane, shared, write, address, bytes, site_of(pc));
  if (b->race) b->race->access(p, bytes, write, false, site_of(pc));
}

}  // namespace
}  // namespace simt

#define PC __builtin_return_address(0)
extern "C" {
void __tsan_init() {}
void __tsan_func_entry(void*) {
  simt::instrumented_calls.fetch_add(1, std::memory_order_relaxed);
}
void __tsan_func_exit() {}
void __tsan_vptr_update(void**, void*) {}
void __tsan_vptr_read(void**) {}
#define ACCESS(n)                                    \
  void __tsan_read##n(void* p) {                     \
    simt::access(p, n, false, PC);                   \
  }                                                  \
  void __tsan_write##n(void* p) {                    \
    simt::access(p, n, true, PC);                    \
  }                                                  \
  void __tsan_unaligned_read##n(void* p) {           \
    simt::access(p, n, false, PC);                   \
  }                                                  \
  void __tsan_unaligned_write##n(void* p) {          \
    simt::access(p, n, true, PC);                    \
  }                                                  \
  void __tsan_volatile_read##n(void* p) {            \
    simt::access(p, n, false, PC);                   \
  }                                                  \
  void __tsan_volatile_write##n(void* p) {           \
    simt::access(p, n, true, PC);                    \
  }                                                  \
  void __tsan_unaligned_volatile_read##n(void* p) {  \
    simt::access(p, n, false, PC);                   \
  }                                                  \
  void __tsan_unaligned_volatile_write##n(void* p) { \
    simt::access(p, n, true, PC);                    \
  }
ACCESS(1) ACCESS(2) ACCESS(4) ACCESS(8) ACCESS(16) void __tsan_read_range(void* p, size_t n) {
  simt::access(p, n, false, PC);
}
void __tsan_write_range(void* p, size_t n) {
  simt::access(p, n, true, PC);
}
#define ATOMIC(bits, T)                                                                     \
  T __tsan_atomic##bits##_load(const volatile T* p, int) {                                  \
    return __atomic_load_n(p, __ATOMIC_RELAXED);                                            \
  }                                                                                         \
  void __tsan_atomic##bits##_store(volatile T* p, T v, int) {                               \
    __atomic_store_n(p, v, __ATOMIC_RELAXED);                                               \
  }                                                                                         \
  int __tsan_atomic##bits##_compare_exchange_weak(volatile T* p, T* e, T v, int, int) {     \
    return __atomic_compare_exchange_n(p, e, v, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED);  \
  }                                                                                         \
  int __tsan_atomic##bits##_compare_exchange_strong(volatile T* p, T* e, T v, int, int) {   \
    return __atomic_compare_exchange_n(p, e, v, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED); \
  }                                                                                         \
  T __tsan_atomic##bits##_compare_exchange_val(volatile T* p, T e, T v, int, int) {         \
    __atomic_compare_exchange_n(p, &e, v, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);       \
    return e;                                                                               \
  }                                                                                         \
  T __tsan_atomic##bits##_exchange(volatile T* p, T v, int) {                               \
    return __atomic_exchange_n(p, v, __ATOMIC_RELAXED);                                     \
  }                                                                                         \
  T __tsan_atomic##bits##_fetch_add(volatile T* p, T v, int) {                              \
    return __atomic_fetch_add(p, v, __ATOMIC_RELAXED);                                      \
  }                                                                                         \
  T __tsan_atomic##bits##_fetch_sub(volatile T* p, T v, int) {                              \
    return __atomic_fetch_sub(p, v, __ATOMIC_RELAXED);                                      \
  }
ATOMIC(8, uint8_t) ATOMIC(16, uint16_t) ATOMIC(32, uint32_t) ATOMIC(64, uint64_t)
}
