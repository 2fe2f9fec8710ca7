// Rows past `live` (kernels/ops/live_rows.h) hold NaN: results are those of the live rows alone, spare rows are zeros.
#include <numeric>

#include "kernels/backend.h"
#include "tests/support/op_test.h"

namespace encore::test {
namespace {

class SpareRows : public OpTest, public ::testing::WithParamInterface<DType> {
 protected:
  static constexpr int64_t kCapacity = 75, kLive = 37;

  DType dtype() const { return GetParam(); }
  // Random numbers, NaN in the spare rows.
  GuardedTensor& rows(int64_t cols, int64_t live = kLive) {
    GuardedTensor& t = normal(dtype(), kCapacity, cols);
    Values values = t.get();
    std::fill(values.begin() + live * cols, values.end(), NAN);
    t.set(values);
    return t;
  }
  GuardedTensor& result(int64_t cols) { return blank(dtype(), kCapacity, cols); }
  GuardedTensor& list() { return blank(DType::kF32, 1, kCapacity); }
  GuardedTensor& live(int64_t count = kLive) { return given(DType::kI32, 1, 1, {double(count)}); }
  GuardedTensor& gradient(int64_t cols, int64_t rows = 1) {
    GuardedTensor& t = make(DType::kF32, rows, cols);
    t.fill(0.5);
    return t;
  }
  // Keys whose spare entries name no sequence.
  RowDropout keys(int64_t cols) {
    RowDropout d = dropout(0.2f, kCapacity, cols).args;
    GuardedTensor& sequence = make(DType::kI32, 1, kCapacity);
    Values values(size_t(kCapacity), 0);
    std::fill(values.begin() + kLive, values.end(), 1e9);
    sequence.set(values);
    d.rows.sequence = sequence;
    return d;
  }
  static RowDropout first(RowDropout d, int64_t count) {
    d.rows.sequence.cols = d.rows.position.cols = count;
    return d;
  }
  static Tensor first(const Tensor& t, int64_t count = kLive) {
    return t.rows == 1 ? t.col_range(0, count) : t.row_range(0, count);
  }
  // Expects the live rows of `whole`, which is the op's result on the live rows alone, and zeros in the spare rows.
  void expect_rows(const char* what, GuardedTensor& got, GuardedTensor& whole, int64_t count = kLive) {
    const int64_t per_row = got->rows == 1 ? 1 : got->cols;
    Values expected = whole.get();
    std::fill(expected.begin() + count * per_row, expected.end(), 0);
    expect_same(what, got.get(), expected);
  }
  // For sums over rows, whose order may depend on the number of rows.
  void expect_sums(const char* what, GuardedTensor& got, GuardedTensor& whole) {
    EXPECT_LE(worst_difference(got.get(), whole.get()), 3e-6 * (1 + largest(whole.get()))) << what;
    EXPECT_GT(worst_difference(got.get(), Values(size_t(got->size()), 0.5)), 1e-2) << what << ": nothing was added";
  }
};

TEST_P(SpareRows, LayerNorm) {
  for (const int64_t cols : {72, 61, 1100}) {
    auto &x = rows(cols), &residual = rows(cols), &dy = rows(cols), &gamma = normal(DType::kF32, 1, cols),
         &beta = normal(DType::kF32, 1, cols);
    GuardedTensor *sum[2], *y[2], *mean[2], *rstd[2], *dsum[2], *dx[2], *dgamma[2], *dbeta[2], *dbias[2];
    const RowDropout drop = keys(cols);
    for (int i : {0, 1}) {
      const int64_t count = i ? kCapacity : kLive;
      sum[i] = &result(cols), y[i] = &result(cols), mean[i] = &list(), rstd[i] = &list(), dsum[i] = &result(cols);
      dx[i] = &result(cols), dgamma[i] = &gradient(cols), dbeta[i] = &gradient(cols), dbias[i] = &gradient(cols);
      LayerNormForward f{.x = first(x, count),
                         .residual = first(residual, count),
                         .gamma = gamma,
                         .beta = beta,
                         .sum = first(*sum[i], count),
                         .y = first(*y[i], count),
                         .mean = first(*mean[i], count),
                         .rstd = first(*rstd[i], count),
                         .dropout = first(drop, count)};
      LayerNormBackward b{.dy = first(dy, count),
                          .sum = first(*sum[i], count),
                          .gamma = gamma,
                          .mean = first(*mean[i], count),
                          .rstd = first(*rstd[i], count),
                          .dsum = first(*dsum[i], count),
                          .dx = first(*dx[i], count),
                          .dgamma = *dgamma[i],
                          .dbeta = *dbeta[i],
                          .dbias = *dbias[i],
                          .dropout = first(drop, count)};
      if (i) f.live = b.live = live();
      layernorm_forward(backend(), f);
      layernorm_backward(backend(), b);
    }
    expect_rows("sum", *sum[1], *sum[0]);
    expect_rows("y", *y[1], *y[0]);
    expect_rows("mean", *mean[1], *mean[0]);
    expect_rows("rstd", *rstd[1], *rstd[0]);
    expect_rows("dsum", *dsum[1], *dsum[0]);
    expect_rows("dx", *dx[1], *dx[0]);
    expect_sums("dgamma", *dgamma[1], *dgamma[0]);
    expect_sums("dbeta", *dbeta[1], *dbeta[0]);
    expect_sums("dbias", *dbias[1], *dbias[0]);
  }
}

TEST_P(SpareRows, GeluTanhDropoutAndBias) {
  for (const int64_t cols : {80, 61}) {
    auto &x = rows(cols), &dy = rows(cols);
    GuardedTensor *y[2], *dx[2], *dbias[2], *z[2], *dz[2], *dropped[2], *total[2];
    const RowDropout drop = keys(cols);
    for (int i : {0, 1}) {
      const int64_t count = i ? kCapacity : kLive;
      const Tensor n = i ? *live() : Tensor();
      for (auto* t : {&y, &dx, &z, &dz, &dropped}) (*t)[i] = &result(cols);
      dbias[i] = &gradient(cols), total[i] = &gradient(cols);
      gelu_forward(backend(), {.x = first(x, count), .y = first(*y[i], count), .live = n});
      gelu_backward(
          backend(),
          {.dy = first(dy, count), .x = first(x, count), .dx = first(*dx[i], count), .dbias = *dbias[i], .live = n});
      tanh_forward(backend(), {.x = first(x, count), .y = first(*z[i], count), .live = n});
      tanh_backward(backend(),
                    {.dy = first(dy, count), .y = first(*z[i], count), .dx = first(*dz[i], count), .live = n});
      bias_gradient(backend(), {.dy = first(dy, count), .dbias = *total[i], .live = n});
      dropout_apply(backend(),
                    {.x = first(x, count), .y = first(*dropped[i], count), .live = n, .dropout = first(drop, count)});
    }
    expect_rows("gelu", *y[1], *y[0]);
    expect_rows("gelu dx", *dx[1], *dx[0]);
    expect_rows("tanh", *z[1], *z[0]);
    expect_rows("tanh dx", *dz[1], *dz[0]);
    expect_rows("dropout", *dropped[1], *dropped[0]);
    expect_sums("gelu dbias", *dbias[1], *dbias[0]);
    expect_sums("dbias", *total[1], *total[0]);
  }
}

TEST_P(SpareRows, CrossEntropy) {
  for (const int64_t classes : {90, 4500}) {
    const int64_t padded = (classes + 63) / 64 * 64;
    const Values u = rows(padded).get();
    GuardedTensor *logits[2], *dbias[2], *loss[2], *row_loss[2], *correct[2];
    auto &labels = make(DType::kI32, 1, kCapacity), &scale = given(DType::kF32, 1, 1, {0.5});
    Values label(size_t(kCapacity), 1e9);
    for (int64_t r = 0; r < kLive; ++r) label[size_t(r)] = r % 4 ? double(r) : -100.0;
    labels.set(label);
    for (int i : {0, 1}) {
      const int64_t count = i ? kCapacity : kLive;
      logits[i] = &result(padded), dbias[i] = &gradient(classes), row_loss[i] = &list();
      logits[i]->set(u);
      loss[i] = &given(DType::kF64, 1, 1, {0}), correct[i] = &given(DType::kI64, 1, 1, {0});
      CrossEntropy a{.logits = first(*logits[i], count),
                     .classes = classes,
                     .labels = first(labels, count),
                     .grad_scale = scale,
                     .row_loss = first(*row_loss[i], count),
                     .loss_sum = *loss[i],
                     .correct = *correct[i],
                     .dbias = *dbias[i]};
      if (i) a.live = live();
      cross_entropy(backend(), a);
    }
    expect_rows("gradient", *logits[1], *logits[0]);
    expect_rows("row loss", *row_loss[1], *row_loss[0]);
    expect_same("loss", loss[1]->get(), loss[0]->get());
    expect_same("correct", correct[1]->get(), correct[0]->get());
    EXPECT_LE(worst_difference(dbias[1]->get(), dbias[0]->get()), 1e-6);
  }
}

TEST_P(SpareRows, GatherAndScatter) {
  const int64_t cols = 56;
  auto &x = normal(dtype(), 60, cols), &row = make(DType::kI32, 1, kCapacity), &dy = rows(cols);
  Values index(size_t(kCapacity), 1e9);
  for (int64_t r = 0; r < kLive; ++r) index[size_t(r)] = double(r * 11 % 60);
  row.set(index);
  GuardedTensor *y[2], *dx[2], *sum[2];
  for (int i : {0, 1}) {
    const int64_t count = i ? kCapacity : kLive;
    const Tensor n = i ? *live() : Tensor();
    y[i] = &result(cols), dx[i] = &blank(dtype(), 90, cols), sum[i] = &make(dtype(), 90, cols);
    sum[i]->fill(1);
    gather_rows(backend(), {.x = x, .rows = first(row, count), .y = first(*y[i], count), .live = n});
    scatter_rows(backend(), {.dy = first(dy, count), .rows = first(row, count), .dx = *dx[i], .live = n});
    scatter_rows(backend(), {.dy = first(dy, count), .rows = first(row, count), .dx = *sum[i], .add = true, .live = n});
  }
  expect_rows("y", *y[1], *y[0]);
  expect_same("dx", dx[1]->get(), dx[0]->get());
  expect_same("dx added to", sum[1]->get(), sum[0]->get());
}

TEST_P(SpareRows, Embedding) {
  for (const int64_t cols : {72, 1100}) {
    Values ids, order(static_cast<size_t>(kCapacity), 1e9), start{0}, row;
    for (int64_t r = 0; r < kCapacity; ++r) ids.push_back(r < kLive ? double(r / 2) : 1e9);
    std::iota(order.begin(), order.begin() + kLive, 0);
    for (int64_t s = 0; s < kLive; ++s) {  // half of the segments are spare
      const bool there = s <= (kLive - 1) / 2;
      row.push_back(there ? double(s) : -1.0);
      start.push_back(std::min(double(2 * s + 2), double(kLive)));
    }
    auto &id = given(DType::kI32, 1, kCapacity, ids), &word = normal(dtype(), 40, cols),
         &type = normal(dtype(), 1, cols), &gamma = normal(DType::kF32, 1, cols), &beta = normal(DType::kF32, 1, cols);
    const Values up = rows(cols).get();
    const RowDropout drop = keys(cols);
    GuardedTensor *y[2], *dy[2], *mean[2], *rstd[2], *dword[2], *dposition[2], *dtypes[2], *dgamma[2], *dbeta[2];
    for (int i : {0, 1}) {
      const int64_t count = i ? kCapacity : kLive, segments = i ? kLive : (kLive + 1) / 2;
      y[i] = &result(cols), dy[i] = &result(cols), mean[i] = &list(), rstd[i] = &list();
      dy[i]->set(up);
      dword[i] = &gradient(cols, 40), dposition[i] = &gradient(cols, 40), dtypes[i] = &gradient(cols);
      dgamma[i] = &gradient(cols), dbeta[i] = &gradient(cols);
      EmbeddingForward f{.ids = first(id, count),
                         .position_ids = first(id, count),
                         .word = word,
                         .position = word,
                         .type = type,
                         .gamma = gamma,
                         .beta = beta,
                         .y = first(*y[i], count),
                         .mean = first(*mean[i], count),
                         .rstd = first(*rstd[i], count),
                         .dropout = first(drop, count)};
      if (i) f.live = live();
      embedding_forward(backend(), f);
      const RowSegments list{given(DType::kI32, 1, count, Values(order.begin(), order.begin() + count)),
                             given(DType::kI32, 1, segments + 1, Values(start.begin(), start.begin() + segments + 1)),
                             given(DType::kI32, 1, segments, Values(row.begin(), row.begin() + segments))};
      EmbeddingBackward b{.dy = first(*dy[i], count),
                          .forward = f,
                          .word_segments = list,
                          .position_segments = list,
                          .dword = *dword[i],
                          .dposition = *dposition[i],
                          .dtype = *dtypes[i],
                          .dgamma = *dgamma[i],
                          .dbeta = *dbeta[i]};
      embedding_backward(backend(), b);
    }
    expect_rows("y", *y[1], *y[0]);
    expect_rows("mean", *mean[1], *mean[0]);
    expect_same("dword", dword[1]->get(), dword[0]->get());
    expect_same("dposition", dposition[1]->get(), dposition[0]->get());
    expect_sums("dtype", *dtypes[1], *dtypes[0]);
    expect_sums("dgamma", *dgamma[1], *dgamma[0]);
    expect_sums("dbeta", *dbeta[1], *dbeta[0]);
  }
}

TEST_P(SpareRows, NoneAndAllAreLive) {
  const int64_t cols = 40;
  for (const int64_t count : {int64_t(0), kCapacity}) {
    auto &x = rows(cols, count), &y = result(cols), &dbias = gradient(cols);
    bias_gradient(backend(), {.dy = x, .dbias = dbias, .live = live(count)});
    gelu_forward(backend(), {.x = x, .y = y, .live = live(count)});
    if (count == 0) {
      expect_same("y", y.get(), Values(size_t(kCapacity * cols), 0));
      expect_same("dbias", dbias.get(), Values(size_t(cols), 0.5));
    } else {
      EXPECT_GT(largest(y.get()), 0.5);
    }
  }
}

// Many bad entries at once: race checks watch how the first of them is found.
TEST_P(SpareRows, RefusesRowsThatAreNotThere) {
  auto &x = rows(8), &y = result(8), &index = make(DType::kI32, 1, kCapacity);
  index.fill(double(kCapacity));
  EXPECT_NE(refusal([&] { gather_rows(backend(), {.x = x, .rows = index, .y = y}); }).find("rows[0] is 75"),
            std::string::npos);
}

TEST_P(SpareRows, RefusesACountThatIsNone) {
  auto &x = rows(8), &y = result(8);
  for (const int64_t count : {int64_t(-1), kCapacity + 1})
    EXPECT_NE(
        refusal([&] { gelu_forward(backend(), {.x = x, .y = y, .live = live(count)}); }).find("there are 75 rows"),
        std::string::npos);
  EXPECT_NE(refusal([&] { gelu_forward(backend(), {.x = x, .y = y, .live = list()}); }).find("live is fp32 [1, 75]"),
            std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Floats, SpareRows, ::testing::Values(DType::kF32, DType::kBF16),
                         [](const auto& info) { return std::string(name_of(info.param)); });

}  // namespace
}  // namespace encore::test
