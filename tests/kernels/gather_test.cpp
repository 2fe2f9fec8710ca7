#include "kernels/ops/gather.h"

#include <algorithm>

#include "tests/support/op_test.h"
#include "tests/support/random_shapes.h"

namespace encore::test {
namespace {

class Gather : public OpTest {
 protected:
  GuardedTensor& some_rows(int64_t count, int64_t of) {
    Values all;
    for (int64_t r = 0; r < of; ++r) all.push_back(double(r));
    std::shuffle(all.begin(), all.end(), random_);
    all.resize(size_t(count));
    return given(DType::kI32, 1, count, all);
  }
  void gather_scatter_and_add(DType dtype, int64_t tokens, int64_t count, int64_t cols) {
    auto &x = normal(dtype, tokens, cols, 1, 0, 3), &y = blank(dtype, count, cols, 1);
    auto& rows = some_rows(count, tokens);
    gather_rows(backend(), {.x = x, .rows = rows, .y = y});
    const Values xs = x.get(), picked = rows.get();
    Values expected, scattered(xs.size(), 0);
    for (size_t r = 0; r < picked.size(); ++r)
      for (int64_t c = 0; c < cols; ++c) {
        const size_t at = size_t(int64_t(picked[r]) * cols + c);
        expected.push_back(xs[at]);
        scattered[at] = xs[at];
      }
    expect_same("y", y.get(), expected);

    auto& dx = blank(dtype, tokens, cols, 2);
    scatter_rows(backend(), {.dy = y, .rows = rows, .dx = dx});
    expect_same("dx", dx.get(), scattered);

    auto& sum = normal(dtype, tokens, cols, 1, 0, 2);
    Values total = sum_of(sum.get(), scattered);
    for (double& v : total) v = rounded(v, dtype);
    scatter_rows(backend(), {.dy = y, .rows = rows, .dx = sum, .add = true});
    expect_same("dx added to", sum.get(), total);
  }
};

class GatherTest : public Gather, public ::testing::WithParamInterface<DType> {};

TEST_P(GatherTest, GatherScatterAndAdd) {
  for (const int64_t cols : {1, 7, 16, 17, 768})
    for (const auto& [tokens, count] : {std::pair<int64_t, int64_t>{1, 1}, {67, 13}, {300, 300}, {40, 0}})
      gather_scatter_and_add(GetParam(), tokens, count, cols);
}

struct Case {
  int64_t tokens, count, cols;
  DType dtype;
};
std::ostream& operator<<(std::ostream& out, const Case& c) {
  return out << name_of(c.dtype) << " " << c.count << " of [" << c.tokens << ", " << c.cols << "]";
}
class GatherShapes : public Gather, public ::testing::WithParamInterface<Case> {};

TEST_P(GatherShapes, GatherScatterAndAdd) {
  const auto [tokens, count, cols, dtype] = GetParam();
  gather_scatter_and_add(dtype, tokens, count, cols);
}
INSTANTIATE_TEST_SUITE_P(Random, GatherShapes, ::testing::ValuesIn(RandomShapes::cases(10, [](RandomShapes& r) {
                           const int64_t tokens = r.rows();
                           return Case{tokens, r.between(0, tokens), r.columns(900), r.dtype()};
                         })));

// Scatter to rows without a gap between them, which a backend may clear in one piece.
TEST_P(GatherTest, RowsThatAreNotScatteredToBecomeZero) {
  auto &dy = normal(GetParam(), 2, 16), &rows = given(DType::kI32, 1, 2, {4, 1}), &dx = blank(GetParam(), 6, 16);
  scatter_rows(backend(), {.dy = dy, .rows = rows, .dx = dx});
  const Values from = dy.get();
  Values expected(6 * 16, 0);
  std::copy(from.begin(), from.begin() + 16, expected.begin() + 4 * 16);
  std::copy(from.begin() + 16, from.end(), expected.begin() + 16);
  expect_same("dx", dx.get(), expected);
}

TEST_P(GatherTest, RefusesRowsThatAreNotThere) {
  auto &x = normal(GetParam(), 4, 8), &y = blank(GetParam(), 2, 8);
  for (const double bad : {-1.0, 4.0}) {
    auto& rows = given(DType::kI32, 1, 2, {1, bad});
    EXPECT_NE(refusal([&] { gather_rows(backend(), {.x = x, .rows = rows, .y = y}); }).find("rows[1]"),
              std::string::npos);
    EXPECT_NE(refusal([&] { scatter_rows(backend(), {.dy = y, .rows = rows, .dx = x}); }).find("there are 4 rows"),
              std::string::npos);
  }
}

INSTANTIATE_TEST_SUITE_P(Floats, GatherTest, ::testing::Values(DType::kF32, DType::kBF16),
                         [](const auto& info) { return std::string(name_of(info.param)); });

}  // namespace
}  // namespace encore::test
