#include "kernels/ops/gather.h"

#include <algorithm>

#include "tests/support/op_test.h"

namespace encore::test {
namespace {

class GatherTest : public OpTest, public ::testing::WithParamInterface<DType> {
 protected:
  GuardedTensor& some_rows(int64_t count, int64_t of) {
    Values all;
    for (int64_t r = 0; r < of; ++r) all.push_back(double(r));
    std::shuffle(all.begin(), all.end(), random_);
    all.resize(size_t(count));
    return given(DType::kI32, 1, count, all);
  }
};

TEST_P(GatherTest, GatherScatterAndAdd) {
  for (const int64_t cols : {1, 7, 16, 17, 768})
    for (const auto& [tokens, count] : {std::pair<int64_t, int64_t>{1, 1}, {67, 13}, {300, 300}, {40, 0}}) {
      auto &x = normal(GetParam(), tokens, cols, 1, 0, 3), &y = blank(GetParam(), count, cols, 1);
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

      auto& dx = blank(GetParam(), tokens, cols, 2);
      scatter_rows(backend(), {.dy = y, .rows = rows, .dx = dx});
      expect_same("dx", dx.get(), scattered);

      auto& sum = normal(GetParam(), tokens, cols, 1, 0, 2);
      Values total = sum_of(sum.get(), scattered);
      for (double& v : total) v = rounded(v, GetParam());
      scatter_rows(backend(), {.dy = y, .rows = rows, .dx = sum, .add = true});
      expect_same("dx added to", sum.get(), total);
    }
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
