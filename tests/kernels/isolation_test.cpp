// Rows of other sequences hold NaN: the results for a sequence's own rows keep their bits.
#include <numeric>

#include "kernels/backend.h"
#include "tests/support/op_test.h"

namespace encore::test {
namespace {

class IsolationTest : public OpTest, public ::testing::WithParamInterface<DType> {
 protected:
  static constexpr int64_t kRows = 41, kFirst = 13, kLast = 29;  // rows of the sequence under test

  // run() returns results by row ([kRows, cols] each). It is called with the tensors as they are and with NaN in the
  // other rows of all of them; the sequence's rows of the results must be the same.
  template <class Run>
  void expect_isolated(const char* op, std::vector<GuardedTensor*> inputs, int64_t cols, Run run) {
    const std::vector<Values> whole = run();
    for (GuardedTensor* t : inputs) {
      Values values = t->get();
      const int64_t width = (*t)->cols, rows = (*t)->rows, per_row = rows == 1 ? 1 : width;
      for (size_t i = 0; i < values.size(); ++i) {
        const int64_t row = int64_t(i) / per_row;
        if (row < kFirst || row >= kLast) values[i] = NAN;
      }
      t->set(values);
    }
    const std::vector<Values> alone = run();
    for (size_t k = 0; k < whole.size(); ++k)
      for (int64_t i = kFirst * cols; i < kLast * cols; ++i)
        ASSERT_EQ(alone[k][size_t(i)], whole[k][size_t(i)]) << op << ", result " << k << ", element " << i;
  }
};

TEST_P(IsolationTest, LayerNorm) {
  for (const int64_t cols : {40, 67, 1096}) {
    auto &x = normal(GetParam(), kRows, cols), &residual = normal(GetParam(), kRows, cols),
         &gamma = normal(DType::kF32, 1, cols), &beta = normal(DType::kF32, 1, cols);
    auto &sum = blank(GetParam(), kRows, cols), &y = blank(GetParam(), kRows, cols),
         &mean = blank(DType::kF32, 1, kRows), &rstd = blank(DType::kF32, 1, kRows),
         &dy = normal(GetParam(), kRows, cols), &dsum = blank(GetParam(), kRows, cols),
         &dx = blank(GetParam(), kRows, cols);
    auto &dgamma = make(DType::kF32, 1, cols), &dbeta = make(DType::kF32, 1, cols), &dbias = make(DType::kF32, 1, cols);
    const RowDropout drop = dropout(0.2f, kRows, cols).args;
    expect_isolated("layernorm", {&x, &residual, &dy}, cols, [&] {
      layernorm_forward(backend(), {.x = x,
                                    .residual = residual,
                                    .gamma = gamma,
                                    .beta = beta,
                                    .sum = sum,
                                    .y = y,
                                    .mean = mean,
                                    .rstd = rstd,
                                    .dropout = drop});
      layernorm_backward(backend(), {.dy = dy,
                                     .sum = sum,
                                     .gamma = gamma,
                                     .mean = mean,
                                     .rstd = rstd,
                                     .dsum = dsum,
                                     .dx = dx,
                                     .dgamma = dgamma,
                                     .dbeta = dbeta,
                                     .dbias = dbias,
                                     .dropout = drop});
      return std::vector<Values>{sum.get(), y.get(), dsum.get(), dx.get()};
    });
  }
}

TEST_P(IsolationTest, GeluTanhAndDropout) {
  const int64_t cols = 70;
  auto &x = normal(GetParam(), kRows, cols), &dy = normal(GetParam(), kRows, cols), &y = blank(GetParam(), kRows, cols),
       &z = blank(GetParam(), kRows, cols), &dx = blank(GetParam(), kRows, cols), &dz = blank(GetParam(), kRows, cols),
       &dropped = blank(GetParam(), kRows, cols);
  auto& dbias = make(DType::kF32, 1, cols);
  const RowDropout drop = dropout(0.2f, kRows, cols).args;
  expect_isolated("elementwise", {&x, &dy}, cols, [&] {
    gelu_forward(backend(), {.x = x, .y = y});
    tanh_forward(backend(), {.x = x, .y = z});
    gelu_backward(backend(), {.dy = dy, .x = x, .dx = dx, .dbias = dbias});
    tanh_backward(backend(), {.dy = dy, .y = z, .dx = dz, .dbias = dbias});
    dropout_apply(backend(), {.x = x, .y = dropped, .dropout = drop});
    return std::vector<Values>{y.get(), z.get(), dx.get(), dz.get(), dropped.get()};
  });
}

TEST_P(IsolationTest, CrossEntropy) {
  for (const int64_t classes : {90, 4100}) {
    const int64_t padded = (classes + 63) / 64 * 64;
    auto& logits = normal(GetParam(), kRows, padded, 2);
    Values labels;
    for (int64_t r = 0; r < kRows; ++r) labels.push_back(r % 5 ? double(r * 2) : -1.0);
    auto &label = given(DType::kI32, 1, kRows, labels), &scale = given(DType::kF32, 1, 1, {0.25}),
         &row_loss = blank(DType::kF32, 1, kRows), &loss = given(DType::kF64, 1, 1, {0});
    auto& dbias = make(DType::kF32, 1, classes);
    expect_isolated("cross_entropy", {&logits}, padded, [&] {
      const Values before = logits.get();
      cross_entropy(backend(), {.logits = logits,
                                .classes = classes,
                                .labels = label,
                                .grad_scale = scale,
                                .row_loss = row_loss,
                                .loss_sum = loss,
                                .dbias = dbias});
      const Values gradient = logits.get();
      logits.set(before);
      return std::vector<Values>{gradient};
    });
  }
}

// No other sequence has the words of this one, so the gradients of their table rows come from this sequence alone.
TEST_P(IsolationTest, Embedding) {
  const int64_t cols = 72;
  Values ids, types(size_t(kRows), 0), order(static_cast<size_t>(kRows)), start;
  for (int64_t r = 0; r <= kRows; ++r) {
    if (r < kRows) ids.push_back(double(r));
    start.push_back(double(r));
  }
  std::iota(order.begin(), order.end(), 0);
  auto &word = normal(GetParam(), kRows, cols), &position = normal(GetParam(), kRows, cols),
       &type = normal(GetParam(), 1, cols), &gamma = normal(DType::kF32, 1, cols), &beta = normal(DType::kF32, 1, cols);
  auto &y = blank(GetParam(), kRows, cols), &mean = blank(DType::kF32, 1, kRows), &rstd = blank(DType::kF32, 1, kRows),
       &up = normal(GetParam(), kRows, cols), &dy = blank(GetParam(), kRows, cols),
       &id = given(DType::kI32, 1, kRows, ids);
  auto &dword = make(DType::kF32, kRows, cols), &dposition = make(DType::kF32, kRows, cols),
       &dtype = make(DType::kF32, 1, cols), &dgamma = make(DType::kF32, 1, cols), &dbeta = make(DType::kF32, 1, cols);
  const RowSegments segments{given(DType::kI32, 1, kRows, order), given(DType::kI32, 1, kRows + 1, start), id};
  const EmbeddingForward forward{.ids = id,
                                 .position_ids = id,
                                 .word = word,
                                 .position = position,
                                 .type = type,
                                 .gamma = gamma,
                                 .beta = beta,
                                 .y = y,
                                 .mean = mean,
                                 .rstd = rstd,
                                 .dropout = dropout(0.2f, kRows, cols).args};
  expect_isolated("embedding", {&word, &position, &up}, cols, [&] {
    embedding_forward(backend(), forward);
    dword.fill(0), dposition.fill(0), dtype.fill(0), dgamma.fill(0), dbeta.fill(0);
    dy.set(up.get());
    embedding_backward(backend(), {.dy = dy,
                                   .forward = forward,
                                   .word_segments = segments,
                                   .position_segments = segments,
                                   .dword = dword,
                                   .dposition = dposition,
                                   .dtype = dtype,
                                   .dgamma = dgamma,
                                   .dbeta = dbeta});
    return std::vector<Values>{y.get(), dy.get(), dword.get(), dposition.get()};
  });
}

TEST_P(IsolationTest, GatherAndScatter) {
  const int64_t cols = 30;
  Values rows(static_cast<size_t>(kRows));
  std::iota(rows.begin(), rows.end(), 0);
  auto &x = normal(GetParam(), kRows, cols), &y = blank(GetParam(), kRows, cols), &dx = blank(GetParam(), kRows, cols),
       &row = given(DType::kI32, 1, kRows, rows);
  expect_isolated("gather", {&x}, cols, [&] {
    gather_rows(backend(), {.x = x, .rows = row, .y = y});
    scatter_rows(backend(), {.dy = x, .rows = row, .dx = dx});
    return std::vector<Values>{y.get(), dx.get()};
  });
}

INSTANTIATE_TEST_SUITE_P(Floats, IsolationTest, ::testing::Values(DType::kF32, DType::kBF16),
                         [](const auto& info) { return std::string(name_of(info.param)); });

}  // namespace
}  // namespace encore::test
