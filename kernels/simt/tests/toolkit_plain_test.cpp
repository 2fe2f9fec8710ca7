// The stand-ins of cuda_bf16.h and the vector types against the Toolkit's headers, where the build found them.
#include <cuda_bf16.h>
#include <cuda_runtime.h>
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <toolkit_values.h>

#include <bit>
#include <random>

namespace simt_test {
namespace {

TEST(Toolkit, SameBitsAndSizes) {
  void* module = dlopen(SIMT_TOOLKIT_MODULE, RTLD_NOW | RTLD_LOCAL);
  if (!module) GTEST_SKIP() << "skipped: no CUDA Toolkit headers when this was built";
  const auto toolkit = reinterpret_cast<ToolkitValues (*)()>(dlsym(module, "simt_toolkit_values"))();
  const TypeSize sizes[] = {SIMT_VECTOR_SIZES};
  ASSERT_EQ(toolkit.count, std::size(sizes));
  for (size_t i = 0; i < toolkit.count; ++i) {
    EXPECT_EQ(sizes[i].bytes, toolkit.sizes[i].bytes) << i;
    EXPECT_EQ(sizes[i].align, toolkit.sizes[i].align) << i;
  }
  for (uint32_t i = 0; i < 0x10000; ++i) {
    const auto bits = static_cast<unsigned short>(i);
    ASSERT_EQ(__float_as_uint(float(__ushort_as_bfloat16(bits))), __float_as_uint(toolkit.to_float(bits))) << i;
  }
  std::mt19937 random(1);
  for (int i = 0; i < 1000000; ++i) {
    const float x = __uint_as_float(uint32_t(random())), y = __uint_as_float(uint32_t(random()));
    ASSERT_EQ(__bfloat16_as_ushort(__float2bfloat16(x)), toolkit.from_float(x)) << __float_as_uint(x);
    ASSERT_EQ(std::bit_cast<unsigned>(__floats2bfloat162_rn(x, y)), toolkit.from_pair(x, y));
  }
}

}  // namespace
}  // namespace simt_test
