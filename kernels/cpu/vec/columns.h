// Loops over a row of any length in whole vectors and one masked tail, so that a value depends neither on the length of
// the row nor on its address. Only for vec/*.cpp.
#pragma once

#include "kernels/cpu/vec/matrix.h"
#include "kernels/cpu/vec/simd.h"

namespace encore::cpu::ENCORE_VEC {

// Takes the place of a mask and stands for every lane.
struct All {};

template <class T>
ENCORE_INLINE VF vload(const T* p, All) {
  return vload(p);
}
template <class T>
ENCORE_INLINE void vstore(T* p, VF a, All) {
  vstore(p, a);
}
// 0 in the lanes outside the mask.
ENCORE_INLINE VF vwithin(VF a, All) {
  return a;
}
ENCORE_INLINE VF vwithin(VF a, VM m) {
  return vselect(m, a, vzero());
}

// `other` in the lanes outside the mask.
ENCORE_INLINE VF vlanes_or(VF a, All, float) {
  return a;
}
ENCORE_INLINE VF vlanes_or(VF a, VM m, float other) {
  return vselect(m, a, vset(other));
}

template <class T>
ENCORE_INLINE T* row_of(const VecMatrix& m, int64_t r) {
  return (T*)m.data + r * m.ld;
}

#define ENCORE_LAMBDA __attribute__((always_inline))

// Calls f(column, mask, k) for every vector of n columns. k, 0..3 and a constant after inlining, is the accumulator
// that the vector goes to: four of them, so that an addition need not wait for the one before.
template <class F>
ENCORE_INLINE void for_columns(int64_t n, F f) {
  int64_t c = 0;
  for (; c + 4 * kLanes <= n; c += 4 * kLanes) {
    f(c, All{}, 0);
    f(c + kLanes, All{}, 1);
    f(c + 2 * kLanes, All{}, 2);
    f(c + 3 * kLanes, All{}, 3);
  }
  for (; c + kLanes <= n; c += kLanes) f(c, All{}, 0);
  if (c < n) f(c, vfirst(int(n - c)), 1);
}

struct Sum4 {
  VF part[4] = {vzero(), vzero(), vzero(), vzero()};
};
ENCORE_INLINE float vsum(const Sum4& s) {
  return vsum((s.part[0] + s.part[1]) + (s.part[2] + s.part[3]));
}

}  // namespace encore::cpu::ENCORE_VEC
