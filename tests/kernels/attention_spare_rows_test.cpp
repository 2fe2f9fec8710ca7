// Attention over a batch of a fixed capacity: the rows past the last sequence hold NaN on input, which must not be
// read, and zeros on output.
#include "kernels/ops/attention.h"
#include "tests/support/op_test.h"

namespace encore::test {
namespace {

struct Case {
  DType dtype;
  int head_size;
  float p;
  bool subset, deterministic = true;
};
std::ostream& operator<<(std::ostream& out, const Case& c) {
  return out << name_of(c.dtype) << " " << c.head_size << " p " << c.p << (c.subset ? " subset" : "")
             << (c.deterministic ? "" : " atomics");
}

class AttentionSpareRows : public OpTest, public ::testing::WithParamInterface<Case> {};

TEST_P(AttentionSpareRows, AreReadByNobody) {
  const Case& c = GetParam();
  const int64_t heads = 2, width = heads * c.head_size, capacity = 170, tokens = 73;
  Values starts{0, 40, 41, tokens, tokens, tokens}, starts_q = starts, positions;
  int64_t queries = tokens, query_rows = capacity;
  if (c.subset) {
    for (const auto& [length, step] : {std::pair{40, 7}, {1, 1}, {32, 5}})
      for (int i = 0; i < length; i += step) positions.push_back(i);
    queries = int64_t(positions.size()), query_rows = 80;
    starts_q = {0, 6, 7, double(queries), double(queries), double(queries)};
    positions.resize(size_t(query_rows), 1e9);
  }
  const auto with_nan = [&](int64_t rows, int64_t live) -> GuardedTensor& {
    auto& t = normal(c.dtype, rows, width, 1.5);
    Values values = t.get();
    std::fill(values.begin() + live * width, values.end(), NAN);
    t.set(values);
    return t;
  };
  auto &q = with_nan(query_rows, queries), &dout = with_nan(query_rows, queries), &k = with_nan(capacity, tokens),
       &v = with_nan(capacity, tokens);
  GuardedTensor *out[2], *lse[2], *dq[2], *dk[2], *dv[2];
  for (int i : {0, 1}) {
    const int64_t rows = i ? query_rows : queries, keys = i ? capacity : tokens;
    const size_t lists = i ? 6 : 4;  // without the sequences that are spare
    out[i] = &blank(c.dtype, rows, width), dq[i] = &blank(c.dtype, rows, width), lse[i] = &blank(DType::kF32, 2, rows);
    dk[i] = &blank(c.dtype, keys, width), dv[i] = &blank(c.dtype, keys, width);
    const auto list = [&](const Values& all, size_t count) -> Tensor {
      return given(DType::kI32, 1, int64_t(count), Values(all.begin(), all.begin() + long(count)));
    };
    AttentionShape shape{.heads = 2, .head_size = c.head_size, .scale = 0.15f, .cu_seqlens = list(starts, lists)};
    if (c.subset) shape.cu_seqlens_q = list(starts_q, lists), shape.q_position = list(positions, size_t(rows));
    shape.spare_rows = i == 1;
    AttentionDropout drop{.p = c.p, .seed = 5, .layer = 3};
    if (c.p > 0) drop.example_keys = given(DType::kU64, 1, int64_t(lists) - 1, Values(lists - 1, 77));
    const Tensor qs = q->row_range(0, rows), ks = k->row_range(0, keys), vs = v->row_range(0, keys);
    attention_forward(backend(),
                      {.q = qs, .k = ks, .v = vs, .out = *out[i], .lse = *lse[i], .shape = shape, .dropout = drop});
    attention_backward(backend(), {.dout = dout->row_range(0, rows),
                                   .q = qs,
                                   .k = ks,
                                   .v = vs,
                                   .out = *out[i],
                                   .lse = *lse[i],
                                   .dq = *dq[i],
                                   .dk = *dk[i],
                                   .dv = *dv[i],
                                   .shape = shape,
                                   .dropout = drop,
                                   .deterministic = c.deterministic});
  }
  const auto expect_rows = [&](const char* what, GuardedTensor& got, GuardedTensor& live) {
    Values expected = live.get();
    EXPECT_GT(largest(expected), 0.1) << what;
    expected.resize(size_t(got->size()), 0);
    EXPECT_LE(worst_difference(got.get(), expected), c.deterministic ? 0 : 0.02 * largest(expected)) << what;
  };
  expect_rows("out", *out[1], *out[0]);
  expect_rows("dq", *dq[1], *dq[0]);
  expect_rows("dk", *dk[1], *dk[0]);
  expect_rows("dv", *dv[1], *dv[0]);
  const Values lse_live = lse[0]->get(), lse_all = lse[1]->get();
  for (int64_t head = 0; head < heads; ++head)
    for (int64_t r = 0; r < query_rows; ++r)
      EXPECT_EQ(lse_all[size_t(head * query_rows + r)],
                r < queries ? lse_live[size_t(head * queries + r)] : -double(INFINITY));
}

TEST_P(AttentionSpareRows, RunPastTheRowsIsRefused) {
  const Case& c = GetParam();
  auto &q = normal(c.dtype, 20, c.head_size), &out = blank(c.dtype, 20, c.head_size), &lse = blank(DType::kF32, 1, 20);
  AttentionForward a{.q = q, .k = q, .v = q, .out = out, .lse = lse, .shape = {.heads = 1, .head_size = c.head_size}};
  a.shape.scale = 0.1f;
  const auto message = [&](const Values& starts, bool spare) {
    a.shape.cu_seqlens = given(DType::kI32, 1, int64_t(starts.size()), starts);
    a.shape.spare_rows = spare;
    return refusal([&] { attention_forward(backend(), a); });
  };
  EXPECT_EQ(message({0, 7, 15}, true), "");
  EXPECT_NE(message({0, 7, 15}, false).find("cu_seqlens"), std::string::npos);
  EXPECT_NE(message({0, 7, 21}, true).find("cu_seqlens"), std::string::npos);
  EXPECT_NE(message({0, 17, 15}, true).find("cu_seqlens"), std::string::npos);
  EXPECT_NE(message({1, 7, 20}, false).find("cu_seqlens"), std::string::npos);
}

constexpr DType F = DType::kF32, B = DType::kBF16;
INSTANTIATE_TEST_SUITE_P(All, AttentionSpareRows,
                         ::testing::Values(Case{B, 64, 0, false}, Case{B, 32, 0.1f, false}, Case{B, 64, 0.1f, true},
                                           Case{B, 96, 0, true, false}, Case{F, 64, 0.1f, false}, Case{F, 32, 0, true},
                                           Case{F, 32, 0.1f, false, false}, Case{B, 128, 0.1f, false, false}));

}  // namespace
}  // namespace encore::test
