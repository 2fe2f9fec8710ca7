#include "kernels/ops/embedding.h"

#include <algorithm>
#include <map>

#include "tests/support/op_test.h"
#include "tests/support/random_shapes.h"

namespace encore::test {
namespace {

struct Case {
  int64_t tokens, hidden;
  DType dtype = DType::kF32;
  float p = 0.1f;
  int64_t types = 2;
  int64_t vocabulary = 50;
};

std::ostream& operator<<(std::ostream& out, const Case& c) {
  return out << name_of(c.dtype) << " [" << c.tokens << ", " << c.hidden << "] p " << c.p << " types " << c.types
             << " vocabulary " << c.vocabulary;
}

constexpr int64_t kPositions = 20, kPadding = 1;

class EmbeddingTest : public OpTest, public ::testing::WithParamInterface<Case> {
 protected:
  void build(const Case& c) {
    std::uniform_int_distribution<int64_t> word(0, c.vocabulary - 1), position(0, kPositions - 1), type(0, c.types - 1);
    for (int64_t t = 0; t < c.tokens; ++t) {
      ids_.push_back(double(t % 3 ? word(random_) : 2));  // one id is far more frequent than the others
      positions_.push_back(double(position(random_)));
      types_.push_back(double(type(random_)));
    }
    drop_ = dropout(c.p, c.tokens, c.hidden);
    args_ = {.ids = given(DType::kI32, 1, c.tokens, ids_),
             .position_ids = given(DType::kI32, 1, c.tokens, positions_),
             .word = normal(c.dtype, c.vocabulary, c.hidden, 1, 0, 3),
             .position = normal(c.dtype, kPositions, c.hidden),
             .type = normal(c.dtype, c.types, c.hidden),
             .gamma = normal(DType::kF32, 1, c.hidden, 0.5, 1),
             .beta = normal(DType::kF32, 1, c.hidden),
             .y = blank(c.dtype, c.tokens, c.hidden, 5),
             .mean = blank(DType::kF32, 1, c.tokens),
             .rstd = blank(DType::kF32, 1, c.tokens),
             .dropout = drop_.args};
    if (c.types > 1) args_.type_ids = given(DType::kI32, 1, c.tokens, types_);
  }
  // The sum of the three rows of every token, in `Real`.
  template <class Real>
  Values sums(const Values& word, const Values& position, const Values& type, int64_t hidden) {
    Values out;
    for (size_t t = 0; t < ids_.size(); ++t)
      for (int64_t c = 0; c < hidden; ++c)
        out.push_back(double(Real(word[size_t(int64_t(ids_[t]) * hidden + c)]) +
                             Real(type[size_t(int64_t(types_[t]) * hidden + c)]) +
                             Real(position[size_t(int64_t(positions_[t]) * hidden + c)])));
    return out;
  }
  Values values(const Tensor& t) {  // t: one of the tensors made above
    GuardedTensor copy(backend(), t.dtype, t.rows, t.cols);
    for (int64_t r = 0; r < t.rows; ++r)
      backend().copy_to_device(copy->row_range(r, 1).data, t.row_range(r, 1).data, t.row_range(r, 1).bytes());
    return copy.get();
  }
  RowSegments segments(const Values& ids) {
    std::map<int64_t, Values> by_row;
    for (size_t t = 0; t < ids.size(); ++t) by_row[int64_t(ids[t])].push_back(double(t));
    Values order, start{0}, row;
    for (const auto& [id, tokens] : by_row) {
      order.insert(order.end(), tokens.begin(), tokens.end());
      start.push_back(double(order.size()));
      row.push_back(double(id));
    }
    return {given(DType::kI32, 1, int64_t(order.size()), order), given(DType::kI32, 1, int64_t(start.size()), start),
            given(DType::kI32, 1, int64_t(row.size()), row)};
  }
  // table [rows, hidden] += d [T, hidden] by id, except for the padding row.
  template <class Real>
  static Values scattered(const Values& table, const Values& d, const Values& ids, int64_t hidden, int64_t padding) {
    std::vector<Real> sums(table.size(), Real(0));
    for (size_t t = 0; t < ids.size(); ++t)
      for (int64_t c = 0; c < hidden; ++c)
        if (int64_t(ids[t]) != padding)
          sums[size_t(int64_t(ids[t]) * hidden + c)] += Real(d[t * size_t(hidden) + size_t(c)]);
    return sum_of(table, Values(sums.begin(), sums.end()));
  }

  Values ids_, positions_, types_;
  KeyedDropout drop_;
  EmbeddingForward args_;
};

TEST_P(EmbeddingTest, Forward) {
  const Case& c = GetParam();
  build(c);
  if (c.types == 1) types_.assign(size_t(c.tokens), 0);
  embedding_forward(backend(), args_);
  const Values ones(size_t(c.tokens * c.hidden), 1), word = values(args_.word), position = values(args_.position),
                                                     type = values(args_.type), gamma = values(args_.gamma),
                                                     beta = values(args_.beta);
  auto exact = reference::layernorm_forward<double>(sums<double>(word, position, type, c.hidden), {}, {}, ones, gamma,
                                                    beta, c.tokens, c.hidden, 1e-5);
  auto plain = reference::layernorm_forward<float>(sums<float>(word, position, type, c.hidden), {}, {}, ones, gamma,
                                                   beta, c.tokens, c.hidden, 1e-5);
  expect_close("y", values(args_.y), reference::product<double>(exact.y, drop_.factor),
               reference::product<float>(plain.y, drop_.factor), c.dtype);
  expect_close("mean", values(args_.mean), exact.mean, plain.mean, DType::kF32);
  expect_close("rstd", values(args_.rstd), exact.rstd, plain.rstd, DType::kF32);
}

TEST_P(EmbeddingTest, Backward) {
  const Case& c = GetParam();
  build(c);
  if (c.types == 1) types_.assign(size_t(c.tokens), 0);
  embedding_forward(backend(), args_);
  auto& dy = normal(c.dtype, c.tokens, c.hidden, 1, 0.2, 2);
  auto &dword = normal(DType::kF32, c.vocabulary, c.hidden), &dposition = normal(DType::kF32, kPositions, c.hidden),
       &dtype = normal(DType::kF32, c.types, c.hidden), &dgamma = normal(DType::kF32, 1, c.hidden),
       &dbeta = normal(DType::kF32, 1, c.hidden);
  const Values dword0 = dword.get(), dposition0 = dposition.get(), dtype0 = dtype.get(), dgamma0 = dgamma.get(),
               dbeta0 = dbeta.get(), up = dy.get();
  EmbeddingBackward a{.dy = dy,
                      .forward = args_,
                      .dword = dword,
                      .dposition = dposition,
                      .dtype = dtype,
                      .dgamma = dgamma,
                      .dbeta = dbeta,
                      .padding_id = kPadding};
  a.forward.y = {};
  a.word_segments = segments(ids_);
  a.position_segments = segments(positions_);
  embedding_backward(backend(), a);

  const Values word = values(args_.word), position = values(args_.position), type = values(args_.type),
               gamma = values(args_.gamma), ones(size_t(c.tokens * c.hidden), 1);
  const Values sum = sums<double>(word, position, type, c.hidden);
  const auto saved = reference::layernorm_forward<double>(sum, {}, {}, ones, gamma, gamma, c.tokens, c.hidden, 1e-5);
  const auto exact = reference::layernorm_backward<double>(reference::product<double>(up, drop_.factor), sum, gamma,
                                                           saved.mean, saved.rstd, c.tokens, c.hidden);
  const auto plain = reference::layernorm_backward<float>(reference::product<float>(up, drop_.factor),
                                                          sums<float>(word, position, type, c.hidden), gamma,
                                                          values(args_.mean), values(args_.rstd), c.tokens, c.hidden);
  expect_close("dgamma", dgamma.get(), sum_of(exact.dgamma, dgamma0), sum_of(plain.dgamma, dgamma0), DType::kF32);
  expect_close("dbeta", dbeta.get(), sum_of(exact.dbeta, dbeta0), sum_of(plain.dbeta, dbeta0), DType::kF32);
  Values d = plain.dsum;  // a backend may round the gradient to dy's dtype before it sums it by row
  for (double& v : d) v = rounded(v, c.dtype);
  // With one column the terms cancel, and the remainder depends on the use of fused multiply-adds.
  const double terms = c.hidden == 1 ? largest(values(args_.rstd)) * largest(up) * largest(gamma) : 0;
  expect_close("dword", dword.get(), scattered<double>(dword0, exact.dsum, ids_, c.hidden, kPadding),
               scattered<float>(dword0, d, ids_, c.hidden, kPadding), DType::kF32, 1e-6, terms);
  expect_close("dposition", dposition.get(), scattered<double>(dposition0, exact.dsum, positions_, c.hidden, kPadding),
               scattered<float>(dposition0, d, positions_, c.hidden, kPadding), DType::kF32, 1e-6, terms);
  expect_close("dtype", dtype.get(), scattered<double>(dtype0, exact.dsum, types_, c.hidden, -1),
               scattered<float>(dtype0, plain.dsum, types_, c.hidden, -1), DType::kF32, 1e-6, terms);
  // The padding row gets nothing at all.
  for (int64_t i = 0; i < c.hidden; ++i) {
    EXPECT_EQ(dword.get()[size_t(kPadding * c.hidden + i)], dword0[size_t(kPadding * c.hidden + i)]);
    if (i > 8) break;
  }
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const DType dtype : {DType::kF32, DType::kBF16}) {
    for (const int64_t hidden : {1, 7, 15, 16, 17, 67, 768}) all.push_back({23, hidden, dtype});
    all.push_back({0, 64, dtype});
    all.push_back({1, 64, dtype, 0, 1});
    all.push_back({300, 96, dtype, 0, 1, 3});
    all.push_back({2200, 24, dtype, 0.1f, 2, 500});
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(Shapes, EmbeddingTest, ::testing::ValuesIn(cases()));
INSTANTIATE_TEST_SUITE_P(Random, EmbeddingTest, ::testing::ValuesIn(RandomShapes::cases(5, [](RandomShapes& r) {
                           return Case{r.rows(),        r.columns(1200),  r.dtype(), r.one_of<float>({0, 0.1f, 0.5f}),
                                       r.between(1, 2), r.between(3, 300)};
                         })));

class EmbeddingFacts : public EmbeddingTest {};

TEST_P(EmbeddingFacts, ThreadsChangeNoBit) {
  build(GetParam());
  embedding_forward(backend(), args_);
  const Values y = values(args_.y), up = normal(DType::kF32, GetParam().tokens, GetParam().hidden).get();
  std::vector<Values> first;
  for (const int threads : {2, 1, 3}) {
    const auto other = make_test_backend(threads);
    embedding_forward(*other, args_);
    other->synchronize();
    expect_same("y", values(args_.y), y);
    auto& dy = given(GetParam().dtype, GetParam().tokens, GetParam().hidden, up);
    std::vector<GuardedTensor*> gradients;
    for (const int64_t rows : {GetParam().vocabulary, kPositions, GetParam().types, int64_t(1), int64_t(1)})
      gradients.push_back(&make(DType::kF32, rows, GetParam().hidden)), gradients.back()->fill(1);
    EmbeddingBackward a{.dy = dy,
                        .forward = args_,
                        .dword = *gradients[0],
                        .dposition = *gradients[1],
                        .dtype = *gradients[2],
                        .dgamma = *gradients[3],
                        .dbeta = *gradients[4]};
    a.word_segments = segments(ids_);
    a.position_segments = segments(positions_);
    embedding_backward(*other, a);
    other->synchronize();
    for (size_t i = 0; i < gradients.size(); ++i) {
      if (first.size() <= i) first.push_back(gradients[i]->get());
      expect_same("gradient", gradients[i]->get(), first[i]);
    }
  }
}

// A backward pass does not depend on the workspace that an earlier one left behind.
TEST_P(EmbeddingFacts, TheSameBitsInASecondCall) {
  build(GetParam());
  embedding_forward(backend(), args_);
  const Values up = normal(DType::kF32, GetParam().tokens, GetParam().hidden).get();
  std::vector<Values> first;
  for (int turn = 0; turn < 2; ++turn) {
    EmbeddingBackward a{.dy = given(GetParam().dtype, GetParam().tokens, GetParam().hidden, up), .forward = args_};
    a.word_segments = segments(ids_), a.position_segments = segments(positions_);
    std::vector<GuardedTensor*> gradients;
    for (const int64_t rows : {GetParam().vocabulary, kPositions, GetParam().types, int64_t(1), int64_t(1)})
      gradients.push_back(&make(DType::kF32, rows, GetParam().hidden)), gradients.back()->fill(1);
    a.dword = *gradients[0], a.dposition = *gradients[1], a.dtype = *gradients[2];
    a.dgamma = *gradients[3], a.dbeta = *gradients[4];
    embedding_backward(backend(), a);
    for (size_t i = 0; i < gradients.size(); ++i) {
      if (turn == 0) first.push_back(gradients[i]->get());
      expect_same("gradient", gradients[i]->get(), first[i]);
    }
  }
}

TEST_P(EmbeddingFacts, RefusesIdsThatAreNotThere) {
  build(GetParam());
  for (const double bad : {-1.0, 50.0}) {
    ids_[7] = bad;
    args_.ids = given(DType::kI32, 1, GetParam().tokens, ids_);
    EXPECT_NE(refusal([&] { embedding_forward(backend(), args_); }).find("ids[7]"), std::string::npos);
  }
}

INSTANTIATE_TEST_SUITE_P(One, EmbeddingFacts, ::testing::Values(Case{700, 40}));

}  // namespace
}  // namespace encore::test
