// AddressSanitizer must be told of every change of stack, and of memory that is out of bounds inside a mapping.
#pragma once

#if defined(__SANITIZE_ADDRESS__)
#define SIMT_ASAN 1
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#else
#define SIMT_ASAN 0
#endif

#include <cstddef>

namespace simt {

inline void asan_leave([[maybe_unused]] void** fake_stack, [[maybe_unused]] const void* to_bottom,
                       [[maybe_unused]] size_t to_bytes) {
#if SIMT_ASAN
  __sanitizer_start_switch_fiber(fake_stack, to_bottom, to_bytes);
#endif
}
inline void asan_arrive([[maybe_unused]] void* fake_stack, [[maybe_unused]] const void** from_bottom,
                        [[maybe_unused]] size_t* from_bytes) {
#if SIMT_ASAN
  __sanitizer_finish_switch_fiber(fake_stack, from_bottom, from_bytes);
#endif
}
inline void asan_forbid([[maybe_unused]] const void* p, [[maybe_unused]] size_t bytes) {
#if SIMT_ASAN
  __asan_poison_memory_region(p, bytes);
#endif
}
inline void asan_allow([[maybe_unused]] const void* p, [[maybe_unused]] size_t bytes) {
#if SIMT_ASAN
  __asan_unpoison_memory_region(p, bytes);
#endif
}
// The first byte of [p, p + bytes) that is out of bounds, or null.
inline const void* asan_forbidden([[maybe_unused]] const void* p, [[maybe_unused]] size_t bytes) {
#if SIMT_ASAN
  return __asan_region_is_poisoned(const_cast<void*>(p), bytes);
#else
  return nullptr;
#endif
}

}  // namespace simt
