#include "kernels/cpu/processor.h"

#include <cpuid.h>

#include <algorithm>
#include <cstdlib>
#include <initializer_list>
#include <string_view>

#include "kernels/base/check.h"
#include "kernels/cpu/vec/dispatch.h"

namespace encore::cpu {
namespace {

Isa isa_of_processor() {
  __builtin_cpu_init();
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512vl");
  if (!avx512) return Isa::kAvx2;
  return __builtin_cpu_supports("avx512bf16") ? Isa::kAvx512Bf16 : Isa::kAvx512;
}

// The limit that the environment sets.
Isa isa_allowed() {
  const char* set = std::getenv("ENCORE_ISA");
  if (!set || !*set) return Isa::kAvx512Bf16;
  for (const Isa isa : {Isa::kAvx2, Isa::kAvx512, Isa::kAvx512Bf16})
    if (std::string_view(set) == isa_name(isa)) return isa;
  fail("ENCORE_ISA is '{}': it may be avx2, avx512 or avx512_bf16", set);
}

}  // namespace

Isa isa() {
  static const Isa answer = std::min(isa_of_processor(), isa_allowed());
  return answer;
}

const char* isa_name(Isa isa) {
  switch (isa) {
    case Isa::kAvx2: return "avx2";
    case Isa::kAvx512: return "avx512";
    case Isa::kAvx512Bf16: return "avx512_bf16";
  }
  return "";
}

bool multiplies_bf16() {
  return isa() == Isa::kAvx512Bf16;
}

bool fast_bf16() {
  if (!multiplies_bf16()) return false;
  __builtin_cpu_init();
  unsigned a = 0, b = 0, c = 0, d = 0;
  constexpr unsigned kAmxBf16 = 1u << 22;  // leaf 7, edx
  const bool tiles = __get_cpuid_count(7, 0, &a, &b, &c, &d) && d & kAmxBf16;
  return tiles || !__builtin_cpu_is("intel");
}

}  // namespace encore::cpu
