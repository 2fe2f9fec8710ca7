#include "kernels/cpu/processor.h"

#include <cpuid.h>

#include "kernels/cpu/vec/dispatch.h"

namespace encore::cpu {

bool fast_bf16() {
  if (!use_avx512()) return false;
  __builtin_cpu_init();
  unsigned a = 0, b = 0, c = 0, d = 0;
  constexpr unsigned kAmxBf16 = 1u << 22;  // leaf 7, edx
  const bool tiles = __get_cpuid_count(7, 0, &a, &b, &c, &d) && d & kAmxBf16;
  return tiles || !__builtin_cpu_is("intel");
}

}  // namespace encore::cpu
