// Plain arguments of the vectorised row functions, the same for both copies. A row function `x` exists for float and
// for bfloat16 (x_f32, x_bf16), and the elements of its VecMatrix arguments have that type.
#pragma once

#include <stdint.h>

#include "kernels/cpu/vec/dispatch.h"

#define ENCORE_VEC_DECLARE_FLOATS(result, name, parameters) \
  ENCORE_VEC_DECLARE(result, name##_f32, parameters);       \
  ENCORE_VEC_DECLARE(result, name##_bf16, parameters)

// The copy for this machine and for elements of `dtype` (fp32 or bf16).
#define ENCORE_VEC_CALL_FLOATS(name, dtype) \
  ((dtype) == DType::kBF16 ? ENCORE_VEC_CALL(name##_bf16) : ENCORE_VEC_CALL(name##_f32))

// Defines x_f32 and x_bf16 from the template x_rows of the namespace being compiled.
#define ENCORE_VEC_DEFINE_FLOATS(name, parameters, arguments) \
  void name##_f32 parameters {                                \
    name##_rows<float> arguments;                             \
  }                                                           \
  void name##_bf16 parameters {                               \
    name##_rows<uint16_t> arguments;                          \
  }                                                           \
  static_assert(true, "takes the semicolon")

namespace encore::cpu {

struct VecMatrix {
  void* data;  // null: absent
  int64_t ld;
};

// Row dropout (kernels/base/rng.h). threshold 0: off.
struct VecDropout {
  uint32_t threshold;
  float scale;
  uint64_t seed;
  uint32_t site;
  const int32_t* sequence;
  const int32_t* position;
  const uint64_t* example_keys;
};

}  // namespace encore::cpu
