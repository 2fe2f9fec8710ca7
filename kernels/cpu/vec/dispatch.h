// The choice between the two copies of kernels/cpu/vec (README.md of kernels/cpu).
#pragma once

#include <stdint.h>

// Declares a function of both copies.
#define ENCORE_VEC_DECLARE(result, name, parameters) \
  namespace encore::cpu::avx2 {                      \
  result name parameters;                            \
  }                                                  \
  namespace encore::cpu::avx512 {                    \
  result name parameters;                            \
  }                                                  \
  static_assert(true, "takes the semicolon")

// The copy for this machine. REQUIRES: name is not overloaded.
#define ENCORE_VEC_CALL(name) (::encore::cpu::use_avx512() ? &::encore::cpu::avx512::name : &::encore::cpu::avx2::name)

namespace encore::cpu {

// True if the processor has AVX-512 F, BW, CD, DQ, VL and BF16, the system saves their registers, and ENCORE_ISA is not
// "avx2". Decided once per process.
bool use_avx512();

}  // namespace encore::cpu
