// fill_zero at any alignment: small ranges, and large ones, which are written past the caches.
#include <gtest/gtest.h>

#include <algorithm>

#include "kernels/backend_factory.h"

namespace encore::test {
namespace {

TEST(FillZero, ZerosWhatItIsGivenAndNothingElse) {
  const auto backend = make_backend("cpu", 2);
  constexpr size_t kMiB = size_t(1) << 20;
  for (const size_t bytes : {size_t(0), size_t(1), size_t(31), size_t(4097), 3 * kMiB + 7, 64 * kMiB, 65 * kMiB + 13})
    for (const size_t first : {size_t(64), size_t(69), size_t(95)}) {
      std::vector<char> memory(bytes + 256, 1);
      backend->fill_zero(memory.data() + first, bytes);
      const auto begin = memory.begin() + long(first), end = begin + long(bytes);
      const auto is = [](char wanted) { return [wanted](char c) { return c == wanted; }; };
      EXPECT_TRUE(std::all_of(begin, end, is(0))) << bytes << " bytes from " << first;
      EXPECT_TRUE(std::all_of(memory.begin(), begin, is(1))) << "before " << bytes << " bytes from " << first;
      EXPECT_TRUE(std::all_of(end, memory.end(), is(1))) << "behind " << bytes << " bytes from " << first;
    }
}

}  // namespace
}  // namespace encore::test
