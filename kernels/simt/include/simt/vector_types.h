// CUDA's short vectors: same names, sizes and alignments.
#pragma once

#include <cstdint>

#define SIMT_VEC1(name, type, align)      \
  struct alignas(align) name##1 {         \
    type x;                               \
  };                                      \
  inline name##1 make_##name##1(type x) { \
    return {x};                           \
  }
#define SIMT_VEC2(name, type, align)              \
  struct alignas(align) name##2 {                 \
    type x, y;                                    \
  };                                              \
  inline name##2 make_##name##2(type x, type y) { \
    return {x, y};                                \
  }
#define SIMT_VEC3(name, type)                             \
  struct name##3 {                                        \
    type x, y, z;                                         \
  };                                                      \
  inline name##3 make_##name##3(type x, type y, type z) { \
    return {x, y, z};                                     \
  }
#define SIMT_VEC4(name, type, align)                              \
  struct alignas(align) name##4 {                                 \
    type x, y, z, w;                                              \
  };                                                              \
  inline name##4 make_##name##4(type x, type y, type z, type w) { \
    return {x, y, z, w};                                          \
  }
#define SIMT_VECTORS(name, type)          \
  SIMT_VEC1(name, type, alignof(type))    \
  SIMT_VEC2(name, type, 2 * sizeof(type)) \
  SIMT_VEC3(name, type)                   \
  SIMT_VEC4(name, type, (4 * sizeof(type) < 16 ? 4 * sizeof(type) : 16))

SIMT_VECTORS(char, signed char)
SIMT_VECTORS(uchar, unsigned char)
SIMT_VECTORS(short, short)
SIMT_VECTORS(ushort, unsigned short)
SIMT_VECTORS(int, int)
SIMT_VECTORS(uint, unsigned)
SIMT_VECTORS(longlong, long long)
SIMT_VECTORS(ulonglong, unsigned long long)
SIMT_VECTORS(float, float)
SIMT_VECTORS(double, double)

#undef SIMT_VECTORS
#undef SIMT_VEC4
#undef SIMT_VEC3
#undef SIMT_VEC2
#undef SIMT_VEC1

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
  constexpr dim3(uint3 v) : x(v.x), y(v.y), z(v.z) {}
  constexpr operator uint3() const { return {x, y, z}; }
};
