#include "kernels/ops/attention.h"

#include <algorithm>

#include "tests/reference/attention_reference.h"
#include "tests/support/guarded_tensor.h"
#include "tests/support/random_shapes.h"
#include "tests/support/test_backend.h"

namespace encore::test {
namespace {

enum Rows { kAll, kSubset };
enum Keys { kVisible, kSomeHidden };

struct Case {
  std::vector<int> lengths;
  int heads, head_size;
  DType dtype;
  float p = 0;
  Rows rows = kAll;
  Keys keys = kVisible;
  int threads = 2;
  bool deterministic = true;
  double offset = 0;  // added to every q, subtracted from every k: shifts all scores by about -sqrt(D) offset^2
};

std::ostream& operator<<(std::ostream& out, const Case& c) {
  for (int l : c.lengths) out << l << ",";
  return out << " heads " << c.heads << " of " << c.head_size << " " << name_of(c.dtype) << " p " << c.p
             << (c.rows == kSubset ? " subset" : "") << (c.keys == kSomeHidden ? " hidden keys" : "") << " threads "
             << c.threads << (c.deterministic ? "" : " atomics") << " offset " << c.offset;
}

// The same problem for the op (in guarded memory, q k v in one strided matrix) and for the reference.
class Problem {
 public:
  explicit Problem(const Case& c, uint64_t seed = 11)
      : backend(test::make_test_backend(c.threads)), random(seed), deterministic(c.deterministic) {
    r.heads = c.heads, r.head_size = c.head_size, r.scale = 1 / std::sqrt(double(c.head_size));
    r.p = c.p, r.seed = 0x1234567890abcdefull, r.layer = 3;
    r.starts = r.starts_q = {0};
    for (size_t n = 0; n < c.lengths.size(); ++n) {
      r.starts.push_back(r.starts.back() + c.lengths[n]);
      r.example_keys.push_back(example_key(2, 1000 + 7 * n));
      for (int i = 0; i < c.lengths[n]; ++i)
        // A random subset, as masked positions are, with no row of the second sequence.
        if (c.rows == kAll || (random() % 7 == 0 && n != 1)) r.position.push_back(i);
      r.starts_q.push_back(int(r.position.size()));
    }
    if (c.keys == kSomeHidden)  // no query sees a key of the first sequence
      for (int t = 0; t < tokens(); ++t) r.visible.push_back(t >= r.starts[1] && random() % 3 != 0);
    make(c);
  }

  int64_t tokens() const { return r.starts.back(); }
  int64_t queries() const { return int64_t(r.position.size()); }
  int64_t width() const { return int64_t(r.heads) * r.head_size; }

  void forward() {
    attention_forward(*backend, {.q = q, .k = k, .v = v, .out = *out, .lse = *lse, .shape = shape, .dropout = dropout});
  }
  void backward() {
    attention_backward(*backend, {.dout = *dout,
                                  .q = q,
                                  .k = k,
                                  .v = v,
                                  .out = *out,
                                  .lse = *lse,
                                  .dq = *dq,
                                  .dk = *dk,
                                  .dv = *dv,
                                  .shape = shape,
                                  .dropout = dropout,
                                  .deterministic = deterministic});
  }
  bool guards_hold() {
    bool hold = true;
    for (auto* t : {&out, &lse, &dout, &dq, &dk, &dv, &q_rows, &kv_rows}) hold = hold && (*t)->guards_hold();
    return hold;
  }

  std::unique_ptr<Backend> backend;
  std::mt19937_64 random;
  bool deterministic;
  reference::AttentionProblem r;
  using Guarded = std::unique_ptr<GuardedTensor>;
  Guarded q_rows, kv_rows, out, lse, dout, dq, dk, dv;
  Tensor q, k, v;
  AttentionShape shape;
  AttentionDropout dropout;

 private:
  Guarded tensor(DType dtype, int64_t rows, int64_t cols, int64_t gap = 0) {
    return std::make_unique<GuardedTensor>(*backend, dtype, rows, cols, cols + gap);
  }
  Guarded random_tensor(DType dtype, int64_t rows, int64_t cols, double deviation) {
    auto t = tensor(dtype, rows, cols, 16);
    t->fill_normal(random, deviation);
    return t;
  }
  template <class T>
  Tensor list(DType dtype, const std::vector<T>& values) {
    lists.push_back(tensor(dtype, 1, int64_t(values.size())));
    std::vector<double> all(values.begin(), values.end());
    lists.back()->set(all);
    return **lists.back();
  }
  static std::vector<double> columns(const std::vector<double>& m, int64_t all, int64_t first, int64_t count) {
    std::vector<double> part;
    for (size_t row = 0; row < m.size(); row += size_t(all))
      part.insert(part.end(), m.begin() + long(row) + first, m.begin() + long(row) + first + count);
    return part;
  }
  void make(const Case& c) {
    q_rows = random_tensor(c.dtype, queries(), width(), 1.5);
    kv_rows = random_tensor(c.dtype, tokens(), 2 * width(), 1.5);
    dout = random_tensor(c.dtype, queries(), width(), 1);
    auto qs = q_rows->get(), kvs = kv_rows->get();
    for (double& x : qs) x += c.offset;
    for (size_t i = 0; i < kvs.size(); ++i) kvs[i] -= i % size_t(2 * width()) < size_t(width()) ? c.offset : 0;
    q_rows->set(qs);
    kv_rows->set(kvs);
    out = tensor(c.dtype, queries(), width(), 8), dq = tensor(c.dtype, queries(), width(), 16);
    dk = tensor(c.dtype, tokens(), width(), 24), dv = tensor(c.dtype, tokens(), width(), 8);
    lse = tensor(DType::kF32, r.heads, queries(), 9);
    q = **q_rows, k = (*kv_rows)->col_range(0, width()), v = (*kv_rows)->col_range(width(), width());
    r.q = q_rows->get(), r.dout = dout->get();
    r.k = columns(kv_rows->get(), 2 * width(), 0, width());
    r.v = columns(kv_rows->get(), 2 * width(), width(), width());
    shape.heads = r.heads, shape.head_size = r.head_size, shape.scale = float(r.scale);
    shape.cu_seqlens = list(DType::kI32, r.starts);
    if (c.rows == kSubset) {
      shape.cu_seqlens_q = list(DType::kI32, r.starts_q);
      shape.q_position = list(DType::kI32, r.position);
    }
    if (!r.visible.empty()) shape.visible = list(DType::kU8, r.visible);
    dropout.p = r.p, dropout.seed = r.seed, dropout.layer = r.layer;
    if (r.p > 0) dropout.example_keys = list(DType::kU64, r.example_keys);
  }

  std::vector<Guarded> lists;
};

class AttentionTest : public ::testing::TestWithParam<Case> {};

TEST_P(AttentionTest, ForwardAndBackwardMatchTheReference) {
  Problem p(GetParam());
  for (auto* t : {&p.out, &p.lse, &p.dq, &p.dk, &p.dv}) (*t)->fill(NAN);
  p.forward();
  p.backward();
  const DType dtype = GetParam().dtype;
  const auto exact = reference::attention(p.r);
  const auto round = [&](double x) { return rounded(x, dtype); };
  const auto plain = reference::attention<float>(p.r, round, round);
  const auto expect_close = [&](const char* name, const std::vector<double>& got, const std::vector<double>& want,
                                const std::vector<double>& loops) {
    if (want.empty()) return;
    // The floor is relative to dout: with a single key, dq and dk are differences of equal numbers.
    double size = largest(p.r.dout);
    for (double x : want) size = std::isfinite(x) ? std::max(size, std::fabs(x)) : size;
    EXPECT_LE(worst_difference(got, want), 2 * worst_difference(loops, want) + 2e-6 * size) << name;
  };
  expect_close("out", p.out->get(), exact.out, plain.out);
  expect_close("lse", p.lse->get(), exact.lse, plain.lse);
  expect_close("dq", p.dq->get(), exact.dq, plain.dq);
  expect_close("dk", p.dk->get(), exact.dk, plain.dk);
  expect_close("dv", p.dv->get(), exact.dv, plain.dv);
  EXPECT_TRUE(p.guards_hold());
}

// A second call gives the same bits (except for sums in any order): it does not depend on the workspace that the first
// call left behind.
TEST_P(AttentionTest, TheSameInASecondCall) {
  Problem p(GetParam());
  const auto run = [&] {
    p.forward();
    p.backward();
    std::vector<std::vector<double>> results;
    for (auto* t : {&p.out, &p.lse, &p.dq, &p.dk, &p.dv}) results.push_back((*t)->get());
    return results;
  };
  const auto first = run(), second = run();
  if (GetParam().deterministic) {
    EXPECT_EQ(second, first);
    return;
  }
  for (size_t i = 0; i < first.size(); ++i) {
    double size = 0;
    for (double x : first[i]) size = std::max(size, std::fabs(x));
    EXPECT_LE(worst_difference(second[i], first[i]), 0.01 * size);
  }
}

constexpr DType F = DType::kF32, B = DType::kBF16;
INSTANTIATE_TEST_SUITE_P(Shapes, AttentionTest,
                         ::testing::Values(Case{{1}, 1, 32, F}, Case{{1}, 1, 64, B}, Case{{7}, 2, 64, F},
                                           Case{{64}, 1, 64, F}, Case{{65, 63}, 2, 64, B}, Case{{63}, 1, 32, B},
                                           Case{{0, 3, 0, 5, 0}, 3, 32, F}, Case{{0, 3, 0, 5, 0}, 3, 32, B},
                                           Case{{100, 31}, 2, 96, F}, Case{{100, 31}, 2, 96, B}, Case{{47}, 2, 128, F},
                                           Case{{130}, 1, 128, B}, Case{{513}, 1, 64, B}, Case{{513}, 1, 64, F, 0.1f},
                                           Case{{700, 2}, 1, 64, B, 0.1f},
                                           Case{{700}, 2, 32, F, 0.f, kAll, kVisible, 7}));
INSTANTIATE_TEST_SUITE_P(Dropout, AttentionTest,
                         ::testing::Values(Case{{1}, 1, 64, F, 0.5f}, Case{{40, 17, 128}, 3, 64, F, 0.1f},
                                           Case{{40, 17, 128}, 3, 64, B, 0.1f},
                                           Case{{300}, 2, 64, B, 0.5f, kAll, kVisible, 5},
                                           Case{{33}, 1, 32, B, 0.001f}));
INSTANTIATE_TEST_SUITE_P(
    Subsets, AttentionTest,
    ::testing::Values(Case{{90, 20, 150}, 2, 64, F, 0, kSubset}, Case{{90, 20, 150}, 2, 64, B, 0.1f, kSubset},
                      Case{{513, 9}, 1, 64, F, 0.1f, kSubset}, Case{{700, 3, 0, 40}, 1, 64, B, 0.1f, kSubset},
                      Case{{1, 5}, 2, 32, F, 0, kSubset}, Case{{700}, 1, 96, F, 0.2f, kSubset, kVisible, 6}));
INSTANTIATE_TEST_SUITE_P(Atomics, AttentionTest,
                         ::testing::Values(Case{{90, 1, 0, 150}, 2, 64, B, 0.1f, kAll, kVisible, 2, false},
                                           Case{{40, 1, 100}, 2, 32, B, 0, kSubset, kVisible, 2, false},
                                           Case{{70, 20}, 1, 96, B, 0, kAll, kSomeHidden, 2, false},
                                           Case{{130}, 1, 128, B, 0, kAll, kVisible, 2, false},
                                           Case{{33, 100}, 2, 64, F, 0.1f, kAll, kSomeHidden, 2, false},
                                           Case{{40, 33}, 1, 128, F, 0, kSubset, kVisible, 2, false}));
// Named Random, because race checks run only tests of that name: several tiles of keys add to the same rows, in each
// dtype.
INSTANTIATE_TEST_SUITE_P(RandomOrderOfSums, AttentionTest,
                         ::testing::Values(Case{{40}, 1, 32, F, 0, kAll, kVisible, 2, false},
                                           Case{{70}, 1, 32, B, 0, kAll, kVisible, 2, false}));
INSTANTIATE_TEST_SUITE_P(HiddenKeys, AttentionTest,
                         ::testing::Values(Case{{5, 70, 20}, 2, 64, F, 0, kAll, kSomeHidden},
                                           Case{{5, 70, 20}, 2, 64, B, 0, kAll, kSomeHidden},
                                           Case{{90, 20, 150}, 2, 64, B, 0.1f, kSubset, kSomeHidden},
                                           Case{{3, 300}, 1, 32, F, 0.1f, kAll, kSomeHidden}));

INSTANTIATE_TEST_SUITE_P(LargeOffset, AttentionTest,
                         ::testing::Values(Case{{70, 5}, 1, 64, F, 0, kAll, kVisible, 2, true, 6},
                                           Case{{70, 5}, 2, 64, B, 0.1f, kAll, kVisible, 2, true, 6},
                                           Case{{33}, 1, 32, F, 0, kAll, kVisible, 2, true, -9}));

INSTANTIATE_TEST_SUITE_P(Random, AttentionTest, ::testing::ValuesIn(RandomShapes::cases(11, [](RandomShapes& r) {
                           return Case{r.lengths(RandomShapes::most_rows()),
                                       int(r.between(1, 3)),
                                       r.one_of<int>({32, 64, 96, 128}),
                                       r.dtype(),
                                       r.one_of<float>({0, 0.1f, 0.5f}),
                                       r.coin() ? kSubset : kAll,
                                       r.between(0, 2) == 0 ? kSomeHidden : kVisible,
                                       2,
                                       r.coin()};
                         })));

// With equal scores and the identity as V, the outputs show the dropout mask.
TEST(Attention, DropoutBitsAreThoseOfTheContract) {
  for (const Rows rows : {kAll, kSubset})
    for (const DType dtype : {F, B}) {
      Problem p({{128, 99}, 2, 128, dtype, 0.3f, rows});
      p.q_rows->fill(0);
      std::vector<double> kv(size_t(p.tokens() * 2 * p.width()));
      for (int n = 0; n < 2; ++n)
        for (int c = p.r.starts[size_t(n)]; c < p.r.starts[size_t(n) + 1]; ++c)
          for (int head = 0; head < 2; ++head)
            kv[size_t(c * 2 * p.width() + p.width() + head * 128 + c - p.r.starts[size_t(n)])] = 1;
      p.kv_rows->set(kv);
      p.forward();
      const auto out = p.out->get();
      int64_t wrong = 0, kept = 0;
      for (size_t n = 0; n < 2; ++n)
        for (int r = p.r.starts_q[n]; r < p.r.starts_q[n + 1]; ++r)
          for (int head = 0; head < 2; ++head)
            for (int c = 0; c < p.r.starts[n + 1] - p.r.starts[n]; ++c) {
              const bool keep = reference::attention_kept(p.r.seed, p.r.example_keys[n], p.r.layer, head,
                                                          p.r.position[size_t(r)], c, p.r.p);
              wrong += keep != (out[size_t(r * p.width() + head * 128 + c)] != 0);
              kept += keep;
            }
      EXPECT_EQ(wrong, 0) << name_of(dtype) << (rows == kSubset ? " subset" : "");
      EXPECT_GT(kept, 100);
    }
}

// Every other sequence holds NaN: the results of a sequence keep their bits.
TEST(Attention, IsolationOfSequences) {
  for (const Case& c : {Case{{70, 1, 0, 33}, 2, 64, B}, Case{{20, 65, 5}, 1, 32, B, 0.1f},
                        Case{{70, 40}, 1, 96, B, 0, kSubset}, Case{{40, 1, 33}, 1, 128, B, 0.1f, kAll, kSomeHidden},
                        Case{{35, 1, 0, 33}, 1, 64, F, 0.1f}, Case{{40, 33}, 1, 32, F, 0, kSubset}}) {
    Problem p(c);
    p.forward();
    p.backward();
    const auto rows_of = [&](GuardedTensor& t, const std::vector<int>& starts, size_t n) {
      const auto all = t.get();
      return std::vector<double>(all.begin() + starts[n] * p.width(), all.begin() + starts[n + 1] * p.width());
    };
    const auto results = [&](size_t n) {
      return std::vector<std::vector<double>>{rows_of(*p.out, p.r.starts_q, n), rows_of(*p.dq, p.r.starts_q, n),
                                              rows_of(*p.dk, p.r.starts, n), rows_of(*p.dv, p.r.starts, n)};
    };
    const auto alone = [&](GuardedTensor& t, const std::vector<int>& starts, size_t n) {
      std::vector<double> values = t.get();
      for (size_t i = 0; i < values.size(); ++i) {
        const int row = int(i / size_t(t->cols));
        if (row < starts[n] || row >= starts[n + 1]) values[i] = NAN;
      }
      t.set(values);
    };
    std::vector<std::vector<std::vector<double>>> before;
    for (size_t n = 0; n < c.lengths.size(); ++n) before.push_back(results(n));
    const auto q = p.q_rows->get(), kv = p.kv_rows->get(), dout = p.dout->get();
    for (size_t n = 0; n < c.lengths.size(); ++n) {
      p.q_rows->set(q), p.kv_rows->set(kv), p.dout->set(dout);
      alone(*p.q_rows, p.r.starts_q, n), alone(*p.dout, p.r.starts_q, n), alone(*p.kv_rows, p.r.starts, n);
      p.forward();
      p.backward();
      EXPECT_EQ(results(n), before[n]) << c << ", sequence " << n;
    }
  }
}

TEST(Attention, ANanInAValueReachesItsRowsAlone) {
  for (const DType dtype : {F, B}) {
    Problem p({{70, 30}, 1, 64, dtype});
    auto v = p.kv_rows->get();
    v[size_t(75 * 2 * 64 + 64 + 5)] = NAN;  // key 75, of the second sequence, column 5 of v
    p.kv_rows->set(v);
    p.forward();
    const auto out = p.out->get();
    for (size_t i = 0; i < out.size(); ++i) EXPECT_EQ(std::isnan(out[i]), i / 64 >= 70 && i % 64 == 5) << i;
  }
}

// Checks the reference: its backward pass against differences of its forward pass.
TEST(Attention, ReferenceGradientsMatchFiniteDifferences) {
  Problem p({{9, 4}, 2, 32, F, 0.2f});
  const auto gradients = reference::attention(p.r);
  const auto loss = [&] {
    const auto out = reference::attention(p.r).out;
    double sum = 0;
    for (size_t i = 0; i < out.size(); ++i) sum += out[i] * p.r.dout[i];
    return sum;
  };
  double most = 0;
  for (auto [values, gradient] : {std::pair{&p.r.q, &gradients.dq}, {&p.r.k, &gradients.dk}, {&p.r.v, &gradients.dv}})
    for (size_t i = 3; i < values->size(); i += 41) {
      const double before = (*values)[i], step = 1e-5;
      (*values)[i] = before + step;
      const double up = loss();
      (*values)[i] = before - step;
      const double numeric = (up - loss()) / (2 * step);
      (*values)[i] = before;
      EXPECT_NEAR((*gradient)[i], numeric, 1e-7);
      most = std::max(most, std::fabs(numeric));
    }
  EXPECT_GT(most, 0.1) << "the check saw no gradient at all";
}

TEST(Attention, RefusesBrokenRows) {
  Problem p({{8, 8}, 1, 32, F, 0, kSubset});
  Problem broken({{8, 8}, 1, 32, F});
  const int32_t past_the_end = 20, past_its_sequence = 8;
  broken.backend->copy_to_device(broken.shape.cu_seqlens.ptr<int32_t>() + 1, &past_the_end, sizeof past_the_end);
  EXPECT_THROW(broken.forward(), Error);
  if (p.queries() > 0) {
    p.backend->copy_to_device(p.shape.q_position.data, &past_its_sequence, sizeof past_its_sequence);
    EXPECT_THROW(p.forward(), Error);
  }
}

}  // namespace
}  // namespace encore::test
