#include "kernels/ops/bag_linear.h"

#include "tests/support/bags.h"
#include "tests/support/op_test.h"
#include "tests/support/random_shapes.h"

namespace encore::test {
namespace {

struct Case {
  int64_t documents, words, hidden;
  double share = 0.1;
  int64_t gap = 0;
};

std::ostream& operator<<(std::ostream& out, const Case& c) {
  return out << c.documents << " documents, " << c.words << " words, hidden " << c.hidden << ", share " << c.share
             << ", gap " << c.gap;
}

class BagLinearTest : public BagTest, public ::testing::WithParamInterface<Case> {};

TEST_P(BagLinearTest, Forward) {
  const auto [documents, words, hidden, share, gap] = GetParam();
  const HostBags bags = random_bags(random_, documents, words, share);
  auto &w = normal(DType::kF32, words, hidden, 1, 0, gap), &bias = normal(DType::kF32, 1, hidden),
       &y = blank(DType::kF32, documents, hidden, gap);
  bag_linear_forward(backend(), {.bags = upload(bags), .w = w, .bias = bias, .y = y});
  Values start;
  const Values b = bias.get();
  for (int64_t r = 0; r < documents; ++r) start.insert(start.end(), b.begin(), b.end());
  expect_close("y", y.get(), reference::sparse_product<double>(bags.entries, w.get(), start, hidden),
               reference::sparse_product<float>(bags.entries, w.get(), start, hidden), DType::kF32);
}

TEST_P(BagLinearTest, Backward) {
  const auto [documents, words, hidden, share, gap] = GetParam();
  const HostBags bags = random_bags(random_, documents, words, share);
  auto &dy = normal(DType::kF32, documents, hidden, 1, 0, gap), &dw = normal(DType::kF32, words, hidden, 1, 0, gap);
  const Values before = dw.get(), entries = dy.get();
  bag_linear_backward(backend(), {.bags = upload_by_word(bags), .dy = dy, .dw = dw});
  const auto by_word = bags.by_word();
  expect_close("dw", dw.get(), reference::sparse_product<double>(by_word, entries, before, hidden),
               reference::sparse_product<float>(by_word, entries, before, hidden), DType::kF32);
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const int64_t hidden : {1, 7, 16, 17, 81, 200}) all.push_back({5, 23, hidden});
  all.push_back({0, 10, 8});
  all.push_back({1, 1, 81, 1});
  all.push_back({513, 300, 81, 0.02, 3});
  all.push_back({64, 997, 81, 0.05});
  all.push_back({40, 30, 33, 1.0});
  all.push_back({4, 50, 81, 0});
  return all;
}

INSTANTIATE_TEST_SUITE_P(Shapes, BagLinearTest, ::testing::ValuesIn(cases()));
INSTANTIATE_TEST_SUITE_P(Random, BagLinearTest, ::testing::ValuesIn(RandomShapes::cases(32, [](RandomShapes& r) {
                           return Case{r.rows(), r.between(1, 300), r.columns(200), r.between(0, 30) * 0.01, r.gap()};
                         })));

class BagLinearFacts : public BagTest {};

TEST_F(BagLinearFacts, AnEmptyDocumentGetsTheBiasAndAnAbsentWordKeepsItsGradient) {
  const HostBags bags = bags_of({{1, 2, 3.0}}, 3, 4);
  auto &w = given(DType::kF32, 4, 1, {1, 10, 100, 1000}), &bias = given(DType::kF32, 1, 1, {7}),
       &y = blank(DType::kF32, 3, 1);
  bag_linear_forward(backend(), {.bags = upload(bags), .w = w, .bias = bias, .y = y});
  expect_same("y", y.get(), {7, 307, 7});
  auto &dy = given(DType::kF32, 3, 1, {NAN, 2, NAN}), &dw = given(DType::kF32, 4, 1, {5, 6, 7, 8});
  bag_linear_backward(backend(), {.bags = upload_by_word(bags), .dy = dy, .dw = dw});
  expect_same("dw", dw.get(), {5, 6, 13, 8});
}

// The order of a sum does not depend on how the rows are shared out.
TEST_F(BagLinearFacts, SameBitsForAnyNumberOfThreads) {
  const HostBags host = random_bags(random_, 100, 700, 0.1);
  const Bags bags = upload(host);
  const BagsByWord by_word = upload_by_word(host);
  auto &w = normal(DType::kF32, 700, 81), &bias = normal(DType::kF32, 1, 81), &dy = normal(DType::kF32, 100, 81);
  Values first_y, first_dw;
  for (const int threads : {1, 2, 3}) {
    const auto other = make_test_backend(threads);
    auto &y = blank(DType::kF32, 100, 81), &dw = given(DType::kF32, 700, 81, Values(700 * 81, 0));
    bag_linear_forward(*other, {.bags = bags, .w = w, .bias = bias, .y = y});
    bag_linear_backward(*other, {.bags = by_word, .dy = dy, .dw = dw});
    if (threads == 1) first_y = y.get(), first_dw = dw.get();
    expect_same("y", y.get(), first_y);
    expect_same("dw", dw.get(), first_dw);
  }
}

TEST_F(BagLinearFacts, RefusesWordsAndRunsThatAreOutOfRange) {
  const HostBags good = bags_of({{0, 1, 1.0}, {1, 3, 1.0}}, 2, 4);
  auto &w = normal(DType::kF32, 4, 8), &bias = normal(DType::kF32, 1, 8), &y = blank(DType::kF32, 2, 8);
  const auto forward = [&](const HostBags& b) {
    return refusal([&] { bag_linear_forward(backend(), {.bags = upload(b), .w = w, .bias = bias, .y = y}); });
  };
  HostBags b = good;
  EXPECT_EQ(forward(b), "");
  b.column[1] = 4;
  EXPECT_NE(forward(b).find("column[1] is 4"), std::string::npos) << forward(b);
  b = good;
  b.column[0] = -1;
  EXPECT_NE(forward(b).find("column[0] is -1"), std::string::npos) << forward(b);
  b = good;
  b.row_start = {0, 3, 2};
  EXPECT_NE(forward(b).find("row_start falls from 3 to 2"), std::string::npos) << forward(b);
  b.row_start = {0, 1, 1};
  EXPECT_NE(forward(b).find("row_start runs from 0 to 1, not from 0 to the 2 entries"), std::string::npos);
  auto &dy = normal(DType::kF32, 2, 8), &dw = normal(DType::kF32, 4, 8);
  b = good;
  b.document[0] = 2;
  const std::string said =
      refusal([&] { bag_linear_backward(backend(), {.bags = upload_by_word(b), .dy = dy, .dw = dw}); });
  EXPECT_NE(said.find("document[0] is 2"), std::string::npos) << said;
}

}  // namespace
}  // namespace encore::test
