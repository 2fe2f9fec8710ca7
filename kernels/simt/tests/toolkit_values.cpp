// Built against the CUDA Toolkit's own headers where they are installed, as a module with hidden symbols. The stand-in
// headers must give the same bits.
#include <cuda_bf16.h>
#include <toolkit_values.h>
#include <vector_functions.h>

#include <cstring>

namespace {

unsigned short from_float(float x) {
  const __nv_bfloat16 b = __float2bfloat16(x);
  unsigned short bits;
  std::memcpy(&bits, &b, 2);
  return bits;
}
float to_float(unsigned short bits) {
  __nv_bfloat16 b;
  std::memcpy(&b, &bits, 2);
  return __bfloat162float(b);
}
unsigned from_pair(float lo, float hi) {
  const __nv_bfloat162 v = __floats2bfloat162_rn(lo, hi);
  unsigned bits;
  std::memcpy(&bits, &v, 4);
  return bits;
}
constexpr TypeSize kSizes[] = {SIMT_VECTOR_SIZES};

}  // namespace

extern "C" __attribute__((visibility("default"))) ToolkitValues simt_toolkit_values() {
  return {from_float, to_float, from_pair, kSizes, sizeof kSizes / sizeof kSizes[0]};
}
