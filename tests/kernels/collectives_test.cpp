// A group of one rank: the library is found and joined, and its sums keep their place in the order of the backend's
// calls.
#include "kernels/collectives.h"

#include "kernels/base/check.h"
#include "tests/support/op_test.h"

namespace encore::test {
namespace {

class CollectivesTest : public OpTest {
 protected:
  void SetUp() override {
    OpTest::SetUp();
    if (backend().collectives_library().empty()) GTEST_SKIP() << "skipped: this backend has no library for sums";
    group_ = backend().join_collectives(backend().new_collective_id(), 0, 1);
  }
  void TearDown() override {
    group_.reset();
    OpTest::TearDown();
  }
  std::unique_ptr<Collectives> group_;
};

TEST_F(CollectivesTest, OneRankKeepsItsValues) {
  EXPECT_EQ(group_->description(), backend().collectives_library());
  EXPECT_FALSE(backend().device_identity().empty());
  for (const DType dtype : {DType::kF32, DType::kBF16, DType::kF64, DType::kI64}) {
    auto& x = blank(dtype, 1, 4096);
    std::vector<char> in(x->bytes()), out(in.size());
    for (size_t i = 0; i < in.size(); ++i) in[i] = char(i % 2 ? 0x3f : i % 64);  // a NaN in none of them
    backend().copy_to_device(x->data, in.data(), in.size());
    group_->start_sum(x);
    group_->join();
    backend().copy_to_host(out.data(), x->data, out.size());
    EXPECT_EQ(in, out) << name_of(dtype);
  }
}

// The sum includes the calls before it, and calls after join() see the sum.
TEST_F(CollectivesTest, KeepsItsPlaceAmongTheBackendsWork) {
  const int64_t n = 1 << 16;
  auto &x = make(DType::kF32, 1, n), &y = blank(DType::kBF16, 1, n), &z = blank(DType::kF32, 1, n);
  for (int turn = 0; turn < 4; ++turn) {
    cast(backend(), {.x = x, .y = y});
    group_->start_sum(y);
    group_->join();
    cast(backend(), {.x = y, .y = z});
    backend().fill_zero(y->data, y->bytes());
  }
  std::vector<float> a(static_cast<size_t>(n)), b(a.size());
  backend().copy_to_host(a.data(), x->data, x->bytes());
  backend().copy_to_host(b.data(), z->data, z->bytes());
  size_t wrong = 0;
  for (size_t i = 0; i < a.size(); ++i) wrong += b[i] != to_float(to_bf16(a[i]));
  EXPECT_EQ(wrong, 0u);
}

TEST_F(CollectivesTest, RefusesWhatItDoesNotSum) {
  auto& x = blank(DType::kI32, 1, 8);
  EXPECT_THROW(group_->start_sum(x), Error);
  auto& rows = blank(DType::kF32, 4, 16);
  EXPECT_THROW(group_->start_sum(rows->col_range(0, 8)), Error);
}

}  // namespace
}  // namespace encore::test
