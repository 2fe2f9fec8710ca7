// The choice between the three copies of kernels/cpu/vec (README.md of kernels/cpu).
#pragma once

#include <stdint.h>

// Declares a function of every copy.
#define ENCORE_VEC_DECLARE(result, name, parameters) \
  namespace encore::cpu::avx2 {                      \
  result name parameters;                            \
  }                                                  \
  namespace encore::cpu::avx512 {                    \
  result name parameters;                            \
  }                                                  \
  namespace encore::cpu::avx512_bf16 {               \
  result name parameters;                            \
  }                                                  \
  static_assert(true, "takes the semicolon")

// The copy for this machine. REQUIRES: name is not overloaded.
#define ENCORE_VEC_CALL(name)                                                                  \
  (::encore::cpu::isa() == ::encore::cpu::Isa::kAvx512Bf16 ? &::encore::cpu::avx512_bf16::name \
   : ::encore::cpu::isa() == ::encore::cpu::Isa::kAvx512   ? &::encore::cpu::avx512::name      \
                                                           : &::encore::cpu::avx2::name)

namespace encore::cpu {

// kAvx512: AVX-512 F, BW, CD, DQ and VL, the server processors since Skylake. kAvx512Bf16: BF16 too.
enum class Isa { kAvx2, kAvx512, kAvx512Bf16 };

// The widest that the processor has, whose registers the system saves, and that the environment allows: ENCORE_ISA is
// the name of one of them (isa_name), and holds oneDNN to the same. Decided once per process. Throws Error for another
// name.
Isa isa();

// "avx2", "avx512", "avx512_bf16".
const char* isa_name(Isa);

}  // namespace encore::cpu
