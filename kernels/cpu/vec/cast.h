#pragma once

#include "kernels/cpu/vec/matrix.h"

// n elements; nearest even.
ENCORE_VEC_DECLARE(void, cast_to_bf16, (const float* x, uint16_t* y, int64_t n));
ENCORE_VEC_DECLARE(void, cast_to_f32, (const uint16_t* x, float* y, int64_t n));
