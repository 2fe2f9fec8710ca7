#include "kernels/ops/cast.h"

#include "tests/support/op_test.h"
#include "tests/support/random_shapes.h"

namespace encore::test {
namespace {

class CastTest : public OpTest {
 protected:
  // The bit patterns of a tensor's elements.
  template <class T>
  std::vector<T> bits(const Tensor& t) {
    std::vector<T> out(size_t(t.size()));
    backend().copy_to_host(out.data(), t.data, t.bytes());
    return out;
  }
};

TEST_F(CastTest, EveryBf16WidensAndComesBack) {
  std::vector<uint16_t> all(65536);
  for (size_t i = 0; i < all.size(); ++i) all[i] = uint16_t(i);
  auto &x = make(DType::kBF16, 1, 65536), &wide = blank(DType::kF32, 1, 65536), &y = blank(DType::kBF16, 1, 65536);
  backend().copy_to_device(x->data, all.data(), 2 * all.size());
  cast(backend(), {.x = x, .y = wide});
  cast(backend(), {.x = wide, .y = y});
  const auto w = bits<uint32_t>(wide);
  const auto back = bits<uint16_t>(y);
  for (size_t i = 0; i < all.size(); ++i) {
    ASSERT_EQ(w[i], uint32_t(i) << 16);
    const bool nan = (i & 0x7fff) > 0x7f80;
    ASSERT_EQ(back[i], nan ? (i | 0x40) : i) << i;  // a NaN stays one, quiet
  }
}

TEST_F(CastTest, RoundsToNearestEven) {
  // Halfway between two bf16, just below and just above, with even and odd neighbours; subnormals; overflow; NaN
  // payloads.
  std::vector<uint32_t> in{0x3f808000, 0x3f807fff, 0x3f808001, 0x3f818000, 0x3f817fff, 0x3f818001, 0x00000001,
                           0x00008000, 0x00018000, 0x80018000, 0x7f7fffff, 0xff7fffff, 0x7f800000, 0x7f800001,
                           0xffc00000, 0x7fffffff, 0xffffffff, 0x00000000, 0x80000000};
  std::mt19937 random(3);
  while (in.size() < 5003) in.push_back(uint32_t(random()));
  const int64_t n = int64_t(in.size());
  auto &x = make(DType::kF32, 1, n), &y = blank(DType::kBF16, 1, n);
  backend().copy_to_device(x->data, in.data(), 4 * in.size());
  cast(backend(), {.x = x, .y = y});
  const auto out = bits<uint16_t>(y);
  for (size_t i = 0; i < in.size(); ++i)
    ASSERT_EQ(out[i], to_bf16(std::bit_cast<float>(in[i])).bits) << std::hex << in[i];
  EXPECT_EQ(out[0], 0x3f80);
  EXPECT_EQ(out[3], 0x3f82);
}

TEST_F(CastTest, ShapesStridesAndCopies) {
  for (const DType from : {DType::kF32, DType::kBF16})
    for (const DType to : {DType::kF32, DType::kBF16})
      for (const int64_t cols : {1, 7, 17, 67, 768, 70001})
        for (const int64_t gap : {0, 3}) {
          auto &x = normal(from, 3, cols, 1, 0, gap), &y = blank(to, 3, cols, gap);
          cast(backend(), {.x = x, .y = y});
          Values expected = x.get();
          for (double& v : expected) v = rounded(v, to);
          expect_same("y", y.get(), expected);
        }
  auto &empty = make(DType::kF32, 0, 8), &out = make(DType::kBF16, 0, 8);
  cast(backend(), {.x = empty, .y = out});
}

struct Case {
  int64_t rows, cols, gap;
  DType from, to;
};
std::ostream& operator<<(std::ostream& out, const Case& c) {
  return out << name_of(c.from) << " to " << name_of(c.to) << " [" << c.rows << ", " << c.cols << "] gap " << c.gap;
}
class CastShapes : public CastTest, public ::testing::WithParamInterface<Case> {};

TEST_P(CastShapes, RoundsEveryElement) {
  const auto [rows, cols, gap, from, to] = GetParam();
  auto &x = normal(from, rows, cols, 1, 0, gap), &y = blank(to, rows, cols, gap);
  cast(backend(), {.x = x, .y = y});
  Values expected = x.get();
  for (double& v : expected) v = rounded(v, to);
  expect_same("y", y.get(), expected);
}
INSTANTIATE_TEST_SUITE_P(Random, CastShapes, ::testing::ValuesIn(RandomShapes::cases(8, [](RandomShapes& r) {
                           return Case{r.rows(), r.columns(600), r.gap(), r.dtype(), r.dtype()};
                         })));

}  // namespace
}  // namespace encore::test
