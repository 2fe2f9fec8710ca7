// The values by which the stand-in headers are compared with the Toolkit's.
#pragma once

#include <cstddef>

struct TypeSize {
  size_t bytes, align;
};
#define SIMT_SIZE(T)      \
  TypeSize {              \
    sizeof(T), alignof(T) \
  }
#define SIMT_VECTOR_SIZES                                                                                       \
  SIMT_SIZE(char2), SIMT_SIZE(uchar4), SIMT_SIZE(short2), SIMT_SIZE(ushort4), SIMT_SIZE(int2), SIMT_SIZE(int3), \
      SIMT_SIZE(int4), SIMT_SIZE(uint2), SIMT_SIZE(uint3), SIMT_SIZE(uint4), SIMT_SIZE(longlong2),              \
      SIMT_SIZE(ulonglong2), SIMT_SIZE(float1), SIMT_SIZE(float2), SIMT_SIZE(float3), SIMT_SIZE(float4),        \
      SIMT_SIZE(double2), SIMT_SIZE(dim3), SIMT_SIZE(__nv_bfloat16), SIMT_SIZE(__nv_bfloat162)

struct ToolkitValues {
  unsigned short (*from_float)(float);
  float (*to_float)(unsigned short);
  unsigned (*from_pair)(float lo, float hi);
  const TypeSize* sizes;
  size_t count;
};
